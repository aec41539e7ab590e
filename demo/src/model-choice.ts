/**
 * The choice of the model: one of the catalog, or a checkpoint that the person opened. The old model answers until the
 * new one is open, and stays if opening fails.
 */
import { sam2Mini } from "sam2-mini";
import { CATALOG, createSegmenter, type ModelSource, type Segmenter } from "sam2-web";
import { element } from "./element.ts";
import { forgetError, say, showBusy, showError, showProgress } from "./status.ts";

/** The list of models, and the one that answers. */
export class ModelChoice {
  readonly #list = element<HTMLSelectElement>("model-choice");
  /** The models' sources, by name in the list. */
  readonly #sources = new Map<string, ModelSource>();
  readonly #use: (segmenter: Segmenter) => void;
  #answering: { readonly name: string; readonly segmenter: Segmenter } | null = null;
  #opening: AbortController | null = null;

  /**
   * Fills the list and opens its first model.
   *
   * @param use called with each model that was opened; the previous one is disposed of after that
   */
  constructor(use: (segmenter: Segmenter) => void) {
    this.#use = use;
    for (const { id, title, bytes, license } of CATALOG) {
      this.#sources.set(id, id === "sam2-mini" ? sam2Mini : id);
      const option = new Option(`${title.replace(/ \(.*/, "")}, ${Math.round(bytes / 1e6)} MB`, id);
      option.title = `${title}, ${license}`;
      this.#list.add(option);
    }
    this.#list.addEventListener("change", () => this.#choose(this.#list.value));
    this.#choose(this.#list.value);
  }

  /** Whether a model is being opened. */
  get isOpening(): boolean {
    return this.#opening !== null;
  }

  /** Opens a model that is not of the catalog; it joins the list once it has opened. */
  bring(name: string, source: ModelSource): void {
    void this.#open(name, source);
  }

  /** Opens a model of the list. Choosing the model that is in use cancels opening another. */
  #choose(name: string): void {
    const source = this.#sources.get(name);
    if (name !== this.#answering?.name && source) return void this.#open(name, source);
    this.#opening?.abort();
    this.#opening = null;
    showBusy(null);
  }

  async #open(name: string, source: ModelSource): Promise<void> {
    this.#opening?.abort();
    const opening = new AbortController();
    this.#opening = opening;
    forgetError();
    showBusy("Opening the model");
    try {
      const { signal } = opening;
      const segmenter = await createSegmenter({ model: source, onProgress: showProgress, signal });
      // another was chosen in the same moment
      if (signal.aborted) return segmenter.dispose();
      this.#opening = null;
      showBusy(null);
      this.#answer(name, source, segmenter);
    } catch (error) {
      if (opening.signal.aborted) return;
      this.#opening = null;
      showBusy(null);
      showError(error, "choose another model, or reload the page to try again.");
      if (this.#answering) this.#list.value = this.#answering.name;
    }
  }

  /** Makes this the model in use. */
  #answer(name: string, source: ModelSource, segmenter: Segmenter): void {
    const before = this.#answering;
    this.#answering = { name, segmenter };
    if (!this.#sources.has(name)) this.#list.add(new Option(name, name));
    this.#sources.set(name, source);
    this.#list.value = name;
    this.#tell(segmenter);
    this.#use(segmenter);
    void before?.segmenter.dispose();
  }

  #tell({ device, model }: Segmenter): void {
    const threads = `${device.threads} ${device.threads === 1 ? "thread" : "threads"}`;
    const where = device.encoder === "webgpu" ? "WebGPU" : `WASM, ${threads}`;
    element("model").textContent = where;
    element("model").title = device.reason;
    say(`${model.id} is ready on ${where} (${device.reason}).`);
  }
}
