/**
 * The labels that a window works on: shown at once, kept as soon as that is possible, in step with other windows.
 *
 * Where the browser keeps nothing, all of it is in memory, and `trouble` says why. What could not be kept is tried
 * again with the next change.
 */
import {
  EMPTY_PROJECT,
  imageOfPicture,
  type LabeledImage,
  type NamedImage,
  type Project,
  withImage,
} from "../labels/annotations.ts";
import { reconciled } from "../labels/reconcile.ts";
import { sha256Of } from "../labels/sha256.ts";
import { type Kept, LABELS, LabelLog, NOTHING_KEPT, pictureKey } from "./label-log.ts";
import { protect } from "./room.ts";

/** Why labels are not kept. */
export type Trouble =
  /** The browser keeps nothing, or nothing that outlives the window: it is private, storage is switched off or fails. */
  | { readonly kind: "no storage"; readonly error: unknown }
  /** A window with an older version of the page has to be closed first. */
  | { readonly kind: "older window" }
  /** A newer version of the page has been here, or the database was taken away; a reload helps. */
  | { readonly kind: "newer window" }
  /** There is no more room; what was kept before is. */
  | { readonly kind: "full"; readonly error: unknown }
  /** Keeping failed otherwise; what was kept before is. */
  | { readonly kind: "failed"; readonly error: unknown };

/** What a window is told. */
export interface StoreEvents {
  /** The project has become another through another window, or as the browser's storage opened late. */
  changed(now: Project, before: Project): void;
  /** Labels cannot be kept, or can be again: null. */
  trouble(trouble: Trouble | null): void;
}

/** How long the page waits for the browser's storage before it goes on without, in milliseconds. */
const PATIENCE = 3000;

/** Pictures that wait to be kept hold up those that come after them from this size on, in bytes. */
const MOST_WAITING = 64e6;

/** Labels and pictures. */
export class LabelStore {
  #events: StoreEvents | null = null;
  #log: LabelLog | null = null;
  #project: Project = EMPTY_PROJECT;
  /** What is on the disk, as far as this window knows. */
  #kept: Kept = NOTHING_KEPT;
  /** Pictures that are not kept, or not yet, by their SHA-256. */
  readonly #pictures = new Map<string, Blob>();
  /** Those of them for which there was no room: they are tried again when a picture is deleted. */
  readonly #roomless = new Set<string>();
  #writing: Promise<boolean> | null = null;
  #trouble: Trouble | null = null;
  #channel: BroadcastChannel | null = null;
  #isProtected = false;
  /** The trouble that there is while all goes well: storage that does not outlive the window. */
  #standing: Trouble | null = null;

  private constructor() {}

  /** Takes up what was kept. Where that cannot be opened, or not soon, it begins with nothing, in memory. */
  static async open(patience: number = PATIENCE): Promise<LabelStore> {
    const store = new LabelStore();
    const opening = LabelLog.open({
      blocked: () => store.#setTrouble({ kind: "older window" }),
      closed: () => store.#lose(),
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

  /** Tells what happens from now on, and the trouble that there is. */
  listen(events: StoreEvents): void {
    this.#events = events;
    if (this.#trouble) events.trouble(this.#trouble);
  }

  /** The labels, with all that this window has changed. */
  get project(): Project {
    return this.#project;
  }

  /** Why labels are not kept, or null when they are. */
  get trouble(): Trouble | null {
    return this.#trouble;
  }

  /** Whether something would be lost if the window closed now. */
  get isUnkept(): boolean {
    return this.#project !== this.#kept.project || this.#pictures.size > 0;
  }

  /**
   * Makes `project` the labels of this window.
   *
   * @returns once that is over: whether all of it is kept
   */
  change(project: Project): Promise<boolean> {
    const isFewer = project.images.length < this.#project.images.length;
    this.#project = project;
    if (isFewer) this.#makeRoom();
    return this.#write();
  }

  /**
   * Takes a picture in.
   *
   * @param names names of the pictures that come together with it
   * @returns its image, which is in the project from now on: the one of the same bytes, one whose labels wait for a
   *   picture of its name and size, or a new one
   */
  async addPicture(picture: Blob, facts: NamedImage, names: readonly string[]): Promise<LabeledImage> {
    const bytes = await picture.arrayBuffer();
    const sha256 = await sha256Of(bytes);
    const isThere = this.#pictures.has(sha256) || (await this.#log?.picture(sha256)) !== undefined;
    // the file that it came from may go, or change
    if (!isThere) this.#pictures.set(sha256, new Blob([bytes], { type: picture.type }));
    const known = imageOfPicture(this.#project.images, { ...facts, sha256 }, names);
    const { name, width, height } = facts;
    const image: LabeledImage = known ? { ...known, sha256 } : { id: sha256, sha256, name, width, height, objects: [] };
    if (known?.sha256 !== sha256) this.#project = withImage(this.#project, image);
    const writing = this.#write();
    const waiting = [...this.#pictures].filter(([key]) => !this.#roomless.has(key));
    if (waiting.reduce((sum, [, { size }]) => sum + size, 0) > MOST_WAITING) await writing;
    return image;
  }

  /** The picture of an image, or nothing when it is not here. */
  async picture(image: LabeledImage): Promise<Blob | undefined> {
    const key = pictureKey(image);
    return this.#pictures.get(key) ?? (await this.#log?.picture(key));
  }

  /** Takes over what another window has kept, where this one was not told, as one that was frozen was not. */
  async catchUp(): Promise<void> {
    await this.#writing;
    const seen = this.#kept;
    const kept = await this.#log?.read(seen);
    // what is written in the meantime sees it, too
    if (kept && kept !== seen && seen === this.#kept) this.#arrive(kept, seen.project);
  }

  /** Ends it; what is being kept is kept. */
  async close(): Promise<void> {
    await this.#writing;
    this.#channel?.close();
    this.#log?.close();
    this.#log = null;
  }

  /** Goes on with what is on the disk, and with what was done until that could be read. */
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

  /** The database is closed: a newer version of the page has it, or it is gone. */
  #lose(): void {
    this.#log = null;
    this.#setTrouble({ kind: "newer window" });
  }

  #setTrouble(trouble: Trouble | null): void {
    if (this.#trouble === trouble) return;
    this.#trouble = trouble;
    this.#events?.trouble(trouble);
  }

  /** What is kept now is `kept`; this window's changes to `base` are not in it yet. */
  #arrive(kept: Kept, base: Project): void {
    this.#kept = kept;
    const before = this.#project;
    this.#project = reconciled(base, kept.project, before);
    if (this.#project !== before) this.#events?.changed(this.#project, before);
  }

  #waitingPictures(): Map<string, Blob> {
    return new Map([...this.#pictures].filter(([key]) => !this.#roomless.has(key)));
  }

  /** Keeps all that is not kept; those that come while it does are kept with it. */
  #write(): Promise<boolean> {
    this.#writing ??= this.#log ? this.#writeAll(this.#log) : null;
    return this.#writing ?? Promise.resolve(false);
  }

  async #writeAll(log: LabelLog): Promise<boolean> {
    // what is done in one go is kept in one go
    await Promise.resolve();
    try {
      while (this.#project !== this.#kept.project || this.#waitingPictures().size > 0) {
        const [ours, pictures] = [this.#project, this.#waitingPictures()];
        try {
          await this.#append(log, ours, pictures);
        } catch (error) {
          if ((error as Error).name !== "QuotaExceededError" || pictures.size === 0) throw error;
          // labels are small: there may be room for them
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

  async #append(log: LabelLog, ours: Project, pictures: ReadonlyMap<string, Blob>): Promise<void> {
    const kept = await log.append(this.#kept, ours, pictures);
    for (const key of pictures.keys()) this.#pictures.delete(key);
    this.#arrive(kept, ours);
    this.#channel?.postMessage(kept.at);
    // from the first object on it is work that may not be lost
    if (this.#isProtected || kept.project.images.every(({ objects }) => objects.length === 0)) return;
    this.#isProtected = true;
    void protect();
  }

  /** Pictures are deleted: those that had no room are tried again, unless they are deleted, too. */
  #makeRoom(): void {
    const used = new Set(this.#project.images.map(pictureKey));
    for (const key of [...this.#pictures.keys()]) if (!used.has(key)) this.#pictures.delete(key);
    this.#roomless.clear();
  }

  /** Pictures that an older version of the page kept are told by their bytes from now on; one window sees to that. */
  async #nameOldPictures(): Promise<void> {
    const name = async (): Promise<void> => {
      for (const { id } of this.#project.images.filter(({ sha256 }) => sha256 === null)) {
        const bytes = await (await this.#log?.picture(id))?.arrayBuffer().catch(() => undefined);
        const image = this.#project.images.find((each) => each.id === id);
        if (!bytes || !image || image.sha256 !== null) continue;
        const [sha256, type] = [await sha256Of(bytes), (await this.#log?.picture(id))?.type ?? ""];
        this.#pictures.set(sha256, new Blob([bytes], { type }));
        await this.change(withImage(this.#project, { ...image, sha256 }));
      }
    };
    const locks = globalThis.navigator?.locks as LockManager | undefined;
    await (locks ? locks.request(`${LABELS} pictures`, { ifAvailable: true }, async (lock) => lock && name()) : name());
  }
}
