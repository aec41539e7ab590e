/** Writes one answer of Livepeer's in a thread of its own: first comes the result, then a "more" for each chunk. */
import type { LivepeerSource } from "sam2-core";
import { answerChunks } from "./answer-text.ts";

let chunks: ReturnType<typeof answerChunks> | undefined;

addEventListener("message", ({ data }: MessageEvent<LivepeerSource | "more">) => {
  if (data !== "more") {
    chunks = answerChunks(data);
    return;
  }
  const { value } = chunks?.next() ?? {};
  // nothing is left after the last chunk
  postMessage(value ?? null, value ? { transfer: [value.buffer] } : {});
});
