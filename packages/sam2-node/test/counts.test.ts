/** How much of a machine may be asked for. */
import { createSegmenter } from "sam2-node";
import { expect, test } from "vitest";
import { shares } from "../dist/command/shares.js";
import { checkCount } from "../src/runtime/cores.ts";

const wrong = (name: string, got: string) => ({
  name: "InvalidPromptError",
  message: expect.stringMatching(new RegExp(`^${name}: expected a whole number from 1 to \\d+, got ${got}$`)),
});

test.each([0, -3, 1.5, Number.NaN, 100_000, Number.POSITIVE_INFINITY])("%s is refused", (count) => {
  expect(() => checkCount("threads", count)).toThrow(expect.objectContaining(wrong("threads", String(count))));
});

test.each([1, 2, 16, 64])("%s is let through, on any machine", (count) => {
  expect(() => checkCount("threads", count)).not.toThrow();
});

test.each([-3, 1.5])("createSegmenter refuses %s threads by the option's name", async (threads) => {
  await expect(createSegmenter({ threads })).rejects.toMatchObject(wrong("threads", String(threads)));
});

test("a command refuses a thousand models beside each other", () => {
  expect(() => shares(1000)).toThrow(expect.objectContaining(wrong("--workers", "1000")));
});
