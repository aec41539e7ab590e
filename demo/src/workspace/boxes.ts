/** Makes masks of what detectors found: each box is asked of the model, picture by picture. */
import { rleArea } from "sam2-web";
import { type LabeledObject, newObject, withClassesOf, withImage } from "../labels/annotations.ts";
import { counted } from "../labels/counted.ts";
import type { Detection, PlacedDetections } from "../labels/detections.ts";
import { ruled, rulesInWords } from "../labels/overlap.ts";
import type { ShowProgress } from "./notices.ts";
import { OfTheSet } from "./of-the-set.ts";
import type { Model } from "./sight.ts";

/** So many boxes are asked at once. */
const BATCH = 16;

const NO_MODEL = "These boxes need a model, and none is ready yet: import them again once it is";

/** How far a run came: boxes asked, boxes in all, and names of pictures that are not here. */
interface Progress {
  readonly done: number;
  readonly total: number;
  readonly missing: readonly string[];
  readonly isStopped: boolean;
}

/** Runs batches of boxes; the result is one step. */
export class Boxes extends OfTheSet {
  /** Checks whether masks can be made of these. @throws Error if that takes a model, and none is ready */
  check(placed: readonly PlacedDetections[]): void {
    if (placed.length > 0 && !this.state.get().model) throw new Error(NO_MODEL);
  }

  /**
   * Makes a mask of each box. The objects have scores, and their pictures need a look. What was made when the person
   * cancels, or when it fails, is kept.
   */
  async toMasks(placed: readonly PlacedDetections[], signal: AbortSignal, show: ShowProgress): Promise<void> {
    const { model } = this.state.get();
    const total = placed.reduce((sum, { detections }) => sum + detections.length, 0);
    if (total === 0) return;
    const made = new Map<string, readonly LabeledObject[]>();
    const missing: string[] = [];
    let done = 0;
    const keep = (isStopped: boolean): void => this.#keep(made, { done, total, missing, isStopped });
    try {
      for (const { image, detections } of placed) {
        const picture = await this.set.pictureOf(image.id);
        if (!picture) {
          missing.push(image.name);
          continue;
        }
        show(`Boxes to masks: ${done} of ${total}`, done / total);
        for await (const more of masksOf(model, picture, detections, signal)) {
          made.set(image.id, [...(made.get(image.id) ?? []), ...more.filter(({ rle }) => rleArea(rle) > 0)]);
          done += more.length;
          show(`Boxes to masks: ${done} of ${total}`, done / total);
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        if (made.size > 0) keep(true);
        throw error;
      }
    }
    keep(signal.aborted);
  }

  #keep(made: ReadonlyMap<string, readonly LabeledObject[]>, { done, total, missing, isStopped }: Progress): void {
    const { project: before } = this.set;
    const { marks } = this.state.get();
    const count = [...made.values()].reduce((sum, { length }) => sum + length, 0);
    const all = before.images.flatMap((image) => {
      const objects = made.get(image.id);
      if (!objects) return [];
      return [{ image, objects, rules: ruled([...image.objects, ...objects], image.objects, before.classes) }];
    });
    const words = rulesInWords(...all.map(({ rules }) => rules));
    const isMore = all.filter(({ objects, rules }) => objects.length > rules.refused);
    if (isMore.length === 0) {
      const isNoneHere = done === 0 || count > 0;
      const none = isNoneHere ? "No picture of these boxes is here." : "The model found nothing in these boxes.";
      const nothing = isStopped ? "Stopped: no mask was made." : none;
      this.notices.say(words === "" ? nothing : `Nothing is changed: ${words}`);
      return;
    }
    const project = isMore.reduce((sum, { image, objects, rules }) => {
      return withImage(withClassesOf(sum, objects), { ...image, objects: rules.objects, review: "needs a look" });
    }, before);
    const kept = all.reduce((sum, { objects, rules }) => sum + objects.length - rules.refused, 0);
    const left = missing.length > 0 ? ` Not here: ${missing.slice(0, 3).join(", ")}.` : "";
    const empty = done > count ? ` In ${counted(done - count, "box", "boxes")} the model found nothing.` : "";
    const what = isStopped
      ? `Stopped after ${done} of ${counted(total, "box", "boxes")}`
      : `${counted(kept, "box is a mask", "boxes are masks")} now`;
    const rules = words === "" ? "" : ` ${words}`;
    const said = `${what}. “Next to look at” opens the most doubtful one.${empty}${rules}${left}`;
    this.set.edit(project, "Boxes to masks", said, marks);
  }
}

/** Makes masks of a picture's boxes, batch by batch; their score is how sure the model is, the IoU that it predicts. */
async function* masksOf(
  model: Model | null,
  picture: Blob,
  boxes: readonly Detection[],
  signal: AbortSignal,
): AsyncGenerator<readonly LabeledObject[]> {
  if (!model) throw new Error(NO_MODEL);
  const image = await model.setImage(picture, { signal });
  try {
    for (let from = 0; from < boxes.length; from += BATCH) {
      const batch = boxes.slice(from, from + BATCH);
      const data = Float32Array.from(batch.flatMap(({ shape }) => shape));
      const result = await model.segment({ image, box: { data, dims: [batch.length, 4] } }, { signal });
      const candidates = result.scores.dims[1] as number;
      yield batch.map(({ className, foreign }, object) => {
        const score = result.scores.data[object * candidates] as number;
        return { ...newObject(className, result.toRle({ object })), score, ...(foreign && { foreign }) };
      });
    }
  } finally {
    void image.release().catch(() => undefined);
  }
}
