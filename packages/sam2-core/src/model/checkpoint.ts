/** A checkpoint's files, from wherever they are: identified without reading them where that is possible. */
import { isSam2Error, Sam2Error } from "sam2-contract";
import { type ModelCache, modelKey } from "../storage/cache.ts";
import { digest } from "../storage/digest.ts";
import { type FetchedFile, type FetchOptions, fetchCached } from "../storage/download.ts";
import { bytesOf } from "./blobs.ts";
import type { CheckpointFiles } from "./convert.ts";
import { knownWeights } from "./known-weights.ts";
import type { CheckpointSource } from "./source.ts";

/** SHA-256 of config.json, and of each file of weights. */
export interface CheckpointHashes {
  readonly config: string;
  readonly weights: readonly string[];
}

/** A checkpoint whose files are read when they are needed. */
export interface Checkpoint {
  readonly id: string;
  /** Its hashes as they are known without reading all of it; null where they are not. */
  known(): Promise<CheckpointHashes | null>;
  /** Reads, or downloads, its files. */
  open(): Promise<{ readonly files: CheckpointFiles; readonly hashes: CheckpointHashes }>;
  /** Deletes what is kept of its weights: they are downloaded again when they are needed again. */
  dropWeights(): Promise<void>;
  /**
   * Deletes what is kept of files that turned out to be no checkpoint, so that they are downloaded again next time. Weights
   * that can be read stay: config.json alone may be wrong.
   */
  refuse(error: unknown): Promise<void>;
}

/** What was noted of a file when it was hashed. */
interface Stamp {
  readonly size: number;
  readonly lastModified: number;
  /** SHA-256 of pieces of it. */
  readonly pieces: string;
  readonly sha256: string;
}

/** How many pieces of a file are compared, and how long they are, in bytes. */
const [PIECES, PIECE] = [64, 16_384];

/** SHA-256 of pieces from the whole length of a file: two checkpoints of the same size differ in nearly all of them. */
async function digestOfPieces(file: Blob): Promise<string> {
  const starts = Array.from({ length: PIECES }, (_, i) => Math.floor((i * file.size) / PIECES));
  return digest(await bytesOf(new Blob(starts.map((start) => file.slice(start, start + PIECE)))));
}

/**
 * SHA-256 of a file. One that has a name and a date is hashed once: as long as these, its size and pieces of it are the
 * same, the noted hash is its own.
 */
async function fileDigest(file: Blob, cache: ModelCache): Promise<string> {
  if (typeof File === "undefined" || !(file instanceof File)) return digest(await bytesOf(file));
  const { name, size, lastModified } = file;
  const key = `stamp/${name}`;
  const pieces = await digestOfPieces(file);
  const noted = await cache.readNote<Stamp>(key);
  if (noted?.size === size && noted.lastModified === lastModified && noted.pieces === pieces) return noted.sha256;
  const sha256 = await digest(await bytesOf(file));
  await cache.keepNote(key, { size, lastModified, pieces, sha256 } satisfies Stamp);
  return sha256;
}

/** A checkpoint whose files the caller passed. */
function givenCheckpoint(
  { id = "converted", config, weights, sha256 }: Extract<CheckpointSource, { config: Blob }>,
  cache: ModelCache,
): Checkpoint {
  let found: Promise<CheckpointHashes> | undefined;
  const hashes = (): Promise<CheckpointHashes> => {
    found ??= hashAll();
    return found;
  };
  const hashAll = async (): Promise<CheckpointHashes> => {
    const came = await Promise.all(weights.map((blob) => fileDigest(blob, cache)));
    if (sha256 !== undefined && came.join() !== sha256) {
      throw new Sam2Error("IntegrityError", `${id}: expected one file of weights, of SHA-256 ${sha256}, got ${came}`);
    }
    return { config: await digest(await bytesOf(config)), weights: came };
  };
  return {
    id,
    known: hashes,
    open: async () => ({ files: { config, weights }, hashes: await hashes() }),
    dropWeights: async () => undefined,
    refuse: async () => undefined,
  };
}

/** A checkpoint at an address. */
function remoteCheckpoint(
  source: Extract<CheckpointSource, { checkpoint: string }>,
  options: FetchOptions & { readonly base: string },
): Checkpoint {
  const { cache } = options;
  const folder = new URL(source.checkpoint, options.base);
  const sha256 = source.sha256 ?? knownWeights(folder.href);
  const id = source.id ?? (folder.host + folder.pathname).replace(/\/$/, "");
  const [configUrl, weightsUrl] = [new URL("config.json", folder).href, new URL("model.safetensors", folder).href];
  const key = (url: string): string => modelKey(id) + url;
  const fetchFile = (url: string, expected?: string): Promise<FetchedFile> =>
    fetchCached({ key: key(url), url, sha256: expected }, options);
  const pinned = async (url: string): Promise<string | null> => {
    const pin = await cache.read(`pin/${url}`);
    return pin && new TextDecoder().decode(pin);
  };
  return {
    id,
    async known() {
      const [config, weights] = [await pinned(configUrl), sha256 ?? (await pinned(weightsUrl))];
      return config && weights ? { config, weights: [weights] } : null;
    },
    async open() {
      const before = sha256 === undefined ? await pinned(weightsUrl) : null;
      let config = await fetchFile(configUrl);
      const weights = await fetchFile(weightsUrl, sha256);
      if (before !== null && before !== weights.sha256) {
        // changed weights may be of another config.json than the one that is kept
        await cache.forget(key(configUrl));
        config = await fetchFile(configUrl);
      }
      const blob = ({ bytes }: FetchedFile): Blob => new Blob([bytes as Uint8Array<ArrayBuffer>]);
      return {
        files: { config: blob(config), weights: [blob(weights)] },
        hashes: { config: config.sha256, weights: [weights.sha256] },
      };
    },
    dropWeights: () => cache.forget(key(weightsUrl)),
    async refuse(error) {
      if (!isSam2Error(error)) return;
      const areUnreadable = isSam2Error(error, "InvalidSafetensorsError") || isSam2Error(error, "InvalidModelError");
      for (const url of areUnreadable ? [configUrl, weightsUrl] : [configUrl]) {
        await cache.forget(key(url));
        await cache.forget(`pin/${url}`);
      }
    },
  };
}

/** The checkpoint that a source names. */
export function checkpointOf(source: CheckpointSource, options: FetchOptions & { readonly base: string }): Checkpoint {
  return "config" in source ? givenCheckpoint(source, options.cache) : remoteCheckpoint(source, options);
}
