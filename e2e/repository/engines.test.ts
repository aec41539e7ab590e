/** Whatever is installed runs on the oldest Node that this project promises. */
import { readFile } from "node:fs/promises";
import { satisfies } from "semver";
import { expect, test } from "vitest";

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly engines?: { readonly node?: string } }>>;
}

const read = async <T>(name: string): Promise<T> =>
  JSON.parse(await readFile(new URL(`../../${name}`, import.meta.url), "utf8"));

test("no package wants a newer Node than 20.19", async () => {
  const { engines } = await read<{ engines: { node: string } }>("package.json");
  expect(engines.node).toBe(">=20.19");
  const { packages } = await read<Lockfile>("package-lock.json");
  const wanting = Object.entries(packages).filter(([, { engines }]) => !satisfies("20.19.0", engines?.node ?? "*"));
  expect(wanting.map(([name, { engines }]) => `${name}: ${engines?.node}`)).toEqual([]);
});
