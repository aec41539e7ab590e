/** Opening a model: from its source to a predictor on a device whose results were checked. */

import { Sam2Error, shown } from "sam2-contract";
import { SecondLooks } from "../detail/second-look.ts";
import type { Picture } from "../image/picture.ts";
import type { DtypeChoice, ModelForm, ModelForms } from "../model/forms.ts";
import { loadModel } from "../model/load.ts";
import type { ModelSource } from "../model/source.ts";
import type { ModelSpec } from "../model/spec.ts";
import { type EncodedImage, type EncodePhase, type KeepOptions, Predictor } from "../predictor/predictor.ts";
import type { DeviceInfoOf, Sessions } from "../runtime/sessions.ts";
import type { ModelCache } from "../storage/cache.ts";
import type { DownloadProgress } from "../storage/download.ts";
import { Embeddings } from "./embeddings.ts";

/** The steps of opening sessions: compiling the graphs, and checking the device's results. */
export type OpenPhase = "compile" | "check";

/** The device to use; `auto` takes the fastest whose results are correct. */
export type DeviceChoiceOf<D extends DeviceInfoOf> = "auto" | D["encoder"];

/** What to open sessions on. */
export interface DeviceOptions<D extends DeviceInfoOf = DeviceInfoOf> {
  readonly device: DeviceChoiceOf<D>;
  /** Whether `auto` may take a GPU that is emulated on the CPU: correct, but a hundred times slower than the CPU itself. */
  readonly softwareGpu?: boolean | undefined;
  /** Threads where a graph runs on the CPU; the platform's default when absent. */
  readonly threads?: number | undefined;
  /** Why `threads` was set, to be added to `DeviceInfoOf.reason`. */
  readonly threadsReason?: string | undefined;
}

/** Open sessions, and the model that they run. */
export interface OpenedSessions<S extends Sessions = Sessions> {
  readonly spec: ModelSpec;
  readonly sessions: S;
  /** The form that was opened. */
  readonly form: ModelForm;
}

/** Sessions of a platform, which say where they run. */
export interface DeviceSessions<D extends DeviceInfoOf> extends Sessions {
  readonly device: D;
  /** Whether the decoder can take a mask as a prompt. */
  readonly takesMaskInput: boolean;
}

/**
 * What a platform brings to the thread that runs a model. `Sent` is a picture as it comes from the other thread.
 */
export interface WorkerPlatform<Sent, D extends DeviceInfoOf, S extends DeviceSessions<D> = DeviceSessions<D>> {
  /** What is kept on this device. */
  openCache(): Promise<ModelCache>;
  /** Opens what only this platform can: the rest is left to `loadModel`. */
  localSource(source: ModelSource): Promise<ModelSource>;
  /** Opens a model on the device asked for. @throws InvalidModelError, DeviceError */
  openSessions(
    model: ModelForms,
    options: DeviceOptions<D> & { readonly cache: ModelCache },
    onPhase: (phase: OpenPhase) => void,
  ): Promise<OpenedSessions<S>>;
  /** Opens the decoder of a model alone, on the CPU, where nothing has to be checked. @throws InvalidModelError */
  openDecoder(
    model: ModelForms,
    options: DeviceOptions<D>,
    onPhase: (phase: OpenPhase) => void,
  ): Promise<OpenedSessions<S>>;
  /** The file of a picture; null where it came as pixels. @throws InvalidImageError */
  fileOf(source: Sent): Promise<Blob | null>;
  /** Opens a file by a path, where this platform has paths; null for an address. @throws DownloadError */
  openPath(path: string): Promise<Blob | null>;
  /**
   * Decodes a picture.
   *
   * @param maxPixels the most pixels, width · height; the platform's default when absent
   * @param sessions those that the model runs on now
   * @throws InvalidImageError
   */
  decode(source: Sent, maxPixels: number | undefined, sessions: () => S): Promise<Picture>;
}

/** How far opening a model is. */
export type OpenProgress = ({ readonly phase: "download" } & DownloadProgress) | { readonly phase: OpenPhase };

/** What opening a model needs. */
export interface OpenRequest<D extends DeviceInfoOf = DeviceInfoOf> extends DeviceOptions<D> {
  readonly model: ModelSource;
  readonly dtype: DtypeChoice;
  /** Address that relative ones are resolved against. */
  readonly base: string;
  /** Whether the model is wanted at half its image size. */
  readonly draft: boolean;
  /** Whether the encoder is opened only when a picture has to be encoded. */
  readonly lazyEncoder: boolean;
  /** Whether a checkpoint's weights stay after the conversion, since another worker needs them. */
  readonly keepsWeights: boolean;
  /** Whether files that have changed at their address since they were first downloaded are taken. */
  readonly acceptChanges: boolean;
  /** The most bytes that all embeddings together may take. */
  readonly embeddingBudget: number;
  /** The most pixels that an image may have. */
  readonly maxPixels: number | undefined;
}

/** What was opened. */
export interface Opened<D extends DeviceInfoOf = DeviceInfoOf> {
  readonly spec: ModelSpec;
  /** `ModelForms.fingerprint`. */
  readonly fingerprint: string;
  readonly device: D;
  readonly takesMaskInput: boolean;
  /** Milliseconds that the encoder took on this device in an earlier session; null when not known. */
  readonly encodeTime: number | null;
}

/** An open model. Its first encoding is timed, so that later sessions know whether a draft is worth it. */
export class OpenModel<Sent, D extends DeviceInfoOf> {
  readonly predictor: Predictor;
  readonly looks: SecondLooks;
  readonly opened: Opened<D>;
  /** Decodes a picture, within the limit of pixels. @throws InvalidImageError */
  readonly decode: (source: Sent) => Promise<Picture>;
  /** The embeddings of its images, as files. */
  readonly embeddings: Embeddings<Sent>;
  readonly #device: () => D;
  readonly #cache: ModelCache;
  readonly #timeKey: () => string;
  /** Whether the encoder's time is still to be measured. */
  #isUnmeasured = true;

  constructor(parts: {
    predictor: Predictor;
    opened: Opened<D>;
    decode: (source: Sent) => Promise<Picture>;
    embeddings: Embeddings<Sent>;
    device: () => D;
    cache: ModelCache;
    timeKey: () => string;
  }) {
    this.predictor = parts.predictor;
    this.looks = new SecondLooks(parts.predictor, parts.opened.takesMaskInput);
    this.opened = parts.opened;
    this.decode = parts.decode;
    this.embeddings = parts.embeddings;
    this.#device = parts.device;
    this.#cache = parts.cache;
    this.#timeKey = parts.timeKey;
  }

  /** What runs where. May change when the GPU is lost, and when the encoder is opened later than the decoder. */
  get device(): D {
    return this.#device();
  }

  /** `Predictor.setImage`; the first call also keeps the encoder's time. */
  async setImage(
    id: string,
    source: Sent,
    onPhase: (phase: EncodePhase) => void,
    options: KeepOptions,
  ): Promise<EncodedImage> {
    const encoded = await this.predictor.setImage(id, () => this.decode(source), onPhase, options);
    if (this.#isUnmeasured) await this.#cache.keepNote(this.#timeKey(), encoded.timings.encode);
    this.#isUnmeasured = false;
    return encoded;
  }

  /** Frees an image and the parts of it that were looked at close up. */
  async releaseImage(id: string): Promise<void> {
    await this.predictor.releaseImage(id);
    await this.looks.release(id);
  }
}

/** @throws InvalidPromptError */
function checkLimit(name: string, limit: number): void {
  if (typeof limit === "number" && limit > 0) return;
  throw new Sam2Error("InvalidPromptError", `${name}: expected a number over 0, got ${shown(limit)}`);
}

/**
 * Opens a model.
 *
 * @throws InvalidPromptError, and what `loadModel` and the platform throw
 */
export async function openModel<Sent, D extends DeviceInfoOf, S extends DeviceSessions<D>>(
  platform: WorkerPlatform<Sent, D, S>,
  request: OpenRequest<D>,
  onProgress: (progress: OpenProgress) => void,
): Promise<OpenModel<Sent, D>> {
  checkLimit("embeddingBudget", request.embeddingBudget);
  if (request.maxPixels !== undefined) checkLimit("maxPixels", request.maxPixels);
  const cache = await platform.openCache();
  const source = await platform.localSource(request.model);
  const { base, draft, dtype, keepsWeights, acceptChanges, lazyEncoder } = request;
  const load = (decoderAlone: boolean): Promise<ModelForms> =>
    loadModel(source, {
      cache,
      base,
      draft,
      dtype,
      keepsWeights,
      decoderAlone,
      acceptChanges,
      onProgress: (progress) => onProgress({ phase: "download", ...progress }),
    });
  const onPhase = (phase: OpenPhase): void => onProgress({ phase });
  const first = await load(lazyEncoder);
  let whole = lazyEncoder ? null : first;
  const open = async (): Promise<OpenedSessions<S>> => {
    whole ??= await load(false);
    const opened = await platform.openSessions(whole, { ...request, cache }, onPhase);
    await whole.settle(opened.form);
    return opened;
  };
  const openDecoder = async (): Promise<OpenedSessions<S>> => {
    const opened = await platform.openDecoder(first, request, onPhase);
    await first.settle(opened.form);
    return opened;
  };
  const opening = await (lazyEncoder ? openDecoder() : open());
  const { spec } = opening;
  let { sessions } = opening;
  const reopen = async (): Promise<Sessions> => {
    ({ sessions } = await open());
    return sessions;
  };
  const decode = (source: Sent): Promise<Picture> => platform.decode(source, request.maxPixels, () => sessions);
  const { device, takesMaskInput } = sessions;
  const { fingerprint } = first;
  const timeKey = (): string => {
    const { dtype, adapter, threads } = sessions.device;
    return `timing/${fingerprint}/${dtype}/${adapter ?? threads}`;
  };
  const encodeTime = await cache.readNote<number>(timeKey());
  const predictor = new Predictor(spec, sessions, reopen, request);
  const embeddings = new Embeddings({ predictor, fingerprint, platform, base, decode, maxPixels: request.maxPixels });
  const opened = { spec, fingerprint, device, takesMaskInput, encodeTime };
  return new OpenModel({ predictor, opened, decode, embeddings, device: () => sessions.device, cache, timeKey });
}
