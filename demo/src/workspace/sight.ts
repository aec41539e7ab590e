/**
 * What a model sees of a picture. It ends when the picture or the model changes; what it was asked before that is then
 * answered by nothing: a late answer, or a late error, is about what is no longer shown.
 */
import type { Detail, Segmenter, SegmenterImage, SegmentPrompt, SegmentResult } from "sam2-web";

/** What is used of a segmenter. */
export type Model = Pick<
  Segmenter,
  "device" | "dispose" | "fingerprint" | "model" | "segment" | "segmentEverything" | "setImage"
>;

/** A model, and a picture that it has encoded. */
export class Sight {
  readonly model: Model;
  readonly image: SegmenterImage;
  readonly #ending = new AbortController();

  constructor(model: Model, image: SegmenterImage) {
    this.model = model;
    this.image = image;
  }

  /** Aborted when the sight ends. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /**
   * Segments what a prompt asks for. People move and click faster than a slow device answers: only the newest counts.
   *
   * @param detail whether small things are looked at closer
   * @returns null when a newer prompt took this one's place, or the sight has ended
   * @throws what the model throws, unless the sight has ended
   */
  async ask(prompt: SegmentPrompt, detail: Detail = "off"): Promise<SegmentResult | null> {
    if (this.signal.aborted) return null;
    try {
      const result = await this.model.segment(
        { image: this.image, ...prompt },
        { supersede: true, detail, signal: this.signal },
      );
      return this.signal.aborted ? null : result;
    } catch (error) {
      if (this.signal.aborted || (error as Error).name === "AbortError") return null;
      throw error;
    }
  }

  /** Ends it. The image is not released: it may be of use later. */
  end(): void {
    this.#ending.abort(new DOMException("another picture or model is used now", "AbortError"));
  }
}
