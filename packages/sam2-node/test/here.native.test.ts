/** Pictures on this machine: how many a segmenter has at a time, and what becomes of those whose thread ends. */
import { Sam2Error } from "sam2-contract";
import type { Segmenter } from "sam2-node";
import { expect, test } from "vitest";
import { runHere } from "../dist/command/here.js";
import { FIXTURES, PHOTO } from "./reference.ts";

const TOY = { model: `${FIXTURES}toy`, device: "cpu" } as const;
const run = (pictures: string[], work: (segmenter: Segmenter, path: string, name: string) => Promise<void>) =>
  runHere({ pictures, folder: "in", segmenter: TOY, workers: 1, work });

test("while one picture is in the model, the next one is begun, and no third", async () => {
  const begun = new Map<string, () => void>();
  const done = run(["a", "b", "c"], (_, path) => new Promise((resolve) => begun.set(path, resolve)));
  const paths = (): string[] => [...begun.keys()];
  await expect.poll(paths, { timeout: 30_000 }).toEqual(["in/a", "in/b"]);
  begun.get("in/a")?.();
  await expect.poll(paths, { timeout: 30_000 }).toEqual(["in/a", "in/b", "in/c"]);
  for (const end of begun.values()) end();
  expect(await done).toEqual([]);
});

test("a picture that ends its thread is told; the one beside it is done again, alone", async () => {
  const tries: string[] = [];
  const failed = await run(["bad", "beside", "after"], async (_, __, name) => {
    tries.push(name);
    // it takes along what is beside it
    const isLost = name === "bad" || (name === "beside" && tries.filter((each) => each === name).length === 1);
    if (isLost) throw new Sam2Error("DeviceError", "the worker ended");
  });
  expect(failed).toEqual([{ picture: "bad", error: "DeviceError: the worker ended" }]);
  expect(tries).toEqual(["bad", "beside", "after", "bad", "beside"]);
});

test("a picture whose run fails is told; the one beside it, which the restart interrupts, is done again, alone", async () => {
  const tries: string[] = [];
  const failed = await run(["bad", "beside", "after"], async (segmenter, _, name) => {
    tries.push(name);
    if (name === "bad") throw new Sam2Error("DeviceError", "the encoder failed while it ran");
    await (await segmenter.setImage(PHOTO)).release();
  });
  expect(failed).toEqual([{ picture: "bad", error: "DeviceError: the encoder failed while it ran" }]);
  expect(tries.toSorted()).toEqual(["after", "bad", "bad", "beside", "beside"]);
});
