/** A result in the JSON form of Livepeer's `POST /segment-anything-2`. */
import { Sam2Error } from "sam2-contract";
import type { Tensor } from "../prompt/prompt.ts";
import { fullLogits, fullMask } from "./full-size.ts";
import type { SegmentResult } from "./result.ts";

/** Three strings, each a JSON array. If there is one object, its axis is left out, as in the service. */
export interface LivepeerJson {
  /** Masks [B,K,H,W]: 0 and 1, or logits where `return_logits` was asked for. */
  readonly masks: string;
  /** Predicted IoU [B,K]. */
  readonly scores: string;
  /** Low-resolution logits [B,K,S/4,S/4]. */
  readonly logits: string;
}

/** The parts of a result that its JSON form is made from. They are small, and can be copied to a worker. */
export type LivepeerSource = Pick<
  SegmentResult,
  "scores" | "logits" | "settledLogits" | "closeUps" | "width" | "height" | "returnLogits"
>;

/** The longest string in Chromium, in characters; other browsers allow longer ones. */
const LONGEST_STRING = 2 ** 29 - 24;

/**
 * Estimates how many characters the masks of an answer take as JSON, before they are made.
 *
 * @param masks number of masks, of all objects
 * @example
 * ```ts
 * livepeerLength(4000, 3000, 3, true); // 720 million: too long for a string
 * ```
 */
export function livepeerLength(width: number, height: number, masks: number, returnLogits: boolean): number {
  // "0," for a pixel; a 32-bit float has 18.7 characters on average, and a comma
  return width * height * masks * (returnLogits ? 20 : 2);
}

/**
 * Masks, scores and logits as the service returns them, sorted by descending score.
 *
 * @throws InvalidPromptError if the masks are too long for a string; `writeLivepeerJSON` has no such limit
 * @example
 * ```ts
 * const { masks, scores, logits } = toLivepeerJSON(result); // three strings, each a JSON array
 * ```
 */
export function toLivepeerJSON(result: LivepeerSource): LivepeerJson {
  const { width, height, returnLogits, logits } = result;
  const [batch = 0, count = 0] = logits.dims;
  if (livepeerLength(width, height, batch * count, returnLogits) > LONGEST_STRING) {
    const values = `${batch * count} masks of ${width}×${height}`;
    throw new Sam2Error("InvalidPromptError", `${values} are too long for a string: expected fewer or smaller ones`);
  }
  return {
    masks: [...maskRows(result)].join(""),
    scores: [...tensorRows(result.scores)].join(""),
    logits: [...tensorRows(logits)].join(""),
  };
}

/**
 * The same as JSON text, a row of pixels at a time. Neither the text nor the masks are ever whole in memory.
 *
 * @returns pieces of the JSON text of a `LivepeerJson`
 * @example
 * ```ts
 * const answer = new Blob([...writeLivepeerJSON(result)], { type: "application/json" });
 * ```
 */
export function* writeLivepeerJSON(result: LivepeerSource): Generator<string, void> {
  // numbers, commas and brackets need no escape inside a JSON string
  yield '{"masks":"';
  yield* maskRows(result);
  yield '","scores":"';
  yield* tensorRows(result.scores);
  yield '","logits":"';
  yield* tensorRows(result.logits);
  yield '"}';
}

/** Full-size masks [B,K,H,W] as JSON; only one of them is in memory at a time. */
function* maskRows(result: LivepeerSource): Generator<string> {
  const { settledLogits, width, height, returnLogits } = result;
  const [batch = 0, count = 0] = settledLogits.dims;
  let plane: Float32Array | Uint8Array = new Uint8Array();
  yield* rows([batch, count, height, width], (row) => {
    const y = row % height;
    if (y === 0) {
      const at = row / height;
      const [object, index] = [Math.floor(at / count), at % count];
      plane = returnLogits ? fullLogits(result, object, index) : fullMask(result, object, index).data;
    }
    return plane.subarray(y * width, (y + 1) * width);
  });
}

function* tensorRows({ data, dims }: Tensor): Generator<string> {
  const width = dims.at(-1) ?? 0;
  yield* rows(dims, (row) => data.subarray(row * width, (row + 1) * width));
}

/** Puts brackets around rows according to a tensor's shape; a first axis of length 1 is left out. */
function* rows(dims: readonly number[], row: (index: number) => Float32Array | Uint8Array): Generator<string> {
  const outer = dims.slice(dims[0] === 1 ? 1 : 0, -1);
  const count = outer.reduce((product, size) => product * size, 1);
  for (let index = 0; index < count; index++) {
    let [opening, closing] = ["[", "]"];
    // brackets before and after this row: one for each axis that begins or ends with it
    let size = 1;
    for (const axis of outer.toReversed()) {
      size *= axis;
      if (index % size === 0) opening += "[";
      if ((index + 1) % size === 0) closing += "]";
    }
    yield `${index > 0 ? "," : ""}${opening}${row(index).join()}${closing}`;
  }
}
