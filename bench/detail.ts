/**
 * What a second look is worth, and what it costs: the same regions with `detail` off and with `"auto"`, in turns, in Node.
 *
 * Each goes its own way: a further click lies where its own mask is wrong, and its own mask is refined. The box comes after
 * the clicks, so a look that they had made is used again where it fits.
 */
import { createSegmenter, type Mask, maskIou, type Segmenter, type SegmenterImage } from "sam2-node";
import { mean, quantile, rounded, standardError } from "./measure.ts";
import { boundaryF, innerPoint, photosOf, type Region, sheetOf } from "./regions.ts";

/** How well the mask shown meets the regions, and the median time until it is there at the picture's size. */
export interface Look {
  readonly iou: number;
  readonly boundary: number;
  readonly ms: number;
}

/** The same prompts with and without. */
export interface Looks {
  readonly off: Look;
  readonly auto: Look;
  /** The mean gain of IoU, and its standard error. */
  readonly gain: readonly [number, number];
}

const STEPS = ["click1", "click3", "click5", "box"] as const;
type Step = (typeof STEPS)[number];

/** The report that `--json` writes. */
export interface DetailReport extends Readonly<Record<Step, Looks>> {
  readonly model: string;
  readonly regions: number;
  /** Of the one picture that holds all; null where each was taken as it is. */
  readonly megapixels: number | null;
}

const DETAILS = ["off", "auto"] as const;
type When = (typeof DETAILS)[number];

type Found = Record<Step, { iou: number[]; boundary: number[]; ms: number[] }>;

function nothing(): Found {
  const none = (): Found[Step] => ({ iou: [], boundary: [], ms: [] });
  return { click1: none(), click3: none(), click5: none(), box: none() };
}

/** Asks for one region by clicks and by its box. */
async function ask(
  segmenter: Segmenter,
  image: SegmenterImage,
  region: Region,
  detail: When,
  found: Found,
): Promise<void> {
  const truth = region.truth();
  const timed = async (prompt: object, step: Step | null) => {
    const start = performance.now();
    const result = await segmenter.segment({ image, ...prompt }, { detail });
    const mask = result.mask();
    const ms = performance.now() - start;
    if (step !== null) {
      found[step].ms.push(ms);
      found[step].iou.push(maskIou(mask, truth));
      found[step].boundary.push(boundaryF(mask, truth));
    }
    return { mask, result };
  };
  const wrongIn = ({ data, ...size }: Mask): Mask => ({
    ...size,
    data: data.map((value, i) => value ^ (truth.data[i] as number)),
  });
  const point_coords: (readonly number[])[] = [region.point];
  const point_labels = [1];
  let refined: object = {};
  for (let clicks = 1; clicks <= 5; clicks++) {
    const step = STEPS.find((name) => name === `click${clicks}`) ?? null;
    const prompt = { point_coords, point_labels, multimask_output: clicks === 1, ...refined };
    const { mask, result } = await timed(prompt, step);
    refined = { mask_input: result.maskInput() };
    const wrong = innerPoint(wrongIn(mask));
    if (wrong === null) continue;
    point_coords.push([wrong.x + 0.5, wrong.y + 0.5]);
    point_labels.push(truth.data[wrong.y * truth.width + wrong.x] as number);
  }
  await timed({ box: region.box, multimask_output: false }, "box");
}

function lookOf({ iou, boundary, ms }: Found[Step]): Look {
  return { iou: rounded(mean(iou)), boundary: rounded(mean(boundary)), ms: Math.round(quantile(ms, 0.5)) };
}

function looksOf(off: Found[Step], auto: Found[Step]): Looks {
  const gains = auto.iou.map((value, i) => value - (off.iou[i] as number));
  return {
    off: lookOf(off),
    auto: lookOf(auto),
    gain: [rounded(mean(gains)), rounded(standardError(gains))],
  };
}

/** What is measured, and of it how much. */
export interface DetailOptions {
  /** Lays all pictures of the set out on one of that size; null takes each as it is. */
  readonly megapixels: number | null;
  /** Takes every Nth region of a picture. */
  readonly every: number;
}

/** Measures a second look on a set; `model` is what `createSegmenter` of sam2-node takes. */
export async function detail(set: string, model: string, { megapixels, every }: DetailOptions): Promise<DetailReport> {
  const segmenter = await createSegmenter({ model, device: "cpu" });
  const found = { off: nothing(), auto: nothing() };
  let regions = 0;
  try {
    for await (const photo of megapixels === null ? photosOf(set) : [await sheetOf(set, megapixels)]) {
      const image = await segmenter.setImage(photo.picture);
      for (const region of photo.regions.filter((_, i) => i % every === 0)) {
        // in turns, so that neither always comes second
        const order = regions++ % 2 === 0 ? DETAILS : [...DETAILS].reverse();
        for (const when of order) await ask(segmenter, image, region, when, found[when]);
      }
      await image.release();
    }
  } finally {
    await segmenter.dispose();
  }
  const looks = (step: Step): Looks => looksOf(found.off[step], found.auto[step]);
  return {
    model: segmenter.model.id,
    regions,
    megapixels,
    click1: looks("click1"),
    click3: looks("click3"),
    click5: looks("click5"),
    box: looks("box"),
  };
}
