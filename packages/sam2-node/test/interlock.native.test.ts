/** No thread is ended inside a call of native code: that would take the whole process down. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { expect, test, vi } from "vitest";
import { Interlock } from "../dist/runtime/interlock.js";
import { startWorker, threadsEnded } from "../dist/threads.js";
import { FIXTURES, PHOTO } from "./reference.ts";

const dist = (file: string): string => new URL(`../dist/${file}`, import.meta.url).href;

/** What a thread has done: calls that it was asked for, that it has begun, and whether they may end. */
const [ASKED, BEGUN, MAY_END] = [0, 1, 2];

/** A thread whose calls block it, as those of native code do. */
const THREAD = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { counts } = workerData;
  import("${dist("runtime/interlock.js")}").then(({ interlock }) => parentPort.on("message", () => {
    Atomics.add(counts, ${ASKED}, 1);
    void interlock.inside(async () => {
      Atomics.add(counts, ${BEGUN}, 1);
      Atomics.wait(counts, ${MAY_END}, 0);
    });
  }));
`;

test("holding waits for the call that the thread is in, and lets no further one begin", async () => {
  const interlock = new Interlock();
  const counts = new Int32Array(new SharedArrayBuffer(12));
  const thread = new Worker(THREAD, { eval: true, workerData: { interlock: interlock.shared, counts } });
  const count = (place: number) => (): number => Atomics.load(counts, place);
  thread.postMessage("call");
  await expect.poll(count(BEGUN), { timeout: 30_000 }).toBe(1);

  let isHeld = false;
  const held = interlock.hold().then(() => {
    isHeld = true;
  });
  // as long as several of its looks
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(isHeld).toBe(false);
  Atomics.store(counts, MAY_END, 1);
  Atomics.notify(counts, MAY_END);
  await held;

  thread.postMessage("call");
  await expect.poll(count(ASKED), { timeout: 30_000 }).toBe(2);
  await thread.terminate();
  expect(count(BEGUN)()).toBe(1);
});

test("of two calls at a time, one ends while the other is not let in", async () => {
  const interlock = new Interlock();
  let end: () => void = () => undefined;
  const first = interlock.inside(() => new Promise<void>((resolve) => (end = resolve)));
  const held = interlock.hold();
  let isBegun = false;
  void interlock.inside(async () => {
    isBegun = true;
  });
  end();
  await first;
  await held;
  expect(isBegun).toBe(false);
});

test("a thread that is in no call is held at once", async () => {
  const interlock = new Interlock();
  await interlock.inside(async () => undefined);
  await expect(interlock.inside(() => Promise.reject(new Error("of the call")))).rejects.toThrow("of the call");
  await interlock.hold();
});

test("a model is opened when the threads that were told to end have ended", async () => {
  const order: string[] = [];
  let end: () => void = () => undefined;
  vi.spyOn(Interlock.prototype, "hold").mockReturnValueOnce(new Promise((resolve) => (end = resolve)));
  startWorker().terminate();
  const thread = startWorker();
  const watched = thread.watch(null, () => undefined, AbortSignal.abort()).then(() => order.push("watched"));
  await new Promise(setImmediate);
  order.push("ended");
  end();
  await watched;
  expect(order).toEqual(["ended", "watched"]);
  thread.terminate();
  await threadsEnded();
});

test("dispose() in the middle of an encoding, then the process's end: it ends as it was told", async () => {
  const script = `
    import { createSegmenter } from "${dist("index.js")}";
    const segmenter = await createSegmenter({ device: "cpu" });
    const reasons = [];
    await new Promise((resolve) => {
      const onProgress = ({ phase }) => phase === "encode" && resolve();
      segmenter.setImage(${JSON.stringify(PHOTO)}, { onProgress }).catch(({ name }) => reasons.push(name));
    });
    await segmenter.dispose();
    console.log(reasons.join());
    process.exit(7);
  `;
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const ended = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], { cwd });
  await expect(ended).rejects.toMatchObject({ code: 7, stdout: "DisposedError\n", stderr: "" });
});

test.each([
  [["--max-old-space-size=500"]],
  [["--input-type=module", "--max-old-space-size=500"]],
  [["--input-type", "module"]],
])("a program that is started with %j can open a segmenter", async (options) => {
  const script = `
      import("${dist("index.js")}").then(async ({ createSegmenter }) => {
        const segmenter = await createSegmenter({ model: ${JSON.stringify(`${FIXTURES}toy`)}, device: "cpu" });
        console.log(segmenter.device.encoder);
        await segmenter.dispose();
      });
    `;
  const { stdout } = await promisify(execFile)(process.execPath, [...options, "--eval", script]);
  expect(stdout).toBe("cpu\n");
});
