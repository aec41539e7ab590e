/** Livepeer's answer as a stream: hundreds of megabytes of numbers, which must neither stop the page nor be whole in memory. */
import { Sam2Error } from "sam2-contract";
import type { LivepeerSource } from "sam2-core";
import { answerChunks } from "./answer-text.ts";

/**
 * Writes an answer while it is read: in a worker, or, where there are none, on this thread with a pause after each chunk.
 *
 * @param signal ends it; reading then rejects with its reason
 */
export function streamAnswer(result: LivepeerSource, signal: AbortSignal): ReadableStream<Uint8Array> {
  // a SegmentResult has getters that would make the masks; these parts can be copied
  const { scores, logits, settledLogits, closeUps, width, height, returnLogits } = result;
  const source: LivepeerSource = { scores, logits, settledLogits, closeUps, width, height, returnLogits };
  const writer = typeof Worker === "undefined" ? onThisThread(source) : inWorker(source);
  return new ReadableStream({
    start: (controller) => {
      signal.addEventListener(
        "abort",
        () => {
          writer.close(signal.reason);
          controller.error(signal.reason);
        },
        { once: true },
      );
    },
    pull: async (controller) => {
      const chunk = await writer.next();
      if (signal.aborted) return;
      if (chunk) controller.enqueue(chunk);
      else {
        writer.close(null);
        controller.close();
      }
    },
    cancel: (reason) => writer.close(reason),
  });
}

/** Where the chunks come from; null after the last one. */
interface Writer {
  next(): Promise<Uint8Array | null>;
  close(reason: unknown): void;
}

function onThisThread(source: LivepeerSource): Writer {
  const chunks = answerChunks(source);
  return {
    next: async () => {
      await new Promise((resolve) => setTimeout(resolve));
      return chunks.next().value ?? null;
    },
    close: () => void chunks.return(),
  };
}

function inWorker(source: LivepeerSource): Writer {
  const worker = new Worker(new URL("./answer-worker.js", import.meta.url), { type: "module", name: "sam2-hosted" });
  let waiting: { resolve(chunk: Uint8Array | null): void; reject(reason: unknown): void } | undefined;
  worker.onmessage = ({ data }: MessageEvent<Uint8Array | null>) => waiting?.resolve(data);
  worker.onerror = ({ message }) => {
    const why = message || "its script failed to load";
    waiting?.reject(new Sam2Error("DeviceError", `the worker that writes the answer stopped: ${why}`));
  };
  worker.postMessage(source);
  return {
    next: () =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        worker.postMessage("more");
      }),
    close: (reason) => {
      worker.terminate();
      waiting?.reject(reason);
    },
  };
}
