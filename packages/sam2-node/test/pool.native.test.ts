/** Segmenters side by side: how many pictures are decoded at a time, which call comes first, and what is opened again. */
import { cp, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sam2Error } from "sam2-contract";
import type { Segmenter } from "sam2-node";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { SegmenterPool } from "../dist/serve/pool.js";
import { FIXTURES, PHOTO } from "./reference.ts";

const POINT = { point_coords: [[200, 100]], point_labels: [1] };

let pool: SegmenterPool;
let photo: Blob;
beforeAll(async () => {
  photo = new Blob([await readFile(PHOTO)]);
  pool = await SegmenterPool.open({ model: `${FIXTURES}toy`, device: "cpu", threads: 1 }, 1);
});
afterAll(() => pool.dispose());

test("however many ask at once, two pictures are decoded at a time, and the others wait as files", async () => {
  let inside = 0;
  const most: number[] = [];
  const ask = async (): Promise<void> => {
    const onProgress = ({ phase }: { readonly phase: string }): void => {
      if (phase === "decode") most.push(++inside);
    };
    const image = await pool.setImage(photo, { onProgress });
    inside--;
    await image.release();
  };
  await Promise.all(Array.from({ length: 16 }, ask));
  expect(most).toHaveLength(16);
  expect(Math.max(...most)).toBeLessThanOrEqual(2);
});

test("a question about a picture that is set comes before pictures that are not", async () => {
  const image = await pool.setImage(photo);
  const ended: string[] = [];
  const anew = Array.from({ length: 6 }, async (_, i) => {
    const other = await pool.setImage(photo);
    ended.push(`picture ${i}`);
    await other.release();
  });
  await pool.segment({ image, ...POINT });
  ended.push("question");
  await Promise.all(anew);
  expect(ended.indexOf("question")).toBeLessThan(4);
  await image.release();
});

test("whoever gives up while waiting is not worked for", async () => {
  const stop = new AbortController();
  const begun: number[] = [];
  const calls = Array.from({ length: 6 }, (_, i) =>
    pool.borrow(
      async (segmenter) => {
        begun.push(i);
        await (await segmenter.setImage(photo)).release();
      },
      i === 4 ? { signal: stop.signal } : {},
    ),
  );
  stop.abort();
  const ends = await Promise.allSettled(calls);
  expect(ends.map(({ status }) => status)).toEqual(ends.map((_, i) => (i === 4 ? "rejected" : "fulfilled")));
  expect(begun).toEqual([0, 1, 2, 3, 5]);
});

describe("beside a call whose run fails, so that the segmenter is restarted", () => {
  const failing = (): Promise<never> => pool.borrow(() => Promise.reject(new Sam2Error("DeviceError", "a run failed")));

  test("a call with its picture is made again", async () => {
    const beside = pool.setImage(photo);
    await expect(failing()).rejects.toMatchObject({ name: "DeviceError" });
    const image = await beside;
    await pool.segment({ image, ...POINT });
    await image.release();
  });

  test("a call that was given up is not", async () => {
    const stop = new AbortController();
    let tries = 0;
    const work = async (segmenter: Segmenter): Promise<void> => {
      tries++;
      await segmenter.setImage(photo, { signal: stop.signal });
    };
    const beside = pool.borrow(work, { signal: stop.signal });
    await Promise.all([
      expect(beside).rejects.toMatchObject({ name: "AbortError" }),
      expect(failing()).rejects.toMatchObject({ name: "DeviceError" }),
      stop.abort(),
    ]);
    expect(tries).toBe(1);
  });
});

test("after its thread has ended it is opened again, and whoever comes next is answered", async () => {
  const restart = vi.fn();
  const lost = pool.borrow(async (segmenter) => {
    vi.spyOn(segmenter, "restart").mockImplementation(restart.mockResolvedValue(undefined));
    throw new Sam2Error("DeviceError", "the worker ended");
  });
  await expect(lost).rejects.toMatchObject({ name: "DeviceError" });
  expect(restart).toHaveBeenCalledOnce();
  await (await pool.setImage(photo)).release();
});

test("where it could not be opened again, whoever comes later has that tried once more", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sam2-pool-"));
  const model = join(folder, "model");
  await cp(`${FIXTURES}toy`, model, { recursive: true });
  const own = await SegmenterPool.open({ model, device: "cpu", threads: 1 }, 1);
  onTestFinished(async () => {
    await own.dispose();
    await rm(folder, { recursive: true });
  });
  await rename(model, `${model} away`);
  let ended: Promise<unknown> = Promise.resolve();
  const lost = own.borrow(async (segmenter) => {
    const restart = segmenter.restart.bind(segmenter);
    vi.spyOn(segmenter, "restart").mockImplementationOnce(() => {
      const done = restart();
      ended = done.catch(() => undefined);
      return done;
    });
    throw new Sam2Error("DeviceError", "the worker ended");
  });
  await expect(lost).rejects.toMatchObject({ name: "DeviceError" });
  await ended;
  await rename(`${model} away`, model);
  await (await own.setImage(photo)).release();
});
