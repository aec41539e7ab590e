/**
 * The labels that a window works on. Changes take effect at once and are kept in the background; changes of other
 * windows are merged in.
 *
 * If the browser cannot keep labels, they are in memory only, and `trouble` says why. What could not be kept is tried
 * again with the next change.
 */
import { digest } from "sam2-core";
import {
  EMPTY_PROJECT,
  imageOfPicture,
  type LabeledImage,
  type NamedImage,
  type Project,
  withImage,
} from "../labels/annotations.ts";
import { reconciled } from "../labels/reconcile.ts";
import { type FolderHandle, Folders, type FoundFile, type Place } from "./folders.ts";
import { isPlace, type Kept, LABELS, LabelLog, NOTHING_KEPT, pictureKey, type Stored, usedKeys } from "./label-log.ts";
import { protect } from "./room.ts";

/** Why labels are not kept. */
export type Trouble =
  /** Nothing can be kept, or only until the window closes: the window is private, or storage is off or broken. */
  | { readonly kind: "no storage"; readonly error: unknown }
  /** A window with an older version of the page has to be closed first. */
  | { readonly kind: "older window" }
  /** A newer version of the page was opened; reloading the page helps. */
  | { readonly kind: "newer window" }
  /** The browser closed the database, as it does when the site's data is deleted. */
  | { readonly kind: "closed" }
  /** There is no more room on the device; what was kept before is safe. */
  | { readonly kind: "full"; readonly error: unknown }
  /** Keeping failed for another reason; what was kept before is safe. */
  | { readonly kind: "failed"; readonly error: unknown };

/** Called by the store. */
export interface StoreEvents {
  /** The project was changed by another window, or because the browser's storage opened late. */
  changed(now: Project, before: Project): void;
  /** Labels cannot be kept; null when they can be again. */
  trouble(trouble: Trouble | null): void;
  /** The file of an image that another window has deleted and that is there again, if this window still has it. */
  fileOf(image: LabeledImage): Stored | undefined;
}

/** How long the page waits for the browser's storage before it goes on without, in milliseconds. */
const PATIENCE = 3000;

/**
 * When pictures of this total size wait to be kept, adding more pictures waits too; no more than that is kept at once. In
 * bytes.
 */
const MOST_WAITING = 64e6;

/** Instead of size and time of a file, when its bytes are others. */
const CHANGED = "";

/** Labels and pictures. */
export class LabelStore {
  #events: StoreEvents | null = null;
  #log: LabelLog | null = null;
  #project: Project = EMPTY_PROJECT;
  /** The labels on the disk, as far as this window knows. */
  #kept: Kept = NOTHING_KEPT;
  /** Pictures that are not kept (yet), by SHA-256. */
  readonly #pictures = new Map<string, Stored>();
  readonly #folders: Folders;
  /** Size and time of files whose bytes were found to be those of their pictures, by SHA-256; empty for other bytes. */
  readonly #checked = new Map<string, string>();
  /** SHA-256 of the pictures for which there was no room; tried again when a picture is deleted. */
  readonly #roomless = new Set<string>();
  #writing: Promise<boolean> | null = null;
  #trouble: Trouble | null = null;
  #channel: BroadcastChannel | null = null;
  #isProtected = false;
  /** A trouble that never goes away: in a private window, labels are lost when it closes. */
  #standing: Trouble | null = null;

  private constructor(folders: Folders) {
    this.#folders = folders;
  }

  /** Opens the kept labels. If that fails or takes long, starts empty, in memory. */
  static async open(patience: number = PATIENCE, folders: Folders = new Folders()): Promise<LabelStore> {
    const store = new LabelStore(folders);
    const opening = LabelLog.open({
      blocked: () => store.#setTrouble({ kind: "older window" }),
      closed: (why) => store.#lose(why),
    })
      .then((log) => store.#attach(log))
      .catch((error: unknown) => {
        const isNewer = (error as Error | null)?.name === "VersionError";
        store.#setTrouble(isNewer ? { kind: "newer window" } : { kind: "no storage", error });
      });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        const error = new Error(`IndexedDB has not answered for ${patience} ms`);
        store.#setTrouble(store.#trouble ?? { kind: "no storage", error });
        resolve();
      }, patience);
    });
    await Promise.race([opening, late]);
    clearTimeout(timer);
    return store;
  }

  /** Reports events from now on, and the current trouble. */
  listen(events: StoreEvents): void {
    this.#events = events;
    if (this.#trouble) events.trouble(this.#trouble);
  }

  /** The labels, including this window's changes that are not kept yet. */
  get project(): Project {
    return this.#project;
  }

  /** Why labels are not kept, or null when they are. */
  get trouble(): Trouble | null {
    return this.#trouble;
  }

  /** Whether something would be lost if the window closed now: labels, pictures, or that they were deleted. */
  get isUnkept(): boolean {
    const [now, kept] = [this.#project, this.#kept.project];
    const isEmpty = now.images.length === 0 && kept.images.length === 0;
    return (now !== kept && !isEmpty) || this.#pictures.size > 0;
  }

  /**
   * Makes `project` the labels of this window.
   *
   * @returns resolves after the attempt to keep them: whether everything is kept
   */
  change(project: Project): Promise<boolean> {
    const isFewer = project.images.length < this.#project.images.length;
    this.#project = project;
    if (isFewer) this.#makeRoom();
    return this.#write();
  }

  /**
   * Adds a picture.
   *
   * @param names names of all pictures that are added together with it
   * @param place where its file is, if it is to be read there; a copy is kept by default
   * @returns its image in the project: an existing one (see `imageOfPicture`), or a new one
   */
  async addPicture(
    picture: Blob,
    facts: NamedImage,
    names: readonly string[],
    place?: Place | undefined,
  ): Promise<LabeledImage> {
    const bytes = await picture.arrayBuffer();
    const sha256 = await digest(new Uint8Array(bytes));
    // a copy, since the file on disk may change or be deleted; whether it is kept already is only known when it is kept:
    // until then it may be deleted, by another window too
    if (place || !this.#pictures.has(sha256)) {
      this.#pictures.set(sha256, place ?? new Blob([bytes], { type: picture.type }));
    }
    const known = imageOfPicture(this.#project.images, { ...facts, sha256 }, names);
    const { name, width, height } = facts;
    const image: LabeledImage = known ? { ...known, sha256 } : { id: sha256, sha256, name, width, height, objects: [] };
    if (known?.sha256 !== sha256) this.#project = withImage(this.#project, image);
    const writing = this.#write();
    if (sizeOf(this.#waiting()) > MOST_WAITING) await writing;
    return image;
  }

  /** The picture of an image; undefined if it is missing, or its file may not be read now, or has changed. */
  async picture(image: LabeledImage): Promise<Blob | undefined> {
    const stored = await this.stored(image);
    return isPlace(stored) ? this.#read(pictureKey(image), stored) : stored;
  }

  /** The picture of an image, or where its file is; undefined if it is missing. */
  async stored(image: LabeledImage): Promise<Stored | undefined> {
    const key = pictureKey(image);
    return this.#pictures.get(key) ?? (await this.#log?.picture(key));
  }

  /** Whether the file of an image is there, but has other bytes than the picture that was labeled. */
  isChanged(image: LabeledImage): boolean {
    return this.#checked.get(pictureKey(image)) === CHANGED;
  }

  /** A file where it is, unless its bytes are others. They are looked at once, and when its size or time is another. */
  async #read(key: string, place: Place): Promise<Blob | undefined> {
    const file = await this.#folders.file(place);
    if (!file) return undefined;
    const stamp = `${file.size} ${file.lastModified}`;
    if (this.#checked.get(key) === stamp) return file;
    const sha256 = await digest(new Uint8Array(await file.arrayBuffer()));
    this.#checked.set(key, sha256 === key ? stamp : CHANGED);
    return sha256 === key ? file : undefined;
  }

  /** Keeps a folder, whose files are then read where they are. @returns its id; null when it cannot be kept */
  keepFolder(handle: FolderHandle, hasEmbeddings: boolean): Promise<string | null> {
    // pictures of a private window are gone when it closes
    return this.#standing ? Promise.resolve(null) : this.#folders.keep(handle, hasEmbeddings);
  }

  /** Names of the folders that the person has to open again before their files can be read. */
  async closedFolders(): Promise<string[]> {
    if (this.#project.images.length > 0) return this.#folders.closed();
    // labels that are not read, or not yet, may need them
    if (this.#log && !this.#trouble) await this.#folders.forget();
    return [];
  }

  /** Asks the person for these folders; to be called when a button is pressed. */
  askForFolders(): Promise<void> {
    return this.#folders.ask();
  }

  /** The files of embeddings in folders that are kept, as far as they may be read now. */
  embeddings(): Promise<FoundFile[]> {
    return this.#folders.embeddings();
  }

  /** Keeps the file of a deleted image again; to be followed by a change that brings the image back. */
  bringBack(image: LabeledImage, picture: Stored): void {
    this.#pictures.set(pictureKey(image), picture);
  }

  /** Reads what other windows have kept: a window that was frozen was not notified. */
  async catchUp(): Promise<void> {
    await this.#writing;
    const seen = this.#kept;
    const kept = await this.#log?.read(seen);
    // if this window has written meanwhile, it has already read these changes
    if (kept && kept !== seen && seen === this.#kept) this.#arrive(kept, seen.project);
    if (this.#waiting().length > 0) void this.#write();
  }

  /** Closes the store after pending writes. */
  async close(): Promise<void> {
    await this.#writing;
    this.#channel?.close();
    this.#log?.close();
    this.#log = null;
  }

  /** Merges the labels on the disk with what was done before they could be read. */
  async #attach(log: LabelLog): Promise<void> {
    const [kept, isLasting] = [await log.read(), await log.isLasting()];
    this.#log = log;
    if (!isLasting) this.#standing = { kind: "no storage", error: new Error("the window is private") };
    if (typeof BroadcastChannel !== "undefined") {
      this.#channel = new BroadcastChannel(LABELS);
      this.#channel.onmessage = () => {
        this.catchUp().catch((error: unknown) => this.#setTrouble({ kind: "failed", error }));
      };
    }
    this.#setTrouble(this.#standing);
    this.#arrive(kept, EMPTY_PROJECT);
    void this.#write();
    void this.#nameOldPictures();
  }

  /** Called when the database was closed; see `LogEvents.closed`. */
  #lose(kind: "newer window" | "closed"): void {
    this.#log = null;
    this.#setTrouble({ kind });
  }

  #setTrouble(trouble: Trouble | null): void {
    if (this.#trouble === trouble) return;
    this.#trouble = trouble;
    this.#events?.trouble(trouble);
  }

  /** Takes over `kept`, and applies this window's changes since `base` to it. */
  #arrive(kept: Kept, base: Project): void {
    this.#kept = kept;
    const before = this.#project;
    this.#project = reconciled(base, kept.project, before);
    if (this.#project === before) return;
    const known = new Set(before.images.map(({ id }) => id));
    this.#supply(this.#project.images.filter(({ id }) => !known.has(id)));
    this.#events?.changed(this.#project, before);
  }

  /** Keeps the files of images again, as far as this window has them. */
  #supply(images: readonly LabeledImage[]): void {
    for (const image of images) {
      const file = this.#events?.fileOf(image);
      if (file) this.#pictures.set(pictureKey(image), file);
    }
  }

  /** The pictures that are to be kept, by SHA-256. */
  #waiting(): [string, Stored][] {
    return [...this.#pictures].filter(([key]) => !this.#roomless.has(key));
  }

  /** Keeps everything that is not kept yet, including changes that are made while it runs. */
  #write(): Promise<boolean> {
    this.#writing ??= this.#log ? this.#writeAll(this.#log) : null;
    return this.#writing ?? Promise.resolve(false);
  }

  async #writeAll(log: LabelLog): Promise<boolean> {
    // wait for the current task to end, so that its changes are kept together
    await Promise.resolve();
    let most = Number.POSITIVE_INFINITY;
    try {
      for (;;) {
        const [ours, pictures] = [this.#project, new Map(batchOf(this.#waiting(), most))];
        if (ours === this.#kept.project && pictures.size === 0) break;
        try {
          await this.#append(log, ours, pictures);
        } catch (error) {
          if ((error as Error).name !== "QuotaExceededError" || pictures.size === 0) throw error;
          // there may be room for some of them; where there is none, the labels are kept alone: they are small
          most = Math.ceil(pictures.size / 2);
          if (pictures.size > 1) continue;
          for (const key of pictures.keys()) this.#roomless.add(key);
          this.#setTrouble({ kind: "full", error });
        }
      }
      if (this.#roomless.size > 0) return false;
      if (this.#log) this.#setTrouble(this.#standing);
      return this.#standing === null;
    } catch (error) {
      if (this.#log)
        this.#setTrouble({ kind: (error as Error).name === "QuotaExceededError" ? "full" : "failed", error });
      return false;
    } finally {
      this.#writing = null;
    }
  }

  async #append(log: LabelLog, ours: Project, pictures: ReadonlyMap<string, Stored>): Promise<void> {
    const { bereft, ...kept } = await log.append(this.#kept, ours, pictures);
    this.#arrive(kept, ours);
    // an image that another window has deleted may be wanted again by now
    const [isKept, isWanted] = [usedKeys(kept.project, pictures), usedKeys(this.#project, pictures)];
    for (const key of pictures.keys()) if (isKept.has(key) || !isWanted.has(key)) this.#pictures.delete(key);
    this.#supply(bereft);
    this.#channel?.postMessage(kept.at);
    // only ask once there are objects, that is, work that could be lost
    if (this.#isProtected || kept.project.images.every(({ objects }) => objects.length === 0)) return;
    this.#isProtected = true;
    void protect();
  }

  /** After pictures were deleted: try again to keep those for which there was no room. */
  #makeRoom(): void {
    const used = usedKeys(this.#project, this.#pictures);
    for (const key of [...this.#pictures.keys()]) if (!used.has(key)) this.#pictures.delete(key);
    this.#roomless.clear();
  }

  /** Computes the SHA-256 of pictures that version 1 kept without one; only one window does this. */
  async #nameOldPictures(): Promise<void> {
    const name = async (): Promise<void> => {
      for (const { id } of this.#project.images.filter(({ sha256 }) => sha256 === null)) {
        const kept = await this.#log?.picture(id);
        const bytes = kept && !isPlace(kept) ? await kept.arrayBuffer().catch(() => undefined) : undefined;
        const image = this.#project.images.find((each) => each.id === id);
        if (!bytes || !image || image.sha256 !== null) continue;
        const [sha256, type] = [await digest(new Uint8Array(bytes)), kept && !isPlace(kept) ? kept.type : ""];
        this.#pictures.set(sha256, new Blob([bytes], { type }));
        await this.change(withImage(this.#project, { ...image, sha256 }));
      }
    };
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    await (locks ? locks.request(`${LABELS} pictures`, { ifAvailable: true }, async (lock) => lock && name()) : name());
  }
}

/** Bytes of what is copied. */
const bytesOf = (stored: Stored): number => (isPlace(stored) ? 0 : stored.size);

const sizeOf = (pictures: readonly (readonly [string, Stored])[]): number =>
  pictures.reduce((sum, [, stored]) => sum + bytesOf(stored), 0);

/** The first of the pictures: `most` at most, and no more than are read into memory at once. */
function batchOf(pictures: readonly [string, Stored][], most: number): [string, Stored][] {
  let size = 0;
  return pictures.slice(0, most).filter(([, picture], at) => {
    size += bytesOf(picture);
    return at === 0 || size <= MOST_WAITING;
  });
}
