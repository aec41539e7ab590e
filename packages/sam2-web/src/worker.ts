/** The worker: exposes what the page may call, and transfers large results instead of copying them; nothing else. */
import * as Comlink from "comlink";
import { Sam2Error } from "sam2-contract";
import {
  type CrossingProgress,
  type Detail,
  type DetailedPrediction,
  type EncodedImage,
  type EncodePhase,
  type EverythingOptions,
  type MaskList,
  MaskSender,
  type Picture,
  type SegmentPrompt,
  segmentImage,
} from "sam2-core";
import type { TransferableImage } from "./image/source.ts";
import { type Opened, type OpenModel, type OpenProgress, type OpenRequest, openModel } from "./predictor/open.ts";
import type { DeviceInfo } from "./runtime/sessions.ts";
import { type CachedModel, deleteCached, listCached } from "./storage/cache.ts";

let model: OpenModel | undefined;

function opened(): OpenModel {
  if (!model) throw new Sam2Error("DisposedError", "no model is open");
  return model;
}

const api = {
  /** Takes a lock and holds it until the worker ends; resolves once it is held. See `Connection`. */
  holdLock: (name: string): Promise<void> =>
    new Promise((held, failed) => {
      const forever = (): Promise<never> => {
        held();
        return new Promise(() => undefined);
      };
      navigator.locks.request(name, forever).catch(failed);
    }),

  async open(request: OpenRequest, onProgress: (progress: OpenProgress) => void): Promise<Opened> {
    model = await openModel(request, onProgress);
    return model.opened;
  },

  /** What runs where now. */
  device: (): DeviceInfo => opened().device,

  setImage: (
    id: string,
    source: TransferableImage,
    isDisposable: boolean,
    onPhase: (phase: EncodePhase) => void,
  ): Promise<EncodedImage> => opened().setImage(id, source, onPhase, { isDisposable }),

  /**
   * @param pictureOf gives the image's picture for a second look, and rejects if the caller has gone; null where `detail`
   *   asks for none
   */
  async predict(
    id: string,
    prompt: SegmentPrompt,
    detail: Detail,
    pictureOf: (() => Promise<TransferableImage>) | null,
  ): Promise<DetailedPrediction> {
    const { looks, decode } = opened();
    const openPicture = async (): Promise<Picture> => decode(await (pictureOf as () => Promise<TransferableImage>)());
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
  },

  /**
   * Everything mode on an image that was set.
   *
   * @param source the picture; null unless crops are asked for
   * @param onProgress resolves to false to stop
   */
  async segmentEverything(
    id: string,
    source: TransferableImage | null,
    options: EverythingOptions,
    onProgress: (progress: CrossingProgress) => Promise<boolean>,
  ): Promise<MaskList> {
    const { predictor, decode } = opened();
    const sender = new MaskSender();
    const picture = source === null ? null : await decode(source);
    try {
      const masks = await segmentImage(predictor, id, picture, options, async (progress) => {
        const goesOn = await onProgress({ ...progress, masks: sender.send(progress.masks) });
        if (!goesOn) throw new DOMException("everything mode was stopped", "AbortError");
      });
      return sender.send(masks);
    } finally {
      picture?.close();
    }
  },

  releaseImage: (id: string): Promise<void> => opened().releaseImage(id),

  listCached: (): Promise<CachedModel[]> => listCached(),
  deleteCached: (id?: string): Promise<void> => deleteCached(id),
};

/** The functions that the page may call. */
export type WorkerApi = typeof api;

Comlink.expose(api);
