/** The worker's side: what the segmenter may call. Large results are transferred instead of copied; nothing else. */
import * as Comlink from "comlink";
import { Sam2Error } from "sam2-contract";
import type { Detail, DetailedPrediction } from "../detail/second-look.ts";
import type { EmbeddingDtype } from "../embedding/codec.ts";
import { segmentImage } from "../everything/crops.ts";
import { type CrossingProgress, type MaskList, MaskSender } from "../everything/crossing.ts";
import type { EverythingOptions } from "../everything/options.ts";
import type { Picture } from "../image/picture.ts";
import type { EncodedImage, EncodePhase } from "../predictor/predictor.ts";
import type { SegmentPrompt } from "../prompt/prompt.ts";
import type { DeviceInfoOf } from "../runtime/sessions.ts";
import type { CachedModel } from "../storage/cache.ts";
import {
  type Opened,
  type OpenModel,
  type OpenProgress,
  type OpenRequest,
  openModel,
  type WorkerPlatform,
} from "./open.ts";

/** The functions that a segmenter calls in its worker. */
export class ModelWorker<Sent, D extends DeviceInfoOf> {
  readonly #platform: WorkerPlatform<Sent, D>;
  #model: OpenModel<Sent, D> | undefined;

  constructor(platform: WorkerPlatform<Sent, D>) {
    this.#platform = platform;
  }

  get #opened(): OpenModel<Sent, D> {
    if (!this.#model) throw new Sam2Error("DisposedError", "no model is open");
    return this.#model;
  }

  async open(request: OpenRequest<D>, onProgress: (progress: OpenProgress) => void): Promise<Opened<D>> {
    this.#model = await openModel(this.#platform, request, onProgress);
    return this.#model.opened;
  }

  /** What runs where now. */
  device(): D {
    return this.#opened.device;
  }

  setImage(
    id: string,
    source: Sent,
    isDisposable: boolean,
    onPhase: (phase: EncodePhase) => void,
  ): Promise<EncodedImage> {
    return this.#opened.setImage(id, source, onPhase, { isDisposable });
  }

  /** `setImage` with the image's embedding: see `Embeddings.set`. */
  setEmbedded(id: string, source: Sent, embedding: string | Blob, isDisposable: boolean): Promise<EncodedImage> {
    return this.#opened.embeddings.set(id, source, embedding, { isDisposable });
  }

  /**
   * An image's embedding as a file.
   *
   * @param source the image's picture, if it is a file
   */
  async saveEmbedding(id: string, source: Sent | null, dtype: EmbeddingDtype): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#opened.embeddings.save(id, source, dtype);
    return Comlink.transfer(bytes, [bytes.buffer]);
  }

  /**
   * @param pictureOf gives the image's picture for a second look, and rejects if the caller has gone; null where `detail`
   *   asks for none
   */
  async predict(
    id: string,
    prompt: SegmentPrompt,
    detail: Detail,
    pictureOf: (() => Promise<Sent>) | null,
  ): Promise<DetailedPrediction> {
    const { looks, decode } = this.#opened;
    const openPicture = async (): Promise<Picture> => decode(await (pictureOf as () => Promise<Sent>)());
    const prediction = await looks
      .predict(id, prompt, detail, openPicture)
      .finally(() => (pictureOf as Comlink.ProxyMethods | null)?.[Comlink.releaseProxy]());
    const { logits, settled, scores, objectScores, closeUps } = prediction;
    const arrays = new Set([logits, settled, scores, objectScores].map(({ data }) => data));
    for (const closeUp of closeUps) if (closeUp) arrays.add(closeUp.logits);
    return Comlink.transfer(
      prediction,
      Array.from(arrays, ({ buffer }) => buffer),
    );
  }

  /**
   * Everything mode on an image that was set.
   *
   * @param source the picture; null unless crops or second looks are asked for
   * @param onProgress resolves to false to stop
   */
  async segmentEverything(
    id: string,
    source: Sent | null,
    options: EverythingOptions,
    detail: Detail,
    onProgress: (progress: CrossingProgress) => Promise<boolean>,
  ): Promise<MaskList> {
    const { decode } = this.#opened;
    const sender = new MaskSender();
    const picture = source === null ? null : await decode(source);
    try {
      const masks = await segmentImage(this.#opened, id, picture, options, detail, async (progress) => {
        const goesOn = await onProgress({ ...progress, masks: sender.send(progress.masks) });
        if (!goesOn) throw new DOMException("everything mode was stopped", "AbortError");
      });
      return sender.send(masks);
    } finally {
      picture?.close();
    }
  }

  releaseImage(id: string): Promise<void> {
    return this.#opened.releaseImage(id);
  }

  async listCached(): Promise<CachedModel[]> {
    return (await this.#platform.openCache()).listModels();
  }

  async deleteCached(id?: string): Promise<void> {
    return (await this.#platform.openCache()).deleteModels(id);
  }
}
