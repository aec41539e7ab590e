/** The worker's side: what the page may call, and what is transferred instead of copied. */
import * as Comlink from "comlink";
import type { CanaryAnswer } from "sam2-export";
import { type CachedFile, type DownloadProgress, deleteCached, keep, listCached, readKept } from "./cache.ts";
import { askCanary, compareCanary } from "./canary.ts";
import { Sam2Error } from "./errors.ts";
import type { TransferableImage } from "./image.ts";
import { type LoadedModel, loadModel, type ModelSource } from "./load.ts";
import type { ModelSpec } from "./model.ts";
import { type EncodedImage, type Prediction, Predictor } from "./predictor.ts";
import type { SegmentPrompt } from "./prompt.ts";
import { type DeviceInfo, type SessionOptions, Sessions } from "./session.ts";

/** How far opening a model is. */
export type OpenProgress =
  | ({ readonly phase: "download" } & DownloadProgress)
  | { readonly phase: "compile" }
  | { readonly phase: "check" };

/** What opening a model needs. */
export interface OpenRequest extends SessionOptions {
  readonly model: ModelSource;
  /** Address that relative ones are resolved against. */
  readonly base: string;
  /** Bytes that embeddings may take together. */
  readonly embeddingBudget: number;
}

/** What was opened. */
export interface Opened {
  readonly spec: ModelSpec;
  readonly device: DeviceInfo;
  readonly takesMaskInput: boolean;
}

let predictor: Predictor | undefined;

function opened(): Predictor {
  if (!predictor) throw new Sam2Error("DisposedError", "no model is open");
  return predictor;
}

/**
 * The right answer to the canary: from model.json, from an earlier time, or from the WASM provider,
 * whose encoder takes as long as one picture does there; so it is asked once for each model.
 */
async function rightAnswer({ spec, bytes, fingerprint }: LoadedModel, request: OpenRequest): Promise<CanaryAnswer> {
  if (spec.canary) return spec.canary;
  const key = fingerprint && `canary/${fingerprint}`;
  const kept = key && (await readKept(key));
  if (kept) return JSON.parse(new TextDecoder().decode(kept)) as CanaryAnswer;
  const sessions = await Sessions.open(spec, bytes, { ...request, device: "wasm" }, async () => null);
  const answer = await askCanary(sessions, spec);
  await sessions.dispose();
  if (key) await keep(key, new TextEncoder().encode(JSON.stringify(answer)));
  return answer;
}

const api = {
  async open(request: OpenRequest, onProgress: (progress: OpenProgress) => void): Promise<Opened> {
    const model = await loadModel(request.model, request.base, (progress) =>
      onProgress({ phase: "download", ...progress }),
    );
    const { spec, bytes } = model;
    const openSessions = (): Promise<Sessions> => {
      onProgress({ phase: "compile" });
      return Sessions.open(spec, bytes, request, async (candidate) => {
        onProgress({ phase: "check" });
        const expected = await rightAnswer(model, request);
        return compareCanary(await askCanary(candidate, spec), expected);
      });
    };
    const sessions = await openSessions();
    predictor = new Predictor(spec, sessions, openSessions, request.embeddingBudget);
    return { spec, device: sessions.device, takesMaskInput: sessions.takesMaskInput };
  },

  /** What runs where at this moment. */
  device: (): DeviceInfo => opened().device,

  setImage: (id: string, source: TransferableImage): Promise<EncodedImage> => opened().setImage(id, source),

  async predict(id: string, prompt: SegmentPrompt): Promise<Prediction> {
    const prediction = await opened().predict(id, prompt);
    const { logits, scores, objectScores } = prediction;
    return Comlink.transfer(prediction, [logits.data.buffer, scores.data.buffer, objectScores.data.buffer]);
  },

  releaseImage: (id: string): Promise<void> => opened().releaseImage(id),

  async dispose(): Promise<void> {
    await predictor?.dispose();
    predictor = undefined;
  },

  listCached: (): Promise<CachedFile[]> => listCached(),
  deleteCached: (prefix?: string): Promise<void> => deleteCached(prefix),
};

/** What the page sees of the worker. */
export type WorkerApi = typeof api;

Comlink.expose(api);
