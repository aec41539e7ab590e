/** Opening a model: from its source to a predictor on a device whose results were checked. */

import {
  type EncodedImage,
  type EncodePhase,
  type KeepOptions,
  type ModelSpec,
  type Picture,
  Predictor,
  SecondLooks,
  type Sessions,
} from "sam2-core";
import { BitmapPicture } from "../image/bitmap.ts";
import { decodeImage, type TransferableImage } from "../image/source.ts";
import { loadModel } from "../model/load.ts";
import type { ModelSource } from "../model/source.ts";
import { type DeviceOptions, type OpenPhase, openSessions } from "../runtime/device.ts";
import type { DeviceInfo } from "../runtime/sessions.ts";
import { keepNote, readNote } from "../storage/cache.ts";
import type { DownloadProgress } from "../storage/download.ts";

/** How far opening a model is. */
export type OpenProgress = ({ readonly phase: "download" } & DownloadProgress) | { readonly phase: OpenPhase };

/** What opening a model needs. */
export interface OpenRequest extends DeviceOptions {
  readonly model: ModelSource;
  /** Address that relative ones are resolved against. */
  readonly base: string;
  /** Whether the model is wanted at half its image size. */
  readonly draft: boolean;
  /** Whether files that have changed at their address since they were first downloaded are taken. */
  readonly acceptChanges: boolean;
  /** The most bytes that all embeddings together may take. */
  readonly embeddingBudget: number;
  /** The most pixels that an image may have. */
  readonly maxPixels: number | undefined;
}

/** What was opened. */
export interface Opened {
  readonly spec: ModelSpec;
  readonly device: DeviceInfo;
  readonly takesMaskInput: boolean;
  /** Milliseconds that the encoder took on this device in an earlier session; null when not known. */
  readonly encodeTime: number | null;
}

/** Decodes a picture. @throws InvalidImageError */
type Decode = (source: TransferableImage) => Promise<Picture>;

/** An open model. Its first encoding is timed, so that later sessions know whether a draft is worth it. */
export class OpenModel {
  readonly predictor: Predictor;
  readonly looks: SecondLooks;
  readonly opened: Opened;
  /** Decodes a picture, within the limit of pixels. @throws InvalidImageError */
  readonly decode: Decode;
  readonly #device: () => DeviceInfo;
  /** Key under which to keep the encoder's time; null once it was measured. */
  #unmeasured: string | null;

  constructor(parts: {
    predictor: Predictor;
    opened: Opened;
    decode: Decode;
    device: () => DeviceInfo;
    timeKey: string | null;
  }) {
    this.predictor = parts.predictor;
    this.looks = new SecondLooks(parts.predictor);
    this.opened = parts.opened;
    this.decode = parts.decode;
    this.#device = parts.device;
    this.#unmeasured = parts.timeKey;
  }

  /** What runs where. May change when the GPU is lost. */
  get device(): DeviceInfo {
    return this.#device();
  }

  /** `Predictor.setImage`; the first call also keeps the encoder's time. */
  async setImage(
    id: string,
    source: TransferableImage,
    onPhase: (phase: EncodePhase) => void,
    options: KeepOptions,
  ): Promise<EncodedImage> {
    const encoded = await this.predictor.setImage(id, () => this.decode(source), onPhase, options);
    if (this.#unmeasured) await keepNote(this.#unmeasured, encoded.timings.encode);
    this.#unmeasured = null;
    return encoded;
  }

  /** Frees an image and the parts of it that were looked at close up. */
  async releaseImage(id: string): Promise<void> {
    await this.predictor.releaseImage(id);
    await this.looks.release(id);
  }
}

/**
 * Opens a model.
 *
 * @throws what `loadModel` and `openSessions` throw
 */
export async function openModel(
  request: OpenRequest,
  onProgress: (progress: OpenProgress) => void,
): Promise<OpenModel> {
  const model = await loadModel(request.model, {
    base: request.base,
    draft: request.draft,
    acceptChanges: request.acceptChanges,
    onProgress: (progress) => onProgress({ phase: "download", ...progress }),
  });
  const open = () => openSessions(model, request, (phase) => onProgress({ phase }));
  const first = await open();
  const { spec } = first;
  let { sessions } = first;
  const reopen = async (): Promise<Sessions> => {
    ({ sessions } = await open());
    return sessions;
  };
  const decode: Decode = async (source) => {
    const bitmap = await decodeImage(source, request.maxPixels);
    return new BitmapPicture(bitmap, (task) => sessions.onGpu(task));
  };
  const { device, takesMaskInput } = sessions;
  const timeKey = model.fingerprint && `timing/${model.fingerprint}/${device.adapter ?? device.threads}`;
  const encodeTime = timeKey ? await readNote<number>(timeKey) : null;
  const predictor = new Predictor(spec, sessions, reopen, request);
  const opened = { spec, device, takesMaskInput, encodeTime };
  return new OpenModel({ predictor, opened, decode, device: () => sessions.device, timeKey });
}
