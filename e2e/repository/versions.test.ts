/** The packages are published together, and run together in one version only. */
import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";

interface Package {
  readonly name: string;
  readonly version: string;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const PACKAGES = new URL("../../packages/", import.meta.url);
const names = (await readdir(PACKAGES)).filter((name) => name.startsWith("sam2-"));
const packages = await Promise.all(
  names.map(
    async (name): Promise<Package> => JSON.parse(await readFile(new URL(`${name}/package.json`, PACKAGES), "utf8")),
  ),
);

/** A package's peers of this repository; the built-in model is none: it is checked when it is opened. */
const peers = packages.flatMap(({ name, version, peerDependencies = {} }) =>
  Object.keys(peerDependencies)
    .filter((peer) => peer !== "sam2-mini" && names.includes(peer))
    .map((peer) => ({ name, peer, version, wanted: peerDependencies[peer] })),
);

test("there are peers to look at", () => {
  expect(peers.map(({ name, peer }) => `${name} ${peer}`)).toContain("sam2-node sam2-hosted");
});

test.each(peers)("$name runs with $peer of its own version alone", ({ version, wanted }) => {
  expect(wanted).toBe(version);
});
