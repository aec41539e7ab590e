/** What fuzzing found once holds, or is refused by name. */
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { keptCases } from "../corpus.ts";
import { Runner } from "../runner.ts";

const runner = new Runner(fileURLToPath(new URL("../targets.ts", import.meta.url)));
afterAll(() => runner.close());

test.each(keptCases())("$target: $file", async ({ target, bytes }) => {
  const [outcome] = await runner.run(target, [bytes]);
  expect(["held", "refused"], JSON.stringify(outcome)).toContain(outcome?.kind);
});
