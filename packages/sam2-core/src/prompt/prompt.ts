/**
 * Validates a prompt (the parameters of Livepeer's API) and converts it to the model's coordinates. Livepeer's
 * snake_case names are not used beyond this file.
 */
import { Sam2Error } from "sam2-contract";

/** Numbers as the caller may give them: nested arrays, one typed array, or a JSON string of an array. */
export type NumbersLike = string | readonly unknown[] | Float32Array | Float64Array | Int32Array | Uint8Array;

/** A tensor: values in row-major order, and the shape. */
export interface Tensor<T extends Float32Array | Uint8Array = Float32Array> {
  /** Values, row-major. */
  readonly data: T;
  /** Shape. */
  readonly dims: readonly number[];
}

/** What to segment: the prompt parameters of Livepeer's `segment-anything-2`, and `point`. */
export interface SegmentPrompt {
  /** One point on the object: short for `point_coords: [point]` with `point_labels: [1]`. */
  readonly point?: readonly [number, number] | undefined;
  /** Points [N,2], or [B,N,2] for B objects: x, y in pixels of the image (see `normalize_coords`). */
  readonly point_coords?: NumbersLike | Tensor | undefined;
  /** 1 for a point on the object, 0 for a point not on it: [N] or [B,N]; required with `point_coords`. */
  readonly point_labels?: NumbersLike | Tensor | undefined;
  /** Box x1, y1, x2, y2: [4], or [B,4] for B objects. */
  readonly box?: NumbersLike | Tensor | undefined;
  /** Low-resolution logits of an earlier result: [S/4,S/4], [1,S/4,S/4] or [B,1,S/4,S/4]. */
  readonly mask_input?: NumbersLike | Tensor | undefined;
  /** Three masks for ambiguous prompts (default), or the single best. */
  readonly multimask_output?: boolean | undefined;
  /** Whether `masks` holds logits instead of 0 and 1; `false` by default. */
  readonly return_logits?: boolean | undefined;
  /** `true` (default): coordinates are pixels of the image. `false`: they are already in [0,1]. */
  readonly normalize_coords?: boolean | undefined;
  /**
   * Holes of at most this many cells of the low-resolution mask [S/4,S/4] are filled; 0 by default. This and
   * `max_sprinkle_area` are parameters of Meta's `SAM2ImagePredictor`, not of Livepeer's API.
   */
  readonly max_hole_area?: number | undefined;
  /** Islands of at most this many cells are removed; 0 by default. */
  readonly max_sprinkle_area?: number | undefined;
}

/** A prompt in the model's own terms. */
export interface ModelPrompt {
  /** [B,N,2] in pixels of the model input. */
  readonly coords: Tensor;
  /** [B,N]: 1, 0, 2 and 3 for the corners of a box, −1 for padding. */
  readonly labels: Tensor;
  /** [B,1,S/4,S/4], or null. */
  readonly mask: Tensor | null;
  readonly multimask: boolean;
}

/** The sizes that the conversion of a prompt depends on, in pixels. */
export interface PromptSpace {
  readonly width: number;
  readonly height: number;
  /** Side of the model input. */
  readonly imageSize: number;
  /** Side of the low-resolution masks. */
  readonly maskSize: number;
}

function invalid(field: string, expected: string, came: string): Sam2Error {
  return new Sam2Error("InvalidPromptError", `${field}: expected ${expected}, got ${came}`);
}

/** The label of a box's upper left corner, which the model takes as a point. */
export const TOP_LEFT = 2;
/** The label of a box's lower right corner. */
const BOTTOM_RIGHT = 3;

/** The most axes that a tensor of a prompt can have. */
const MOST_AXES = 4;

/** The shape of nested arrays, judged by the first element of each. */
function shapeOf(value: unknown, axes = MOST_AXES): number[] {
  if (!Array.isArray(value) || axes === 0) return [];
  return [value.length, ...(value.length > 0 ? shapeOf(value[0], axes - 1) : [])];
}

function isTensor(value: object): value is Tensor {
  const { data, dims } = value as Partial<Record<keyof Tensor, unknown>>;
  const isSize = (size: unknown): boolean => Number.isSafeInteger(size) && (size as number) >= 0;
  return ArrayBuffer.isView(data) && Array.isArray(dims) && dims.every(isSize);
}

/** Reads nested arrays, typed arrays or JSON into a tensor; a ragged array is refused. */
function readTensor(field: string, value: NumbersLike | Tensor): Tensor {
  if (ArrayBuffer.isView(value)) {
    const data = Float32Array.from(value as Float32Array, Number);
    return checkFinite(field, { data, dims: [data.length] });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    if (!isTensor(value))
      throw invalid(field, "an array such as [x, y], or a tensor of data and dims", "another object");
    const { data, dims } = value;
    if (data.length !== dims.reduce((product, size) => product * size, 1)) {
      throw invalid(field, `values for [${dims}]`, `${data.length} values`);
    }
    return checkFinite(field, { data: Float32Array.from(data, Number), dims });
  }
  let array: unknown = value;
  if (typeof value === "string") {
    try {
      array = JSON.parse(value);
    } catch {
      throw invalid(field, "a JSON array", JSON.stringify(value.slice(0, 80)));
    }
  }
  if (!Array.isArray(array)) throw invalid(field, "an array", array === null ? "null" : typeof array);
  const dims = shapeOf(array);
  const flat: unknown[] = array.flat(MOST_AXES - 1);
  const count = dims.reduce((product, size) => product * size, 1);
  const text = flat.find((item) => typeof item === "string");
  if (text !== undefined) throw invalid(field, "numbers", `the text ${JSON.stringify(text.slice(0, 80))}`);
  if (flat.length !== count || flat.some((item) => typeof item !== "number")) {
    throw invalid(field, "an array of numbers, all rows of one length", `shape [${dims}] with ${flat.length} values`);
  }
  return checkFinite(field, { data: Float32Array.from(flat as number[]), dims });
}

function checkFinite(field: string, tensor: Tensor): Tensor {
  const at = tensor.data.findIndex((item) => !Number.isFinite(item));
  if (at >= 0) throw invalid(field, "finite numbers", `${tensor.data[at]} at index ${at}`);
  return tensor;
}

/** Splits a flat list into rows of `last` values, and adds axes of length 1 in front until there are `rank`. */
function withRank(field: string, tensor: Tensor, rank: number, last: number | null, expected: string): Tensor {
  let dims = tensor.dims;
  if (last !== null && dims.length === 1 && dims[0] !== undefined && dims[0] % last === 0 && rank > 1) {
    dims = [dims[0] / last, last];
  }
  while (dims.length < rank) dims = [1, ...dims];
  if (dims.length !== rank || (last !== null && dims.at(-1) !== last)) {
    throw invalid(field, expected, `shape [${tensor.dims}]`);
  }
  return { data: tensor.data, dims };
}

interface Objects {
  readonly count: number;
  readonly points: number;
  readonly coords: Tensor | null;
  readonly labels: Tensor | null;
  readonly boxes: Tensor | null;
  readonly mask: Tensor | null;
}

/** Writes a `point` in full. */
function withPoint({ point, ...prompt }: SegmentPrompt): SegmentPrompt {
  if (point === undefined) return prompt;
  if (prompt.point_coords !== undefined || prompt.point_labels !== undefined) {
    throw invalid("point", "it alone, or point_coords with point_labels", "both");
  }
  const { dims } = readTensor("point", point);
  if (dims.length !== 1 || dims[0] !== 2) throw invalid("point", "x, y", `shape [${dims}]`);
  return { ...prompt, point_coords: [point], point_labels: [1] };
}

function readObjects(prompt: SegmentPrompt, maskSize: number): Objects {
  const { point_coords, point_labels, box, mask_input } = withPoint(prompt);
  if ((point_coords === undefined) !== (point_labels === undefined)) {
    const [given, missing] =
      point_coords === undefined ? ["point_labels", "point_coords"] : ["point_coords", "point_labels"];
    throw invalid(missing, `it with ${given}`, "nothing");
  }
  let coords: Tensor | null = null;
  let labels: Tensor | null = null;
  if (point_coords !== undefined && point_labels !== undefined) {
    coords = withRank("point_coords", readTensor("point_coords", point_coords), 3, 2, "[N,2] or [B,N,2]");
    labels = withRank("point_labels", readTensor("point_labels", point_labels), 2, null, "[N] or [B,N]");
    const [batch = 0, points = 0] = coords.dims;
    if (labels.dims[0] !== batch || labels.dims[1] !== points) {
      throw invalid("point_labels", `one for each point, [${batch},${points}]`, `[${labels.dims}]`);
    }
    const bad = labels.data.find((label) => label !== 0 && label !== 1);
    if (bad !== undefined) throw invalid("point_labels", "0 or 1", `${bad}`);
  }
  const boxes =
    box === undefined ? null : withRank("box", readTensor("box", box), 2, 4, "[4] or [B,4]: x1, y1, x2, y2");
  for (let i = 0; boxes !== null && i < boxes.data.length; i += 4) {
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.data.subarray(i, i + 4);
    if (x2 <= x1 || y2 <= y1) throw invalid("box", "x1 < x2 and y1 < y2", `[${[x1, y1, x2, y2]}]`);
  }
  let mask: Tensor | null = null;
  if (mask_input !== undefined) {
    mask = readTensor("mask_input", mask_input);
    if (mask.dims.length === 1 && mask.data.length === maskSize ** 2) mask = { ...mask, dims: [maskSize, maskSize] };
    mask = withRank("mask_input", mask, 4, null, `[B,1,${maskSize},${maskSize}]`);
    if (mask.dims[1] !== 1 || mask.dims[2] !== maskSize || mask.dims[3] !== maskSize) {
      throw invalid("mask_input", `low-resolution logits [${maskSize},${maskSize}]`, `shape [${mask.dims}]`);
    }
  }
  const counts = [coords, boxes, mask].filter((tensor) => tensor !== null).map((tensor) => tensor.dims[0] as number);
  const count = Math.max(...counts, 0);
  if (count === 0) throw invalid("prompt", "point, point_coords, box or mask_input", "none of them");
  if (counts.some((size) => size !== count && size !== 1) || (coords !== null && coords.dims[0] !== count)) {
    throw invalid("prompt", "one number of objects in points, boxes and masks", `${counts.join(" and ")}`);
  }
  const points = coords?.dims[1] ?? 0;
  if (points === 0 && boxes === null && mask === null) throw invalid("point_coords", "at least one point", "none");
  return { count, points, coords, labels, boxes, mask };
}

/**
 * Validates a prompt and converts it to the model's coordinates.
 *
 * A box becomes two points with labels 2 and 3 before the others, as in Meta's predictor. Points
 * outside the image are passed on as they are: the reference does not clamp them either.
 *
 * @throws InvalidPromptError
 */
export function toModelPrompt(prompt: SegmentPrompt, space: PromptSpace): ModelPrompt {
  for (const name of ["multimask_output", "return_logits", "normalize_coords"] as const) {
    const value: unknown = prompt[name];
    if (value !== undefined && typeof value !== "boolean") throw invalid(name, "true or false", typeof value);
  }
  const { count, points, coords, labels, boxes, mask } = readObjects(prompt, space.maskSize);
  const normalize = prompt.normalize_coords ?? true;
  const scale = [
    normalize ? space.imageSize / space.width : space.imageSize,
    normalize ? space.imageSize / space.height : space.imageSize,
  ] as const;
  const corners = boxes === null ? 0 : 2;
  // a mask without points or box gets one padding point, as in the reference
  const total = Math.max(corners + points, 1);
  const outCoords = new Float32Array(count * total * 2);
  const outLabels = new Float32Array(count * total).fill(-1);
  for (let b = 0; b < count; b++) {
    const row = b * total;
    const put = (index: number, x: number, y: number, label: number): void => {
      outCoords[2 * (row + index)] = x * scale[0];
      outCoords[2 * (row + index) + 1] = y * scale[1];
      outLabels[row + index] = label;
    };
    if (boxes !== null) {
      const from = boxes.dims[0] === 1 ? 0 : 4 * b;
      const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.data.subarray(from, from + 4);
      put(0, x1, y1, TOP_LEFT);
      put(1, x2, y2, BOTTOM_RIGHT);
    }
    for (let p = 0; coords !== null && labels !== null && p < points; p++) {
      const at = b * points + p;
      put(corners + p, coords.data[2 * at] as number, coords.data[2 * at + 1] as number, labels.data[at] as number);
    }
  }
  return {
    // scaling can make finite numbers overflow
    coords: checkFinite("coordinates in the model's pixels", { data: outCoords, dims: [count, total, 2] }),
    labels: { data: outLabels, dims: [count, total] },
    mask: mask === null ? null : repeated(mask, count),
    multimask: prompt.multimask_output ?? true,
  };
}

function repeated(mask: Tensor, count: number): Tensor {
  if (mask.dims[0] === count) return mask;
  const data = new Float32Array(mask.data.length * count);
  for (let b = 0; b < count; b++) data.set(mask.data, b * mask.data.length);
  return { data, dims: [count, ...mask.dims.slice(1)] };
}
