/**
 * Embeddings of pictures that were made elsewhere, as by `sam2 embed`: files, or an address that has one for each picture.
 * A picture whose embedding by the model in use is here needs no encoder.
 */
import { type EmbeddingInfo, readEmbeddingInfo } from "sam2-web";
import type { LabeledImage, Project } from "../labels/annotations.ts";
import { counted } from "../labels/counted.ts";
import type { Notices } from "./notices.ts";
import type { Observable } from "./observable.ts";
import type { NamedFile } from "./picture-set.ts";
import type { Model } from "./sight.ts";
import type { State } from "./state.ts";

/** So many files are read at once: each is read in two small pieces. */
const AT_ONCE = 16;

/** So many files take long enough for a progress bar. */
const MANY = 200;

interface Stored extends NamedFile {
  readonly info: EmbeddingInfo;
}

/** Files that are not used now, by the reason. */
export interface Unused {
  /** Names of files by other models, by the model's id. */
  readonly byModel: ReadonlyMap<string, readonly string[]>;
  /** Names of files of pictures that are not in the set. */
  readonly strangers: readonly string[];
  /** What cannot be used at all: its name, and why. */
  readonly refused: readonly string[];
}

/** An embedding for `setImage`, and what is said when it is refused. */
export interface StoredEmbedding {
  readonly source: Blob | string;
  /** Called when it is used. */
  used(): void;
  /** Called when it does not fit, is damaged, or cannot be fetched: it is not tried again. */
  refused(error: unknown): void;
}

/** Finds the embedding of a picture. */
export class StoredEmbeddings {
  readonly #state: Observable<State>;
  readonly #notices: Notices;
  /** By the picture's SHA-256 and the model's fingerprint. */
  readonly #stored = new Map<string, Stored>();
  readonly #refused = new Map<string, string>();
  /** SHA-256 of pictures whose embedding was fetched from the address, by the model's fingerprint. */
  readonly #fetched = new Set<string>();
  #model: Model | null = null;

  constructor(state: Observable<State>, notices: Notices) {
    this.#state = state;
    this.#notices = notices;
    state.subscribe(() => {
      const { model } = state.get();
      if (model === this.#model) return;
      this.#model = model;
      this.#show();
    });
  }

  /**
   * Takes in files of embeddings, whatever model and pictures they are of.
   *
   * @returns how many of the files are embeddings
   */
  async add(files: readonly NamedFile[]): Promise<number> {
    let found = 0;
    const read = async ({ name, blob }: NamedFile): Promise<void> => {
      try {
        const info = await readEmbeddingInfo(blob);
        if (info.sha256 === null) throw new Error("expected the embedding of a picture's file, got that of pixels");
        this.#stored.set(keyOf(info.sha256, info.model), { name, blob, info });
        this.#refused.delete(name);
        found++;
      } catch (error) {
        this.#refused.set(name, (error as Error).message);
      }
    };
    const readAll = async (signal: AbortSignal | null, show: (done: number) => void): Promise<void> => {
      for (let at = 0; at < files.length && !signal?.aborted; at += AT_ONCE) {
        await Promise.all(files.slice(at, at + AT_ONCE).map(read));
        show(Math.min(at + AT_ONCE, files.length));
      }
    };
    if (files.length < MANY) await readAll(null, () => undefined);
    else {
      await this.#notices.run(async (signal, show) => {
        const of = files.length;
        await readAll(signal, (done) => show(`Reading embeddings: ${done} of ${of}`, done / of));
      }, "the pictures are encoded as usual.");
    }
    // a checkpoint's weights are no embeddings that fail
    if (found === 0) for (const { name } of files) this.#refused.delete(name);
    this.#show();
    if (found > 0) this.#notices.say(`${counted(found, "embedding")} added.`);
    return found;
  }

  /**
   * Looks for embeddings at an address, too: that of `a/1.jpg` at `ADDRESS/a/1.jpg.safetensors`. Empty for no address.
   *
   * @throws Error when it is no address
   */
  lookAt(text: string): void {
    const wanted = text.trim();
    for (const name of [...this.#refused.keys()]) if (/^https?:/.test(name)) this.#refused.delete(name);
    if (wanted === "") {
      this.#show(null);
      return;
    }
    let address: URL;
    try {
      address = new URL(wanted.endsWith("/") ? wanted : `${wanted}/`, globalThis.document?.baseURI);
    } catch {
      throw new Error(`expected an address such as https://example.com/embeddings/, got ${wanted}`);
    }
    if (!/^https?:$/.test(address.protocol)) {
      throw new Error(`expected an address that begins with https:, got ${address.protocol}`);
    }
    this.#show(address.href);
  }

  /** The embedding of a picture by a model; null when none is known. */
  of(image: LabeledImage | null, { fingerprint }: Model): StoredEmbedding | null {
    if (image?.sha256 == null) return null;
    const key = keyOf(image.sha256, fingerprint);
    const stored = this.#stored.get(key);
    if (stored) {
      return {
        source: stored.blob,
        used: () => undefined,
        refused: (error) => {
          this.#stored.delete(key);
          this.#refuse(stored.name, error);
        },
      };
    }
    const { address } = this.#state.get().embeddings;
    if (address === null) return null;
    const path = image.name.split("/").map(encodeURIComponent).join("/");
    const source = `${address}${path}.safetensors`;
    if (this.#refused.has(source)) return null;
    return {
      source,
      used: () => {
        this.#fetched.add(key);
        this.#show();
      },
      refused: (error) => this.#refuse(source, error),
    };
  }

  /** Files that are not used, and why. */
  unused({ images }: Project): Unused {
    const here = new Set(images.map(({ sha256 }) => sha256));
    const byModel = new Map<string, string[]>();
    const strangers: string[] = [];
    for (const { name, info } of this.#stored.values()) {
      if (!here.has(info.sha256)) strangers.push(name);
      else if (this.#model && info.model !== this.#model.fingerprint) {
        const names = byModel.get(info.modelId) ?? [];
        names.push(name);
        byModel.set(info.modelId, names);
      }
    }
    // what an address answers says where it was asked
    const refused = [...this.#refused].map(([name, why]) => (why.startsWith(name) ? why : `${name}: ${why}`));
    return { byModel, strangers, refused };
  }

  #refuse(name: string, error: unknown): void {
    this.#refused.set(name, (error as Error).message);
    this.#show();
  }

  #show(address: string | null = this.#state.get().embeddings.address): void {
    const fingerprint = this.#model?.fingerprint;
    const pictures = new Set<string>();
    for (const key of [...this.#stored.keys(), ...this.#fetched]) {
      const [sha256, model] = key.split(" ") as [string, string];
      if (model === fingerprint) pictures.add(sha256);
    }
    this.#state.update({
      embeddings: { files: this.#stored.size, address, pictures, refused: this.#refused.size },
    });
  }
}

function keyOf(sha256: string, fingerprint: string): string {
  return `${sha256} ${fingerprint}`;
}
