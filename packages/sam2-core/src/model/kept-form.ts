/**
 * The converted form of a checkpoint that is kept on this device: the one that was opened last, so that the next opening
 * neither converts nor reads the checkpoint.
 *
 * It belongs to the checkpoint's hashes, to the image size that was asked for, and to the exporter's version.
 */
import { EXPORTER_VERSION, type ModelFile, type ModelManifest, readManifest, Sam2Error } from "sam2-contract";
import { type ModelCache, modelKey } from "../storage/cache.ts";
import { digest } from "../storage/digest.ts";
import { bytesOf } from "./blobs.ts";
import type { CheckpointHashes } from "./checkpoint.ts";
import type { CheckpointFacts, Converted } from "./convert.ts";
import type { ModelBytes } from "./forms.ts";

/** What is kept beside the two graphs. */
interface Head {
  readonly exporter: number;
  readonly checkpoint: CheckpointHashes;
  /** The image size that was asked for; null for the checkpoint's own. */
  readonly asked: number | null;
  readonly facts: CheckpointFacts;
  readonly manifest: ModelManifest;
}

/** The place of one kept form: of a model, or of its draft. */
export class KeptForm {
  readonly #cache: ModelCache;
  readonly #id: string;
  readonly #prefix: string;
  readonly #asked: number | null;

  /** @param asked the image size that was asked for; null for the checkpoint's own */
  constructor(cache: ModelCache, id: string, use: "whole" | "draft", asked: number | null) {
    this.#cache = cache;
    this.#id = id;
    this.#prefix = `${modelKey(id)}converted/${use}/`;
    this.#asked = asked;
  }

  /** What is kept of this checkpoint; null if nothing is, or another version of it. */
  async find(checkpoint: CheckpointHashes): Promise<Pick<Head, "facts" | "manifest"> | null> {
    const kept = await this.#cache.read(`${this.#prefix}head`);
    try {
      const head = kept && (JSON.parse(new TextDecoder().decode(kept)) as Head);
      if (!head || head.exporter !== EXPORTER_VERSION || head.asked !== this.#asked) return null;
      if (JSON.stringify(head.checkpoint) !== JSON.stringify(checkpoint)) return null;
      return { facts: head.facts, manifest: readManifest(head.manifest, this.#id) };
    } catch {
      return null;
    }
  }

  /**
   * Reads the graphs, and checks them.
   *
   * @param decoderAlone whether to leave the encoder out
   * @throws IntegrityError if one is not as it was when it was kept; it is then forgotten
   */
  async read({ files }: ModelManifest, decoderAlone: boolean): Promise<ModelBytes> {
    const [encoder, decoder] = await Promise.all([
      decoderAlone ? null : this.#file(files.encoder),
      this.#file(files.decoder),
    ]);
    return { encoder, decoder };
  }

  async #file({ name, sha256 }: ModelFile): Promise<Uint8Array> {
    const bytes = await this.#cache.read(this.#prefix + name);
    const came = bytes === null ? "none" : await digest(bytes);
    if (bytes !== null && came === sha256) return bytes;
    await this.forget();
    throw new Sam2Error("IntegrityError", `${this.#id}: kept ${name}: expected SHA-256 ${sha256}, got ${came}`);
  }

  /** Keeps a form in place of the one before; false if that is not possible. */
  keep(checkpoint: CheckpointHashes, facts: CheckpointFacts, converted: Converted): Promise<boolean> {
    return this.#cache.alone(this.#prefix, () => this.#write(checkpoint, facts, converted));
  }

  async #write(checkpoint: CheckpointHashes, facts: CheckpointFacts, converted: Converted): Promise<boolean> {
    const { manifest, encoder, decoder } = converted;
    const head: Head = { exporter: EXPORTER_VERSION, checkpoint, asked: this.#asked, facts, manifest };
    const files: [string, Blob][] = [
      [manifest.files.encoder.name, encoder],
      [manifest.files.decoder.name, decoder],
      // last: what has no head is not found
      ["head", new Blob([JSON.stringify(head)])],
    ];
    await this.forget();
    for (const [name, blob] of files) {
      if (await this.#cache.keep(this.#prefix + name, await bytesOf(blob))) continue;
      await this.forget();
      return false;
    }
    return true;
  }

  /** Deletes it. */
  async forget(): Promise<void> {
    await this.#cache.forget(`${this.#prefix}head`);
    await this.#cache.forgetAll(this.#prefix);
  }
}
