/** Clicks on one object: each adds a point to those before, or begins another object. */
import type { SegmentPrompt } from "sam2-web";

/** Which keys were held. */
interface Keys {
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

/** The points of the object that is being marked. */
export class Clicks {
  #points: { readonly x: number; readonly y: number; readonly positive: boolean }[] = [];

  /** The next click begins another object. */
  forget(): void {
    this.#points = [];
  }

  /**
   * Takes a click in pixels of the image. With Shift the point is on the same object too, with Alt it is not on it;
   * without, another object begins.
   *
   * @returns the prompt, and whether it is about the object of the click before
   */
  add(x: number, y: number, { shiftKey, altKey }: Keys): { readonly prompt: SegmentPrompt; readonly goesOn: boolean } {
    const goesOn = (shiftKey || altKey) && this.#points.length > 0;
    this.#points = [...(goesOn ? this.#points : []), { x, y, positive: !altKey }];
    const prompt = {
      point_coords: this.#points.map((point) => [point.x, point.y]),
      point_labels: this.#points.map(({ positive }) => Number(positive)),
    };
    return { prompt, goesOn };
  }
}
