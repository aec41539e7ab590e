/** The workers of a segmenter: opened, restarted and ended together. */
import { DTYPES, isSam2Error, Sam2Error, shown } from "sam2-contract";
import type { DtypeChoice } from "../model/forms.ts";
import type { DeviceInfoOf } from "../runtime/sessions.ts";
import type { Opened, OpenProgress, OpenRequest } from "../worker/open.ts";
import { abortable, Connection, type StartedWorker } from "./connection.ts";
import type { SegmenterOptionsOf } from "./options.ts";
import { modelProgress } from "./progress.ts";
import { sending } from "./sendable.ts";

/** If the encoder takes no longer than this, there is no draft; in milliseconds. */
const QUICK_ENOUGH = 2000;

/** The worker with the model, and the worker with its draft, if there is one. */
export interface WorkerPair<Sent, D extends DeviceInfoOf> {
  readonly main: Connection<Sent, D>;
  readonly draft: Connection<Sent, D> | null;
}

/** How workers are started. */
export interface WorkerStart {
  start(): StartedWorker;
  /** Address that relative ones are resolved against. */
  readonly base: string;
}

/** The states; `ready` and `restart` show what is possible in each. */
type State<Pair> =
  | { readonly kind: "open"; readonly pair: Pair }
  | { readonly kind: "restarting"; readonly pair: Promise<Pair>; readonly opening: AbortController }
  | { readonly kind: "failed"; readonly reason: unknown }
  | { readonly kind: "disposed" };

function disposed(): Sam2Error {
  return new Sam2Error("DisposedError", "this segmenter was disposed of");
}

function close<Sent, D extends DeviceInfoOf>({ main, draft }: WorkerPair<Sent, D>, reason: Error): void {
  main.close(reason);
  draft?.close(reason);
}

/** Starts and ends the workers, and knows which ones answer now. */
export class Workers<Sent, D extends DeviceInfoOf> {
  readonly #how: WorkerStart;
  readonly #options: SegmenterOptionsOf<D>;
  #state: State<WorkerPair<Sent, D>>;
  #opened: Opened<D>;
  /** Milliseconds that the encoder takes on this device; null until it was measured. */
  #encodeTime: number | null;

  private constructor(how: WorkerStart, options: SegmenterOptionsOf<D>, pair: WorkerPair<Sent, D>) {
    this.#how = how;
    this.#options = options;
    this.#state = { kind: "open", pair };
    this.#opened = pair.main.opened;
    this.#encodeTime = this.#opened.encodeTime;
  }

  /** Opens the model. Aborting `options.signal` cancels that, and ends the workers. */
  static async open<Sent, D extends DeviceInfoOf>(
    how: WorkerStart,
    options: SegmenterOptionsOf<D>,
  ): Promise<Workers<Sent, D>> {
    const pair = await connectPair<Sent, D>(how, options, null, options.signal);
    return new Workers(how, options, pair);
  }

  /** The model that was opened last. */
  get opened(): Opened<D> {
    return this.#opened;
  }

  /** Whether `dispose` was called. */
  get isDisposed(): boolean {
    return this.#state.kind === "disposed";
  }

  /** Whether the encoder is so quick here that no draft is needed. */
  get isQuick(): boolean {
    return isQuick(this.#encodeTime);
  }

  /** Remembers how long the encoder took, in milliseconds. */
  measured(encodeTime: number): void {
    this.#encodeTime = encodeTime;
  }

  /**
   * The workers to call; waits for the end of a restart.
   *
   * @throws DisposedError after `dispose`, and what a failed restart threw
   */
  async ready(): Promise<WorkerPair<Sent, D>> {
    const state = this.#state;
    switch (state.kind) {
      case "open":
      case "restarting":
        return state.pair;
      case "failed":
        throw state.reason;
      case "disposed":
        throw disposed();
      default:
        return state satisfies never;
    }
  }

  /**
   * Ends the workers, whatever they are doing, and opens the model again. A call during a restart joins it; after a
   * failed restart, another may be tried.
   *
   * @param stopped what calls in flight reject with
   * @throws DisposedError, or what opening throws
   */
  async restart(stopped: Error): Promise<void> {
    if (this.#state.kind === "open") close(this.#state.pair, stopped);
    if (this.#state.kind === "open" || this.#state.kind === "failed") {
      const opening = new AbortController();
      const pair = connectPair<Sent, D>(this.#how, this.#options, this.#encodeTime, opening.signal);
      this.#state = { kind: "restarting", pair, opening };
      pair.then(
        (opened) => this.#finish({ kind: "open", pair: opened }),
        (reason: unknown) => this.#finish({ kind: "failed", reason }),
      );
    }
    await this.ready();
    if (this.#state.kind === "disposed") throw disposed();
  }

  #finish(state: Extract<State<WorkerPair<Sent, D>>, { kind: "open" | "failed" }>): void {
    if (this.#state.kind === "disposed") {
      if (state.kind === "open") close(state.pair, disposed());
      return;
    }
    this.#state = state;
    if (state.kind === "open") this.#opened = state.pair.main.opened;
  }

  /** Ends the workers, opened or not; calls in flight reject with a DisposedError. */
  dispose(): void {
    const state = this.#state;
    this.#state = { kind: "disposed" };
    if (state.kind === "open") close(state.pair, disposed());
    if (state.kind === "restarting") state.opening.abort(disposed());
  }
}

function isQuick(encodeTime: number | null): boolean {
  return encodeTime !== null && encodeTime <= QUICK_ENOUGH;
}

/** @throws InvalidPromptError for a precision that is none */
function readDtype(dtype: DtypeChoice): DtypeChoice {
  const choices: readonly DtypeChoice[] = ["auto", ...DTYPES];
  if (choices.includes(dtype)) return dtype;
  throw new Sam2Error("InvalidPromptError", `dtype: expected ${choices.join(", ")}, got ${shown(dtype)}`);
}

async function connectPair<Sent, D extends DeviceInfoOf>(
  how: WorkerStart,
  options: SegmenterOptionsOf<D>,
  encodeTime: number | null,
  signal?: AbortSignal,
): Promise<WorkerPair<Sent, D>> {
  const main = await connect<Sent, D>(how, options, "full", signal);
  if (!options.draft || isQuick(encodeTime ?? main.opened.encodeTime)) return { main, draft: null };
  try {
    return { main, draft: await connect<Sent, D>(how, options, "draft", signal) };
  } catch (error) {
    main.close(disposed());
    throw error;
  }
}

/** Opens a worker. If its threads hang at their start, opens another one, with one thread. */
async function connect<Sent, D extends DeviceInfoOf>(
  how: WorkerStart,
  options: SegmenterOptionsOf<D>,
  quality: "draft" | "full",
  signal?: AbortSignal,
): Promise<Connection<Sent, D>> {
  const { device = "auto", softwareGpu, threads, acceptChanges = false, lazyEncoder = false } = options;
  const { embeddingBudget = 256e6, maxPixels } = options;
  const dtype = readDtype(options.dtype ?? "auto");
  const another = typeof options.draft === "boolean" ? undefined : options.draft;
  const isDraft = quality === "draft";
  const model = (isDraft && another) || (options.model ?? "sam2-mini");
  const request: OpenRequest<D> = {
    model: model instanceof URL ? model.href : model,
    base: how.base,
    dtype,
    draft: isDraft && !another,
    keepsWeights: !isDraft && options.draft === true,
    device,
    softwareGpu,
    threads,
    lazyEncoder,
    acceptChanges,
    embeddingBudget,
    maxPixels,
  };
  const onProgress = (progress: OpenProgress): void => options.onProgress?.(modelProgress(progress));
  const start = (): StartedWorker => how.start();
  try {
    return await sending(request, () => Connection.open(start, request, onProgress, signal));
  } catch (error) {
    if (!isSam2Error(error, "RuntimeStartError") || threads === 1) throw error;
    const threadsReason = "one thread, since several did not start";
    return Connection.open(start, { ...request, threads: 1, threadsReason }, onProgress, signal);
  }
}

/** Runs a task once the workers are ready, and stops waiting when the signal is aborted. */
export async function whenReady<T, Sent, D extends DeviceInfoOf>(
  workers: Workers<Sent, D>,
  signal: AbortSignal | undefined,
  task: (pair: WorkerPair<Sent, D>) => Promise<T>,
): Promise<T> {
  return task(await abortable(workers.ready(), signal));
}
