/** Opening a model: from its source to a predictor on a device whose results were checked. */
import { loadModel } from "../model/load.ts";
import type { ModelSource } from "../model/source.ts";
import type { ModelSpec } from "../model/spec.ts";
import { type DeviceOptions, type OpenPhase, openSessions } from "../runtime/device.ts";
import type { DeviceInfo } from "../runtime/sessions.ts";
import { keepNote, readNote } from "../storage/cache.ts";
import type { DownloadProgress } from "../storage/download.ts";
import { type EncodedImage, Predictor } from "./predictor.ts";

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

/** An open model. Its first encoding is timed, so that later sessions know whether a draft is worth it. */
export class OpenModel {
  readonly predictor: Predictor;
  readonly opened: Opened;
  /** Key under which to keep the encoder's time; null once it was measured. */
  #unmeasured: string | null;

  constructor(predictor: Predictor, opened: Opened, timeKey: string | null) {
    this.predictor = predictor;
    this.opened = opened;
    this.#unmeasured = timeKey;
  }

  /** `Predictor.setImage`; the first call also keeps the encoder's time. */
  async setImage(...given: Parameters<Predictor["setImage"]>): Promise<EncodedImage> {
    const encoded = await this.predictor.setImage(...given);
    if (this.#unmeasured) await keepNote(this.#unmeasured, encoded.timings.encode);
    this.#unmeasured = null;
    return encoded;
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
  const { spec, sessions } = await open();
  const reopen = async () => (await open()).sessions;
  const { device, takesMaskInput } = sessions;
  const timeKey = model.fingerprint && `timing/${model.fingerprint}/${device.adapter ?? device.threads}`;
  const encodeTime = timeKey ? await readNote<number>(timeKey) : null;
  const predictor = new Predictor(spec, sessions, reopen, request);
  return new OpenModel(predictor, { spec, device, takesMaskInput, encodeTime }, timeKey);
}
