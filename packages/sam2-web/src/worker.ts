/** The worker's side: what the page may call, and what is transferred instead of copied. */
import * as Comlink from "comlink";
import { type CachedFile, type DownloadProgress, deleteCached, keepNote, listCached, readNote } from "./cache.ts";
import { type DeviceOptions, type OpenPhase, openSessions } from "./device.ts";
import { Sam2Error } from "./errors.ts";
import type { TransferableImage } from "./image.ts";
import { loadModel, type ModelSource } from "./load.ts";
import type { ModelSpec } from "./model.ts";
import { type EncodedImage, type EncodePhase, type Prediction, Predictor } from "./predictor.ts";
import type { SegmentPrompt } from "./prompt.ts";
import type { DeviceInfo } from "./session.ts";

/** How far opening a model is. */
export type OpenProgress = ({ readonly phase: "download" } & DownloadProgress) | { readonly phase: OpenPhase };

/** What opening a model needs. */
export interface OpenRequest extends DeviceOptions {
  readonly model: ModelSource;
  /** Address that relative ones are resolved against. */
  readonly base: string;
  /** Whether the model is wanted at half its image size. */
  readonly draft: boolean;
  /** Bytes that embeddings may take together. */
  readonly embeddingBudget: number;
}

/** What was opened. */
export interface Opened {
  readonly spec: ModelSpec;
  readonly device: DeviceInfo;
  readonly takesMaskInput: boolean;
  /** Milliseconds that the encoder takes on this device, from an earlier time; null when it is not known. */
  readonly encodeTime: number | null;
}

interface State {
  readonly predictor: Predictor;
  /** Where the encoder's time is kept, until it was measured in this worker. */
  unmeasured: string | null;
}

let state: State | undefined;

function opened(): State {
  if (!state) throw new Sam2Error("DisposedError", "no model is open");
  return state;
}

const api = {
  async open(request: OpenRequest, onProgress: (progress: OpenProgress) => void): Promise<Opened> {
    const model = await loadModel(request.model, {
      base: request.base,
      draft: request.draft,
      onProgress: (progress) => onProgress({ phase: "download", ...progress }),
    });
    const open = () => openSessions(model, request, (phase) => onProgress({ phase }));
    const { spec, sessions } = await open();
    const reopen = async () => (await open()).sessions;
    const { device, takesMaskInput } = sessions;
    const key = model.fingerprint && `timing/${model.fingerprint}/${device.adapter ?? device.threads}`;
    state = { predictor: new Predictor(spec, sessions, reopen, request.embeddingBudget), unmeasured: key };
    return { spec, device, takesMaskInput, encodeTime: key ? await readNote<number>(key) : null };
  },

  /** What runs where at this moment. */
  device: (): DeviceInfo => opened().predictor.device,

  async setImage(id: string, source: TransferableImage, onPhase: (phase: EncodePhase) => void): Promise<EncodedImage> {
    const now = opened();
    const encoded = await now.predictor.setImage(id, source, onPhase);
    if (now.unmeasured) await keepNote(now.unmeasured, encoded.timings.encode);
    now.unmeasured = null;
    return encoded;
  },

  async predict(id: string, prompt: SegmentPrompt): Promise<Prediction> {
    const prediction = await opened().predictor.predict(id, prompt);
    const { logits, scores, objectScores } = prediction;
    return Comlink.transfer(prediction, [logits.data.buffer, scores.data.buffer, objectScores.data.buffer]);
  },

  releaseImage: (id: string): Promise<void> => opened().predictor.releaseImage(id),

  listCached: (): Promise<CachedFile[]> => listCached(),
  deleteCached: (prefix?: string): Promise<void> => deleteCached(prefix),
};

/** What the page sees of the worker. */
export type WorkerApi = typeof api;

Comlink.expose(api);
