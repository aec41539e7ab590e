/** Makes masks of what detectors found: each box is asked of the model, picture by picture. */
import type { Rle } from "sam2-web";
import { type LabeledImage, type LabeledObject, newObject, withClassesOf, withImage } from "../labels/annotations.ts";
import type { Detection, PlacedDetections } from "../labels/detections.ts";
import { ruled } from "../labels/overlap.ts";
import { filled } from "../masks/outline.ts";
import type { ShowProgress } from "./notices.ts";
import { OfTheSet } from "./of-the-set.ts";
import type { Model } from "./sight.ts";

/** So many boxes are asked at once. */
const BATCH = 16;

const NO_MODEL = "no model is ready";

/** An object, and the place of its detection among those of its picture. */
interface Made {
  readonly at: number;
  readonly object: LabeledObject;
}

/** Runs batches of boxes; the result is one step. */
export class Boxes extends OfTheSet {
  /** Checks whether masks can be made of these. @throws Error if that takes a model, and none is ready */
  check(placed: readonly PlacedDetections[]): void {
    const isNeeded = placed.some(({ detections }) => detections.some(({ shape }) => !isOutline(shape)));
    if (isNeeded && !this.state.get().model) throw new Error(NO_MODEL);
  }

  /**
   * Makes a mask of each box. The objects have scores, and their pictures need a look. What was made when the person
   * cancels, or when it fails, is kept.
   */
  async toMasks(placed: readonly PlacedDetections[], signal: AbortSignal, show: ShowProgress): Promise<void> {
    const { model } = this.state.get();
    const total = placed.reduce((sum, { detections }) => sum + detections.length, 0);
    if (total === 0) return;
    const made = new Map<string, readonly Made[]>();
    const missing: string[] = [];
    let done = 0;
    try {
      for (const { image, detections } of placed) {
        const picture = await this.set.pictureOf(image.id);
        if (!picture) {
          missing.push(image.name);
          continue;
        }
        show(`Boxes to masks: ${done} of ${total}`, done / total);
        for await (const more of masksOf(model, picture, image, detections, signal)) {
          made.set(image.id, [...(made.get(image.id) ?? []), ...more]);
          done += more.length;
          show(`Boxes to masks: ${done} of ${total}`, done / total);
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        if (made.size > 0) this.#keep(made, total, missing, true);
        throw error;
      }
    }
    this.#keep(made, total, missing, signal.aborted);
  }

  #keep(
    made: ReadonlyMap<string, readonly Made[]>,
    total: number,
    missing: readonly string[],
    isStopped: boolean,
  ): void {
    const { project: before } = this.set;
    const { marks } = this.state.get();
    const count = [...made.values()].reduce((sum, { length }) => sum + length, 0);
    if (count === 0) {
      this.notices.say(isStopped ? "Stopped: no mask was made." : "No picture of these boxes is here.");
      return;
    }
    const project = before.images.reduce((sum, image) => {
      const masks = made.get(image.id);
      if (!masks) return sum;
      const objects = [...masks].sort((a, b) => a.at - b.at).map(({ object }) => object);
      const all = ruled([...image.objects, ...objects], image.objects, before.classes).objects;
      return withImage(withClassesOf(sum, objects), { ...image, objects: all, review: "needs a look" });
    }, before);
    const left = missing.length > 0 ? ` Not here: ${missing.slice(0, 3).join(", ")}.` : "";
    const what = isStopped ? `Stopped after ${count} of ${total} boxes` : `${count} boxes are masks now`;
    this.set.edit(project, "Boxes to masks", `${what}; Next to look at goes to the most doubtful.${left}`, marks);
  }
}

const isOutline = (shape: Detection["shape"]): boolean => shape.length > 4;

/**
 * The object of a detection.
 *
 * @param score how sure the model is of its mask: the IoU that it predicts. Outlines are as sure as the detector was
 */
function objectOf({ className, foreign }: Detection, rle: Rle, score: number): LabeledObject {
  return { ...newObject(className, rle), score, ...(foreign && { foreign }) };
}

/** Makes masks of a picture's detections: of all outlines, then of the boxes, batch by batch. */
async function* masksOf(
  model: Model | null,
  picture: Blob,
  { width, height }: LabeledImage,
  detections: readonly Detection[],
  signal: AbortSignal,
): AsyncGenerator<readonly Made[]> {
  const all = detections.map((detection, at) => ({ detection, at }));
  const outlines = all.filter(({ detection }) => isOutline(detection.shape));
  if (outlines.length > 0) {
    yield outlines.map(({ detection, at }) => {
      const rle = filled([placesOf(detection.shape)], width, height);
      return { at, object: objectOf(detection, rle, detection.score ?? 1) };
    });
  }
  const boxes = all.filter(({ detection }) => !isOutline(detection.shape));
  if (boxes.length === 0) return;
  if (!model) throw new Error(NO_MODEL);
  const image = await model.setImage(picture, { signal });
  try {
    for (let from = 0; from < boxes.length; from += BATCH) {
      const batch = boxes.slice(from, from + BATCH);
      const data = Float32Array.from(batch.flatMap(({ detection }) => detection.shape));
      const result = await model.segment({ image, box: { data, dims: [batch.length, 4] } }, { signal });
      const candidates = result.scores.dims[1] as number;
      yield batch.map(({ detection, at }, object) => {
        const score = result.scores.data[object * candidates] as number;
        return { at, object: objectOf(detection, result.toRle({ object }), score) };
      });
    }
  } finally {
    void image.release().catch(() => undefined);
  }
}

function placesOf(corners: readonly number[]): { x: number; y: number }[] {
  return Array.from({ length: corners.length / 2 }, (_, i) => ({
    x: corners[2 * i] as number,
    y: corners[2 * i + 1] as number,
  }));
}
