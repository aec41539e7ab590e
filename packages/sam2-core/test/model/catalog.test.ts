/** The models that are known by name. */
import { expect, test } from "vitest";
import { CATALOG } from "../../src/model/catalog.ts";
import { knownWeights } from "../../src/model/known-weights.ts";

test.each(
  CATALOG.flatMap(({ id, source }) => (source ? [[id, (source as { checkpoint: string }).checkpoint] as const] : [])),
)("%s is of one commit, its weights of one hash", (_, checkpoint) => {
  expect(checkpoint).toMatch(/^https:\/\/huggingface\.co\/[\w.-]+\/[\w.-]+\/resolve\/[0-9a-f]{40}\/$/);
  expect(knownWeights(checkpoint)).toMatch(/^[0-9a-f]{64}$/);
});

test("nothing is known of other weights", () => {
  expect(knownWeights("https://huggingface.co/facebook/sam2.1-hiera-tiny/resolve/main/")).toBeUndefined();
});
