/** How much of a machine may be asked for, and options that are refused before anything is opened. */
import { createSegmenter } from "sam2-node";
import { describe, expect, test } from "vitest";
import { shares } from "../dist/command/shares.js";
import { localSource } from "../dist/model/source.js";
import { checkCount } from "../src/runtime/cores.ts";
import { run } from "./run-command.ts";

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

test.each([5, true, null])("a model that is %s is refused by name", async (model) => {
  await expect(localSource(model as never)).rejects.toMatchObject({
    name: "UnknownModelError",
    message: `model: expected a model's name, folder or address, an export or a checkpoint; got ${model}`,
  });
});

describe("the address of a server", () => {
  test.each(["notaurl", "ftp://host", "https://"])("%s is refused", async (address) => {
    expect(await run("serve", "--public-url", address, "--model", "nowhere", "--port", "0")).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /'--public-url <url>' argument '.*' is invalid. expected an address such as https:/,
      ),
    });
  });
});
