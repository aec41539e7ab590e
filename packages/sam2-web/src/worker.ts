/** The worker's side: what the page may call, and what is transferred instead of copied. */
import * as Comlink from "comlink";
import { type AutomaticMask, type AutomaticOptions, type AutomaticProgress, segmentEverything } from "./automatic.ts";
import { type CachedFile, type DownloadProgress, deleteCached, keepNote, listCached, readNote } from "./cache.ts";
import { type DeviceOptions, type OpenPhase, openSessions } from "./device.ts";
import { Sam2Error } from "./errors.ts";
import { decodeImage, type TransferableImage } from "./image.ts";
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
    const { logits, settled, scores, objectScores } = prediction;
    const tensors = new Set([logits, settled, scores, objectScores]);
    return Comlink.transfer(
      prediction,
      Array.from(tensors, ({ data }) => data.buffer),
    );
  },

  /**
   * Everything mode on an image that was set.
   *
   * @param source the picture, where crops are asked for
   * @param onProgress answers whether to go on
   */
  async segmentEverything(
    id: string,
    source: TransferableImage | null,
    options: AutomaticOptions,
    onProgress: (progress: AutomaticProgress) => Promise<boolean>,
  ): Promise<AutomaticMask[]> {
    const { predictor } = opened();
    const size = predictor.sizeOf(id);
    const picture = source && (await decodeImage(source));
    try {
      return await segmentEverything(
        size,
        options,
        async ([x0, y0, x1, y1]) => {
          const whole = x1 - x0 === size.width && y1 - y0 === size.height;
          const part = whole ? id : `${id}/crop`;
          if (!whole) {
            if (!picture) throw new Sam2Error("InvalidImageError", "crops need the picture, not only its encoding");
            await predictor.setImage(part, await createImageBitmap(picture, x0, y0, x1 - x0, y1 - y0), () => undefined);
          }
          return {
            decode: (points, masks, multimask) =>
              predictor.predictUnclamped(part, {
                point_coords: points,
                point_labels: {
                  data: new Float32Array(points.dims[0] as number).fill(1),
                  dims: [points.dims[0] as number, 1],
                },
                mask_input: masks ?? undefined,
                multimask_output: multimask,
              }),
            release: async () => (whole ? undefined : predictor.releaseImage(part)),
          };
        },
        async (progress) => {
          if (!(await onProgress(progress))) throw new DOMException("everything mode was stopped", "AbortError");
        },
      );
    } finally {
      if (picture) picture.close();
    }
  },

  releaseImage: (id: string): Promise<void> => opened().predictor.releaseImage(id),

  listCached: (): Promise<CachedFile[]> => listCached(),
  deleteCached: (prefix?: string): Promise<void> => deleteCached(prefix),
};

/** What the page sees of the worker. */
export type WorkerApi = typeof api;

Comlink.expose(api);
