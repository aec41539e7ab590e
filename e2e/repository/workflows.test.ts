/** A change is checked on GitHub as it is by .ci/run. */
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

const read = (name: string): Promise<string> => readFile(new URL(`../../${name}`, import.meta.url), "utf8");

/** The commands of this repository that a script or a workflow runs. */
async function commands(name: string): Promise<Set<string>> {
  const found = (await read(name)).matchAll(/^(?: *- run: )?npm (?:run )?([a-z:]+)/gm);
  return new Set([...found].map(([, command = ""]) => command));
}

test("the workflow of checks runs all that .ci/run runs", async () => {
  const wanted = await commands(".ci/run");
  expect(wanted).toContain("test");
  expect([...(await commands(".github/workflows/checks.yml"))].sort()).toEqual([...wanted].sort());
});
