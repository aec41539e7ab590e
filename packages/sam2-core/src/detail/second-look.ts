/**
 * A second look at small things: the surroundings of a first mask are encoded at the model's full size, the prompt and
 * the mask are carried over, and the answer is put back at the picture's own resolution.
 *
 * An object that takes a twentieth of a picture's width has a twentieth of the encoder's cells across, whatever the
 * picture's resolution. Close up it has most of them.
 */
import { isSam2Error, Sam2Error, shown } from "sam2-contract";
import type { Picture } from "../image/picture.ts";
import { clampLogits, maskIou, resizeMask } from "../mask/mask.ts";
import { type RegionLimits, settleSmallRegions, toRegionLimits } from "../mask/regions.ts";
import { MOST_ENCODINGS, type Prediction, type Predictor } from "../predictor/predictor.ts";
import { type SegmentPrompt, toModelPrompt } from "../prompt/prompt.ts";
import { type CloseUp, logitsInside, promptInside, putLogits } from "./carry.ts";
import { contentOf, type Region, regionAround, serves, shareOf } from "./region.ts";

/**
 * When small things are looked at a second time: never, where it pays (the region takes less than a quarter of the
 * image), or always.
 */
export type Detail = (typeof DETAILS)[number];

/** All values of `Detail`. */
export const DETAILS = ["off", "auto", "always"] as const;

/** Regions of at least this share of the image gain less than the second look costs: see the model card's table. */
const PAYS_BELOW = 0.25;
/** A second mask that agrees less than this with the first (IoU) has found something else, and is dropped. */
const LEAST_AGREEMENT = 0.3;
/** A second mask whose predicted IoU is lower than the first's by more than this is dropped. */
const MOST_DOUBT = 0.1;
/** The most regions of an image that stay encoded. */
const MOST_REGIONS = 4;

/** A prediction, and for each object what a second look found: null where there was none, or it was no better. */
export interface DetailedPrediction extends Prediction {
  readonly closeUps: readonly (CloseUp | null)[];
}

/** A region that stays encoded. */
interface Kept {
  readonly id: string;
  readonly region: Region;
}

/** Checks an option that comes from outside. @throws InvalidPromptError */
export function readDetail(value: unknown): Detail {
  const known = DETAILS.find((detail) => detail === value);
  if (known === undefined) {
    throw new Sam2Error("InvalidPromptError", `detail: expected ${DETAILS.join(", ")}, got ${shown(value)}`);
  }
  return known;
}

/** Looks a second time, and keeps the regions encoded for the next prompts. */
export class SecondLooks {
  readonly #predictor: Predictor;
  readonly #takesMaskInput: boolean;
  /** By image, the one used last at the end. */
  readonly #kept = new Map<string, Kept[]>();
  #made = 0;

  /** @param takesMaskInput whether the decoder can take a mask as a prompt; else points and boxes alone are carried over */
  constructor(predictor: Predictor, takesMaskInput: boolean) {
    this.#predictor = predictor;
    this.#takesMaskInput = takesMaskInput;
  }

  /**
   * `Predictor.predict`, with a second look at the best mask of each object where `detail` asks for one.
   *
   * The second mask takes the first one's place where its predicted IoU and its agreement with the first speak for
   * it; then its score does, too, and `logits` hold it at their own resolution.
   *
   * @param openPicture gives the image's picture; called at most once, and only if a region must be encoded. If it
   *   rejects, so does the call: nothing is encoded for a caller that has gone.
   * @throws ImageReleasedError, InvalidPromptError, and what `openPicture` throws
   */
  async predict(
    id: string,
    prompt: SegmentPrompt,
    detail: Detail,
    openPicture: () => Promise<Picture>,
  ): Promise<DetailedPrediction> {
    const start = performance.now();
    const first = await this.#predictor.predict(id, prompt);
    const [batch = 0, count = 0] = first.logits.dims;
    const closeUps: (CloseUp | null)[] = Array<null>(batch).fill(null);
    if (detail === "off") return { ...first, closeUps };
    const space = this.#predictor.spaceOf(id);
    const modelPrompt = toModelPrompt(prompt, space);
    const limits = toRegionLimits(prompt);
    const cells = space.maskSize ** 2;
    let picture: Promise<Picture> | undefined;
    try {
      for (let object = 0; object < batch; object++) {
        const plane = (data: Float32Array): Float32Array =>
          data.subarray(object * count * cells, (object * count + 1) * cells);
        const content = contentOf(plane(first.settled.data), modelPrompt, object, space);
        if (content === null) continue;
        const kept = this.#kept.get(id)?.findLast(({ region }) => serves(region, content));
        const region = kept?.region ?? regionAround(content, space.width, space.height);
        if (detail === "auto" && shareOf(region, space.width, space.height) >= PAYS_BELOW) continue;
        const mask = logitsInside(plane(first.logits.data), space, region);
        const inside = promptInside(modelPrompt, object, space, region, this.#takesMaskInput ? mask : null);
        if (inside.mask === null && !inside.labels.data.some((label) => label > 0)) continue;
        const second = await this.#inRegion(
          id,
          region,
          kept,
          () => {
            picture ??= openPicture();
            return picture;
          },
          (crop) => this.#predictor.answer(crop, inside),
        );
        const logits = clampLogits(second.logits.data);
        const score = second.scores.data[0] as number;
        const scoreOfFirst = first.scores.data[object * count] as number;
        if (!isTaken(score, scoreOfFirst, agreement(logits, mask.data))) continue;
        putLogits(plane(first.logits.data), logits, space, region);
        if (limits) {
          settleSmallRegions(logits, space.maskSize, atScale(limits, shareOf(region, space.width, space.height)));
          putLogits(plane(first.settled.data), logits, space, region);
        }
        first.scores.data[object * count] = score;
        closeUps[object] = { region, logits };
      }
    } finally {
      await picture?.then((opened) => opened.close()).catch(() => undefined);
    }
    return { ...first, closeUps, decode: performance.now() - start };
  }

  /** Frees the regions of an image. */
  async release(id: string): Promise<void> {
    const kept = this.#kept.get(id) ?? [];
    this.#kept.delete(id);
    for (const region of kept) await this.#predictor.releaseImage(region.id);
  }

  /**
   * Runs a task with a region that is encoded: `kept`, if there is one. It is encoded anew where it was dropped for other
   * images.
   */
  async #inRegion<T>(
    id: string,
    region: Region,
    kept: Kept | undefined,
    openPicture: () => Promise<Picture>,
    task: (crop: string) => Promise<T>,
  ): Promise<T> {
    const [left, top, right, bottom] = region;
    const cut = async (): Promise<Picture> => (await openPicture()).crop(left, top, right - left, bottom - top);
    let current = kept;
    for (let encodings = 0; ; encodings++) {
      try {
        if (current) return await task(current.id);
      } catch (error) {
        if (!isSam2Error(error, "ImageReleasedError") || encodings === MOST_ENCODINGS) throw error;
        // throws where the image itself is gone
        this.#predictor.sizeOf(id);
      }
      const made: Kept = { id: `${id}/detail/${this.#made++}`, region };
      await this.#predictor.setImage(made.id, cut, () => undefined, { isDisposable: true, partOf: id });
      await this.#keep(id, made, current);
      current = made;
    }
  }

  async #keep(id: string, made: Kept, instead: Kept | undefined): Promise<void> {
    try {
      this.#predictor.sizeOf(id);
    } catch (error) {
      // the image was released meanwhile
      await this.#predictor.releaseImage(made.id);
      throw error;
    }
    const all = [...(this.#kept.get(id) ?? []).filter((one) => one !== instead), made];
    this.#kept.set(id, all.slice(-MOST_REGIONS));
    for (const old of all.slice(0, -MOST_REGIONS)) await this.#predictor.releaseImage(old.id);
  }
}

/** Whether a second mask takes the first one's place. @param agreement IoU of the two */
export function isTaken(score: number, scoreOfFirst: number, agreement: number): boolean {
  return score >= scoreOfFirst - MOST_DOUBT && agreement >= LEAST_AGREEMENT;
}

/** IoU of two masks of one region, from their logits. */
function agreement(a: Float32Array, b: Float32Array): number {
  const side = Math.sqrt(a.length);
  return maskIou(resizeMask(a, side, side, side), resizeMask(b, side, side, side));
}

/** Limits in cells of the image, in cells of a region that takes `share` of it. */
function atScale({ maxHoleArea, maxSprinkleArea }: RegionLimits, share: number): RegionLimits {
  return { maxHoleArea: maxHoleArea / share, maxSprinkleArea: maxSprinkleArea / share };
}
