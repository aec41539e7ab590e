/**
 * The choice of the model: one of the catalog, or a checkpoint that the person opened. The old model answers until the
 * new one is open, and stays if opening fails.
 */
import type { ModelProgress, ModelSource } from "sam2-web";
import { counted } from "../labels/counted.ts";
import type { Notices } from "./notices.ts";
import type { Observable } from "./observable.ts";
import type { Model } from "./sight.ts";
import type { Busy, ModelEntry, State } from "./state.ts";

/** A model of the list, and where it comes from. */
export interface ListedModel extends ModelEntry {
  readonly source: ModelSource;
}

/** Opens a model. */
export type OpenModel = (
  source: ModelSource,
  options: {
    readonly signal: AbortSignal;
    readonly onProgress: (progress: ModelProgress) => void;
    /** Whether the encoder waits for a picture that needs it. */
    readonly lazyEncoder: boolean;
  },
) => Promise<Model>;

/** The list of models, and the one that answers. */
export class Models {
  readonly #state: Observable<State>;
  readonly #notices: Notices;
  readonly #openModel: OpenModel;
  readonly #sources = new Map<string, ModelSource>();
  #opening: AbortController | null = null;

  constructor(state: Observable<State>, notices: Notices, openModel: OpenModel, listed: readonly ListedModel[]) {
    this.#state = state;
    this.#notices = notices;
    this.#openModel = openModel;
    for (const { name, source } of listed) this.#sources.set(name, source);
    state.update({ models: listed.map(({ name, title, details }) => ({ name, title, details })) });
  }

  /** Opens a model of the list. Choosing the model that is in use cancels opening another. */
  choose(name: string): void {
    const source = this.#sources.get(name);
    const { model, modelName } = this.#state.get();
    if (source && !(model && name === modelName)) return void this.#open(name, source);
    this.#opening?.abort();
    this.#opening = null;
    this.#state.update({ opening: null });
  }

  /** Opens a model that is not of the catalog; it joins the list once it has opened. */
  bring(name: string, source: ModelSource): void {
    void this.#open(name, source);
  }

  async #open(name: string, source: ModelSource): Promise<void> {
    this.#opening?.abort();
    const opening = new AbortController();
    this.#opening = opening;
    this.#notices.forgetError();
    const show = (text: string, share: number | null = null): void => {
      if (!opening.signal.aborted) this.#state.update({ opening: { text, share } });
    };
    show("Opening the model");
    try {
      const { signal } = opening;
      const onProgress = (progress: ModelProgress): void => {
        const { text, share } = inWords(progress);
        show(text, share);
      };
      const { files, address } = this.#state.get().embeddings;
      const lazyEncoder = files > 0 || address !== null;
      const model = await this.#openModel(source, { signal, onProgress, lazyEncoder });
      // another was chosen in the same moment
      if (signal.aborted) return void model.dispose();
      this.#opening = null;
      this.#use(name, source, model);
    } catch (error) {
      if (opening.signal.aborted) return;
      this.#opening = null;
      this.#state.update({ opening: null });
      this.#notices.fail(error, "choose another model, or reload the page to try again.");
    }
  }

  #use(name: string, source: ModelSource, model: Model): void {
    const { model: before, models } = this.#state.get();
    if (!this.#sources.has(name)) {
      this.#state.update({ models: [...models, { name, title: name, details: "from your files" }] });
    }
    this.#sources.set(name, source);
    this.#state.update({ opening: null, model, modelName: name });
    // the first one was not asked for, and the menu of models shows it
    if (before) this.#notices.say(`${model.model.id} is ready on ${placeOf(model)} (${model.device.reason}).`);
    void before?.dispose();
  }
}

/** Where a model runs: `WASM, 2 threads`. */
export function placeOf({ device }: Model): string {
  const threads = counted(device.threads, "thread");
  return device.encoder === "webgpu" ? "WebGPU" : `WASM, ${threads}`;
}

/**
 * Whether a model of the list is the best where the open one runs: on WASM EdgeTAM, whose encoder takes an eighth of SAM 2.1
 * tiny's operations. For GPUs, none is said to be.
 */
export function isBestBeside({ device }: Pick<Model, "device">, name: string): boolean {
  return device.encoder === "wasm" && name === "edgetam";
}

function inWords(progress: ModelProgress): Busy {
  if (progress.phase !== "download") {
    return { text: progress.phase === "compile" ? "Preparing the model" : "Checking the GPU", share: null };
  }
  const { done, total } = progress;
  const text = `Loading the model, ${(done / 1e6).toFixed(1)} MB`;
  return { text, share: total === null ? null : done / total };
}
