/** Measures one row: a model is opened, encodes a photograph, and answers clicks. */
import { sam2Mini } from "sam2-mini";
import { createSegmenter, type ModelProgress, type ModelSource, type Segmenter } from "sam2-web";
import type { Run } from "./plan.ts";

/** The figures of a row, in milliseconds: medians. */
export interface Figures {
  /** From the call to a segmenter that is ready; the files are on this device, and converted. */
  readonly open: number;
  /** The image encoder. */
  readonly encode: number;
  /** From a click to its mask at the photograph's size. */
  readonly click: number;
  /** Precision of the weights that ran. */
  readonly dtype: string;
}

/** A photograph with a free license, of 1800×1200 pixels. */
const PHOTO = "samples/truck.jpg";
const POINT = [900, 600];
const [ENCODINGS, CLICKS] = [3, 7];

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number;
}

/**
 * Measures a row.
 *
 * @param onProgress called with what is being done
 * @throws what `createSegmenter` throws; the signal's reason
 */
export async function measure(
  { model, device, threads, dtype }: Run,
  signal: AbortSignal,
  onProgress: (step: string) => void,
): Promise<Figures> {
  const source: ModelSource = model.id === "sam2-mini" ? sam2Mini : model.id;
  const told = ({ phase, done, total }: ModelProgress): void =>
    onProgress(phase === "download" && total ? `download, ${Math.round((100 * done) / total)} %` : phase);
  const open = (): Promise<Segmenter> =>
    createSegmenter({ model: source, device, threads, dtype, signal, onProgress: told });
  // the first opening downloads, converts and checks; the second is what a visit takes
  await (await open()).dispose();
  const start = performance.now();
  const segmenter = await open();
  const opened = performance.now() - start;
  try {
    const photo = await (await fetch(PHOTO, { signal })).blob();
    const encodings: number[] = [];
    // the first encoding compiles and allocates
    for (let round = -1; round < ENCODINGS; round++) {
      onProgress(`encode, ${round + 2} of ${ENCODINGS + 1}`);
      const image = await segmenter.setImage(photo, { signal });
      if (round >= 0) encodings.push(image.timings.encode);
      await image.release();
    }
    const image = await segmenter.setImage(photo, { signal });
    const clicks: number[] = [];
    for (let round = -1; round < CLICKS; round++) {
      onProgress(`click, ${round + 2} of ${CLICKS + 1}`);
      const from = performance.now();
      (await segmenter.segment({ image, point_coords: [POINT], point_labels: [1] }, { signal })).mask();
      if (round >= 0) clicks.push(performance.now() - from);
    }
    return {
      open: opened,
      encode: median(encodings),
      click: median(clicks),
      dtype: segmenter.device.dtype ?? "unknown",
    };
  } finally {
    await segmenter.dispose();
  }
}
