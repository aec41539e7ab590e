/**
 * Kept labels, in IndexedDB: a log of changes that only grows at its end, and the pictures.
 *
 * Applying all changes gives the labels. To keep the log small and fast to read, its entries are applied to a snapshot
 * from time to time, in the same transaction that appends. IndexedDB runs the transactions of all windows one after
 * the other, and each window reads what others have appended before it appends its own.
 */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from "idb";
import {
  EMPTY_PROJECT,
  type LabeledImage,
  type ObjectClass,
  type Project,
  withClassesOf,
} from "../labels/annotations.ts";
import { applied, type Change, changesBetween } from "../labels/changes.ts";
import type { Foreign } from "../labels/foreign.ts";
import { reconciled } from "../labels/reconcile.ts";
import type { Place } from "./folders.ts";

/** Number of entries from which on the log is put into the snapshot. */
const MOST_ENTRIES = 100;

/** Name of the database, and of the channel on which windows tell each other that it has changed. */
export const LABELS = "sam2-web-labels";

/** An entry of the log: changes that were made together. */
interface Entry {
  /** Its place in the log, from 1. */
  readonly at: number;
  readonly changes: readonly Change[];
}

/** The labels after an entry of the log; the images themselves are in a store of their own. */
interface Snapshot {
  readonly at: number;
  readonly classes: readonly ObjectClass[];
  /** Ids of the images, in order. */
  readonly images: readonly string[];
  readonly foreign?: Foreign | undefined;
}

/** A picture, stored as bytes: private windows of Safari and WebKit cannot store Blobs. */
interface Picture {
  readonly bytes: ArrayBuffer;
  readonly type: string;
}

/** A picture as it is kept: its bytes, or where its file is. */
export type Stored = Blob | Place;

/** Whether a picture is read where its file is. */
export function isPlace(stored: Stored | Picture | undefined): stored is Place {
  return stored !== undefined && "folder" in stored;
}

interface Schema extends DBSchema {
  log: { key: number; value: Entry };
  snapshot: { key: "snapshot"; value: Snapshot };
  images: { key: string; value: LabeledImage };
  /** Keyed by SHA-256; pictures that version 1 of the database kept are keyed by their image's id. */
  pictures: { key: string; value: Picture | Blob | Place };
}

type Writing = IDBPTransaction<Schema, ["log", "snapshot", "images", "pictures"], "readwrite">;
type Reading = Pick<IDBPTransaction<Schema, ["log", "snapshot", "images"], "readonly">, "objectStore">;

/** The kept labels. */
export interface Kept {
  readonly project: Project;
  /** Number of the last log entry that is included. */
  readonly at: number;
}

/** What an append has kept. */
export interface Appended extends Kept {
  /** Images that are kept again after another window had deleted them, and whose pictures that has taken along. */
  readonly bereft: readonly LabeledImage[];
}

/** The state of an empty database. */
export const NOTHING_KEPT: Kept = { project: EMPTY_PROJECT, at: -1 };

/** Called by an open log. */
export interface LogEvents {
  /** The log can only open once a window with an older version of the page is closed. */
  blocked(): void;
  /** The log was closed for a newer version of the page in another window, or by the browser, as when it deletes the site's data. */
  closed(why: "newer window" | "closed"): void;
}

/** The log. */
export class LabelLog {
  readonly #database: IDBPDatabase<Schema>;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  /**
   * Opens the log; data of version 1 of the database is converted.
   *
   * @throws DOMException if the browser cannot keep anything, or the labels are of a newer version of the page
   */
  static async open({ blocked, closed }: LogEvents): Promise<LabelLog> {
    if (typeof indexedDB === "undefined") throw new Error("this browser has no IndexedDB");
    const database = await openDB<Schema>(LABELS, 3, {
      upgrade,
      blocked,
      blocking(_, newVersion, event) {
        (event.target as IDBDatabase).close();
        closed(newVersion === null ? "closed" : "newer window");
      },
      terminated: () => closed("closed"),
    });
    return new LabelLog(database);
  }

  /** Reads what was appended since `seen`; returns the same value if nothing was. */
  async read(seen: Kept = NOTHING_KEPT): Promise<Kept> {
    const transaction = this.#database.transaction(["log", "snapshot", "images"]);
    const [kept] = await Promise.all([read(transaction, seen), transaction.done]);
    return kept;
  }

  /**
   * Appends the changes from `seen` to `ours`, and keeps those of the pictures, by their SHA-256, that are not kept
   * yet, all in one transaction. Changes that other windows have appended since `seen` are kept. A picture whose file
   * cannot be read any more is left out: its labels wait for it. When the promise resolves, the data is on the disk.
   *
   * @returns the labels that are kept now: `ours`, merged with what other windows have appended
   * @throws DOMException named QuotaExceededError when there is no more room
   */
  async append(seen: Kept, ours: Project, pictures: ReadonlyMap<string, Stored>): Promise<Appended> {
    const files = await Promise.all([...pictures].map(async ([key, stored]) => [key, await readable(stored)] as const));
    const transaction = this.#database.transaction(["log", "snapshot", "images", "pictures"], "readwrite", {
      durability: "strict",
    });
    const done = transaction.done;
    // errors are reported by the requests below
    done.catch(() => undefined);
    try {
      const theirs = await read(transaction as unknown as Reading, seen);
      const project = theirs.project === seen.project ? ours : reconciled(seen.project, theirs.project, ours);
      const changes = changesBetween(theirs.project, project);
      let { at } = theirs;
      // the key is the browser's to give
      if (changes.length > 0) at = await transaction.objectStore("log").add({ changes } as unknown as Entry);
      const store = transaction.objectStore("pictures");
      const isKept = async (key: string): Promise<boolean> => (await store.getKey(key)) !== undefined;
      const used = usedKeys(project, pictures);
      await Promise.all([
        ...files.map(async ([key, picture]) => {
          if (!picture || !used.has(key)) return;
          const isNew = !(await isKept(key));
          // a folder may have been moved or deleted since
          if (isNew || isPlace(await store.get(key))) await store.put(picture, key);
        }),
        ...unused(theirs.project, project, changes).map((key) => store.delete(key)),
      ]);
      const bereft: LabeledImage[] = [];
      for (const image of returned(seen.project, theirs.project, project)) {
        if (!(await isKept(pictureKey(image)))) bereft.push(image);
      }
      await fold(transaction, { project, at });
      await done;
      return { project, at, bereft };
    } catch (error) {
      abort(transaction);
      // if the disk is full, only the transaction's own error says so
      throw transaction.error ?? error;
    }
  }

  /** A picture by its key; undefined if it is not kept. */
  async picture(key: string): Promise<Stored | undefined> {
    const found = await this.#database.get("pictures", key);
    if (found === undefined || found instanceof Blob || isPlace(found)) return found;
    return new Blob([found.bytes], { type: found.type });
  }

  /**
   * Whether data stays after the window is closed. Private windows of Safari and WebKit delete it; they are recognized
   * by their inability to store a Blob.
   */
  async isLasting(): Promise<boolean> {
    const transaction = this.#database.transaction("pictures", "readwrite");
    const ended = transaction.done.catch(() => undefined);
    try {
      await transaction.store.put(new Blob(["?"]), "?");
      await transaction.store.delete("?");
      return true;
    } catch (error) {
      return (error as Error).name === "QuotaExceededError";
    } finally {
      await ended;
    }
  }

  /** Closes the database after pending writes. */
  close(): void {
    this.#database.close();
  }
}

/** A picture as it is put into the database; undefined if it cannot be read, since its file was changed or deleted. */
async function readable(stored: Stored): Promise<Picture | Place | undefined> {
  if (isPlace(stored)) return stored;
  const bytes = await stored.arrayBuffer().catch(() => undefined);
  return bytes && { bytes, type: stored.type };
}

/** The key of an image's picture. */
export function pictureKey({ sha256, id }: LabeledImage): string {
  return sha256 ?? id;
}

/** Images that others have deleted since `seen`, and that are there now all the same: they had been changed here. */
function returned(seen: Project, theirs: Project, now: Project): LabeledImage[] {
  if (theirs === seen) return [];
  const [before, left] = [seen, theirs].map(({ images }) => new Set(images.map(({ id }) => id)));
  return now.images.filter(({ id, sha256 }) => sha256 !== null && before?.has(id) && !left?.has(id));
}

/** Those of some keys that are of pictures of a project; a large set is walked, and not copied into one of keys. */
export function usedKeys({ images }: Project, keys: { has(key: string): boolean }): ReadonlySet<string> {
  const used = new Set<string>();
  for (const image of images) {
    const key = pictureKey(image);
    if (keys.has(key)) used.add(key);
  }
  return used;
}

/** Keys of pictures that no image refers to any more. */
function unused(before: Project, now: Project, changes: readonly Change[]): string[] {
  const touched = new Set(changes.filter(({ kind }) => kind === "image" || kind === "image-deleted").flatMap(imageOf));
  if (touched.size === 0) return [];
  const left = new Set(before.images.filter(({ id }) => touched.has(id)).map(pictureKey));
  const used = usedKeys(now, left);
  return [...left].filter((key) => !used.has(key));
}

function abort(transaction: Writing): void {
  try {
    transaction.abort();
  } catch {
    // it has ended already
  }
}

async function read(transaction: Reading, seen: Kept): Promise<Kept> {
  // an entry that is still in the log is in no snapshot: if the first one follows what was seen, all that is new is in the
  // log, and a snapshot, which names every image, is not read
  const [first] = await transaction.objectStore("log").getAllKeys(null, 1);
  const isInLog = first !== undefined && first <= seen.at + 1;
  const snapshot = isInLog ? undefined : await transaction.objectStore("snapshot").get("snapshot");
  const isBehind = snapshot !== undefined && snapshot.at > seen.at;
  const from = isBehind ? { project: await unfolded(transaction, snapshot), at: snapshot.at } : seen;
  const entries = await transaction.objectStore("log").getAll(IDBKeyRange.lowerBound(from.at, true));
  const at = entries.at(-1)?.at ?? from.at;
  if (entries.length === 0) return from;
  return {
    project: applied(
      from.project,
      entries.flatMap(({ changes }) => changes),
    ),
    at,
  };
}

async function unfolded(transaction: Reading, { classes, images, foreign }: Snapshot): Promise<Project> {
  const kept = new Map((await transaction.objectStore("images").getAll()).map((image) => [image.id, image]));
  return { classes, images: images.flatMap((id) => kept.get(id) ?? []), ...(foreign && { foreign }) };
}

/** Puts the log's entries into the snapshot if there are many. */
async function fold(transaction: Writing, { project, at }: Kept): Promise<void> {
  const log = transaction.objectStore("log");
  if ((await log.count()) < MOST_ENTRIES) return;
  const touched = new Set((await log.getAll()).flatMap(({ changes }) => changes.flatMap(imageOf)));
  const images = transaction.objectStore("images");
  const now = new Map(project.images.map((image) => [image.id, image]));
  await Promise.all([
    ...[...touched].map((id) => {
      const image = now.get(id);
      return image ? images.put(image, id) : images.delete(id);
    }),
    transaction
      .objectStore("snapshot")
      .put({ at, classes: project.classes, images: [...now.keys()], foreign: project.foreign }, "snapshot"),
    log.clear(),
  ]);
}

/** The image that a change is of. */
function imageOf(change: Change): string[] {
  if (!("image" in change)) return [];
  return [typeof change.image === "string" ? change.image : change.image.id];
}

/** Version 1 of the database: no log, pictures keyed by their image's id, and `colour` instead of `color`. */
interface Version1 extends DBSchema {
  project: { key: string; value: unknown };
  images: { key: string; value: Omit<LabeledImage, "sha256"> };
  pictures: { key: string; value: Blob };
}

async function upgrade(
  database: IDBPDatabase<Schema>,
  from: number,
  _: number | null,
  transaction: IDBPTransaction<Schema, ("log" | "snapshot" | "images" | "pictures")[], "versionchange">,
): Promise<void> {
  // since version 3 a picture may be a place, which older pages do not know
  if (from === 2) return;
  database.createObjectStore("log", { keyPath: "at", autoIncrement: true });
  const snapshot = database.createObjectStore("snapshot");
  if (from === 0) {
    database.createObjectStore("images");
    database.createObjectStore("pictures");
    return;
  }
  const old = transaction as unknown as IDBPTransaction<
    Version1,
    ("project" | "images" | "pictures")[],
    "versionchange"
  >;
  const shared = old.objectStore("project");
  const classes = (await shared.get("classes")) as { readonly name: string; readonly colour: string }[] | undefined;
  const order = ((await shared.get("order")) ?? []) as readonly string[];
  const images = transaction.objectStore("images");
  let project: Project = {
    classes: classes?.map(({ name, colour: color }) => ({ name, color })) ?? EMPTY_PROJECT.classes,
    images: [],
  };
  for (const { id, ...image } of await old.objectStore("images").getAll()) {
    await images.put({ id, sha256: null, ...image }, id);
    // an object may have a class that another window renamed meanwhile
    project = withClassesOf(project, image.objects);
  }
  await snapshot.put({ at: 0, classes: project.classes, images: order }, "snapshot");
  (database as unknown as IDBPDatabase<Version1>).deleteObjectStore("project");
}
