/** The set: pictures, their labels, and the history of what was done to them. */
import type { Rle } from "sam2-web";
import {
  type LabeledImage,
  type LabeledObject,
  type NamedImage,
  nameAfter,
  type Overlap,
  type Project,
  placeOf,
  withClass,
  withClassesOf,
  withClassRenamed,
  withColor,
  withImage,
  withOverlap,
  withoutClass,
} from "../labels/annotations.ts";
import { counted } from "../labels/counted.ts";
import { ruled, rulesInWords } from "../labels/overlap.ts";
import { isSame } from "../labels/same.ts";
import type { FolderHandle, Place } from "../storage/folders.ts";
import { isPlace, type Stored } from "../storage/label-log.ts";
import type { LabelStore } from "../storage/label-store.ts";
import { goneWith, History, type Moment, type Way } from "./history.ts";
import type { Notices } from "./notices.ts";
import type { Observable } from "./observable.ts";
import { type Marks, NO_MARKS } from "./prompt.ts";
import { imageOf, objectsOf, type State } from "./state.ts";

/** A file and the name it is known by: within a folder, its path there, `seaside/1.jpg`. */
export interface NamedFile {
  readonly name: string;
  readonly blob: Blob;
  /** Where it is, if it can be read there on later visits. */
  readonly place?: Place | undefined;
}

/** Checks a picture and tells its size, upright, in pixels. @throws an error that says why it is refused */
export type Measure = (picture: Blob) => Promise<{ readonly width: number; readonly height: number }>;

/** While many pictures are added, the strip is brought up to date this often; in milliseconds. */
const PATIENCE = 500;

/** So many pictures take long enough for a progress bar. */
const MANY = 20;

/** Milliseconds: who does nothing for longer is away. */
const LONGEST_PAUSE = 30_000;

/** Deleted pictures are copied into memory, for Undo, up to this total size in bytes; above that, browsers keep them. */
const MOST_COPIED = 64e6;

/** What a message says once it is known whether a change is kept. */
type Said = string | ((isKept: boolean) => string);

/** Opens pictures, and changes labels; every change is a step that can be undone. */
export class PictureSet {
  readonly #state: Observable<State>;
  readonly #notices: Notices;
  readonly #store: LabelStore;
  readonly #measure: Measure;
  readonly #history = new History();
  /** Files of the open picture and its neighbors, by image. */
  #near = new Map<string, Blob>();
  /** Files of deleted pictures, by image. */
  readonly #deleted = new Map<string, Stored>();
  /** Until the files of pictures that go with a step are remembered: whether they are. */
  #remembering: Promise<boolean> | null = null;
  /** Milliseconds spent on the open picture, and when something was done last, by `performance.now()`. */
  #worked = 0;
  #lastDone = performance.now();
  /** Counts what was opened: only the newest is shown. */
  #turn = 0;
  /** Id of the picture that was to be opened since and could not be: steps go on from it. */
  #missed: string | null = null;

  constructor(state: Observable<State>, notices: Notices, store: LabelStore, measure: Measure) {
    this.#state = state;
    this.#notices = notices;
    this.#store = store;
    this.#measure = measure;
    this.#show();
    store.listen({
      changed: (now, before) => void this.#takeOver(now, before),
      trouble: (trouble) => state.update({ trouble }),
      fileOf: ({ id }) => this.#near.get(id) ?? this.#deleted.get(id),
    });
  }

  /** The set as it is now; while pictures are added, the state may lack some of them. */
  get project(): Project {
    return this.#store.project;
  }

  // -- pictures -----------------------------------------------------------------------------------

  /** Opens the picture to go on with: the first without labels. */
  async resume(): Promise<void> {
    const { images } = this.#store.project;
    const next = images.find(({ objects }) => objects.length === 0) ?? images[0];
    const closedFolders = await this.#store.closedFolders();
    this.#state.update({ closedFolders });
    // a picture of a closed folder is opened once the person has opened that
    const isThere = next && (closedFolders.length === 0 || (await this.#store.picture(next)));
    if (isThere && this.#turn === 0) await this.open(next.id);
  }

  /** Asks the person for the folders whose files are to be read again; to be called when a button is pressed. */
  async openFolders(): Promise<void> {
    await this.#store.askForFolders();
    this.#missed = null;
    const closedFolders = await this.#store.closedFolders();
    this.#state.update({ closedFolders });
    const { current } = this.#state.get();
    if (current === null) await this.resume();
    if (closedFolders.length > 0)
      this.#notices.say("The folder is still closed: the browser was not allowed to read it.");
  }

  /** Keeps a folder. @returns its id, for the places of its files; null when it cannot be kept */
  async keepFolder(handle: FolderHandle, hasEmbeddings: boolean): Promise<string | null> {
    const id = await this.#store.keepFolder(handle, hasEmbeddings);
    if (this.#store.project.images.length > 0) this.#state.update({ closedFolders: await this.#store.closedFolders() });
    return id;
  }

  /**
   * Opens a picture of the set.
   *
   * @returns whether it is shown now; it may be missing, or another one was opened meanwhile
   */
  open(id: string): Promise<boolean> {
    // over another picture, what was done in the one before is no news
    this.#notices.forgetLater();
    return this.#open(id, NO_MARKS);
  }

  async #open(id: string, marks: Marks): Promise<boolean> {
    const image = this.#imageOf(id);
    if (!image) return false;
    const turn = ++this.#turn;
    let picture = this.#near.get(id);
    try {
      picture ??= await this.#store.picture(image);
    } catch (error) {
      if (turn !== this.#turn) return false;
      this.#missed = id;
      this.#notices.fail(error, "the picture cannot be read now; reload the page to try again.");
      return false;
    }
    if (turn !== this.#turn) return false;
    if (!picture) {
      this.#missed = id;
      this.#tellWhy(image);
      return false;
    }
    this.#enter(id, picture, marks);
    return true;
  }

  /** Opens an image in place of one that is gone, or else the next whose picture is here. */
  async #openInstead(id: string, marks: Marks): Promise<void> {
    const opening = this.#open(id, marks);
    const turn = this.#turn;
    if ((await opening) || turn !== this.#turn) return;
    const { error } = this.#state.get();
    this.#enter(null, null, NO_MARKS);
    this.#state.update({ error });
    const { images } = this.#store.project;
    const at = placeOf(images, id);
    for (const image of [...images.slice(at + 1), ...images.slice(0, Math.max(at, 0)).reverse()]) {
      const isHere = (await this.#fileOf(image)) !== undefined;
      if (turn !== this.#turn) return;
      if (!isHere) continue;
      await this.#open(image.id, NO_MARKS);
      return;
    }
  }

  /** The file of an image; undefined when it is not here, or cannot be read: why is said when it is opened. */
  async #fileOf(image: LabeledImage): Promise<Blob | undefined> {
    return this.#near.get(image.id) ?? (await this.#store.picture(image).catch(() => undefined));
  }

  /** Says why an image's picture cannot be shown. */
  #tellWhy(image: LabeledImage): void {
    const { closedFolders } = this.#state.get();
    if (this.#store.isChanged(image)) {
      const advice = "its labels are kept. Open the picture as it was, or add the changed one as another.";
      this.#notices.fail(`The file of ${image.name} has changed since it was labeled`, advice);
    } else if (closedFolders.length > 0) {
      this.#notices.fail(`${image.name} is not here`, "open its folder again: its labels are waiting.");
    } else {
      this.#notices.fail(
        `${image.name} is not here`,
        "open the picture itself, under this name: its labels are waiting.",
      );
    }
  }

  /** Shows a picture that is not of the set. @throws an error that says why it is refused */
  async showSample(picture: Blob): Promise<void> {
    const { width, height } = await this.#measure(picture);
    const { current, picture: shown } = this.#state.get();
    if (current === null && shown === null) this.#state.update({ picture, size: { width, height } });
  }

  #enter(id: string | null, picture: Blob | null, marks: Marks): void {
    const { current } = this.#state.get();
    this.#addTime();
    this.#worked = 0;
    this.#missed = null;
    if (id !== current) this.#history.forgetMarks();
    if (id !== null && picture) this.#near.set(id, picture);
    const image = id === null ? undefined : this.#imageOf(id);
    this.#state.update({
      current: id,
      picture,
      size: image ? { width: image.width, height: image.height } : null,
      marks,
      crosshair: null,
      selected: null,
      others: [],
      drawn: [],
      pointed: null,
      error: null,
    });
    this.#show();
  }

  /** Counts the time since the last thing that was done, unless the person was away. */
  #passTime(): void {
    const now = performance.now();
    this.#worked += Math.min(now - this.#lastDone, LONGEST_PAUSE);
    this.#lastDone = now;
  }

  /**
   * Adds the time spent to the open picture, once that has objects. It is no step: undo does not bring time back.
   *
   * @returns whether there was time to add
   */
  #addTime(): boolean {
    this.#passTime();
    const seconds = Math.round(this.#worked / 1000);
    const image = imageOf(this.#state.get());
    const known = image && this.#imageOf(image.id);
    if (!known || seconds === 0 || known.objects.length === 0) return false;
    this.#worked -= 1000 * seconds;
    void this.#store.change(withImage(this.#store.project, { ...known, seconds: (known.seconds ?? 0) + seconds }));
    return true;
  }

  /** Keeps the time that was spent on the open picture so far. */
  keepTime(): void {
    if (this.#addTime()) this.#show();
  }

  /** Opens a picture by its place relative to the open one, or to one on that side that could not be opened. */
  step(by: number): void {
    const { project, current } = this.#state.get();
    const [at, missed] = [current, this.#missed].map((id) => placeOf(project.images, id)) as [number, number];
    const isOnTheWay = missed >= 0 && Math.sign(missed - at) === Math.sign(by);
    const next = project.images[(isOnTheWay ? missed : at) + by];
    if (next) void this.open(next.id);
  }

  /** Files of the pictures beside the open one, the next one first. Others are let go of. */
  async neighbors(): Promise<Blob[]> {
    const { project, current } = this.#state.get();
    const at = placeOf(project.images, current);
    if (at < 0) return [];
    const near = new Map<string, Blob>();
    for (const image of [project.images[at], project.images[at + 1], project.images[at - 1]]) {
      const picture = image && (await this.#fileOf(image));
      if (image && picture) near.set(image.id, picture);
    }
    if (this.#state.get().current !== current) return [];
    this.#near = near;
    return [...near].filter(([id]) => id !== current).map(([, picture]) => picture);
  }

  /** The image of a file that is open, or beside the open one; null if there is none. */
  imageOf(picture: Blob): LabeledImage | null {
    const [id] = [...this.#near].find(([, file]) => file === picture) ?? [];
    return (id === undefined ? null : this.#imageOf(id)) ?? null;
  }

  /** The file of an image as it is now; undefined when it is not here, or has changed. */
  async pictureOf(id: string): Promise<Blob | undefined> {
    const image = this.#imageOf(id);
    return image && this.#store.picture(image);
  }

  /**
   * Adds pictures to the set; the first of them is opened. What cannot be opened is named, with the reason.
   *
   * @returns the id of the one that was opened; null if another was asked for meanwhile, or all were refused
   */
  async add(files: readonly NamedFile[]): Promise<string | null> {
    const isLong = files.length > MANY;
    const refused: string[] = [];
    let isOpened = false;
    let opened: string | null = null;
    const names = files.map(({ name }) => name);
    let shown = performance.now();
    const turn = ++this.#turn;
    const measured = (at: number): ReturnType<Measure> | undefined => {
      const size = files[at] && this.#measure(files[at].blob);
      // an error is told when it is the picture's turn
      size?.catch(() => undefined);
      return size;
    };
    // while a picture is kept, the next one is measured; two are never decoded at once
    let ahead = measured(0);
    const addAll = async (signal: AbortSignal | null, show: (done: number) => void): Promise<void> => {
      for (const [index, { name, blob, place }] of files.entries()) {
        if (signal?.aborted) break;
        try {
          const size = await (ahead as ReturnType<Measure>).finally(() => {
            ahead = measured(index + 1);
          });
          const image = await this.#store.addPicture(blob, { name, ...size }, names, place);
          const picture = isOpened || turn !== this.#turn ? null : await this.#asKept(image, blob);
          if (picture && turn === this.#turn) {
            this.#enter(image.id, picture, NO_MARKS);
            opened = image.id;
          }
          isOpened = true;
          if (performance.now() - shown > PATIENCE) {
            this.#showArrivals();
            show(index + 1);
            shown = performance.now();
          }
        } catch (error) {
          refused.push(`${name}: ${(error as Error).message}`);
        }
      }
      void this.#store.change(this.#store.project);
      this.#showArrivals();
      if (signal?.aborted) this.#notices.say("Stopped: what was added by then is here.");
      if (refused.length > 0) this.#notices.fail(notOpened(refused), "the other pictures are not affected.");
    };
    if (isLong) {
      await this.#notices.run(
        (signal, show) =>
          addAll(signal, (done) => show(`Adding pictures: ${done} of ${files.length}`, done / files.length)),
        "what was added is here.",
      );
    } else await addAll(null, () => undefined);
    return opened;
  }

  /** A picture as it is kept: its file on the disk may change. A sample that is shown already is not encoded again. */
  async #asKept(image: LabeledImage, file: Blob): Promise<Blob> {
    if (file === this.#state.get().picture) return file;
    return (await this.#store.picture(image).catch(() => undefined)) ?? file;
  }

  /** Adds a picture of a file that was imported. @throws an error that says why it is refused */
  async addFiled(picture: Blob, facts: NamedImage, names: readonly string[]): Promise<void> {
    const { width, height } = await this.#measure(picture);
    if (width !== facts.width || height !== facts.height) {
      throw new Error(`expected a picture of ${facts.width}×${facts.height}, got one of ${width}×${height}`);
    }
    await this.#store.addPicture(picture, facts, names);
    this.#showArrivals();
  }

  /** Takes a picture without labels out of the set. That is no step; one that labels it brings it back. */
  drop(id: string): void {
    const { project } = this.#store;
    const image = this.#imageOf(id);
    if (!image || image.objects.length > 0) return;
    const file = this.#near.get(id);
    if (file) this.#deleted.set(id, file);
    void this.#store.change({ ...project, images: project.images.filter((each) => each !== image) });
    this.#show();
  }

  /** Deletes pictures with their labels; a picture beside them is opened. */
  async delete(gone: readonly LabeledImage[]): Promise<void> {
    try {
      await this.#remember(gone);
    } catch (error) {
      // without their files they could not be brought back
      return this.#notices.fail(error, "nothing was deleted; reload the page to try again.");
    }
    // they may have been changed meanwhile, or be gone
    const { project } = this.#store;
    const ids = new Set(gone.map(({ id }) => id));
    const left = project.images.filter(({ id }) => !ids.has(id));
    const place = project.images.findIndex(({ id }) => ids.has(id));
    const first = project.images[place];
    if (!first) return;
    const next = left[Math.min(place, left.length - 1)] ?? null;
    const count = project.images.length - left.length;
    const name = count === 1 ? `Delete ${first.name}` : `Delete ${count} pictures`;
    const what = count === 1 ? `${first.name} is deleted` : `${count} pictures are deleted`;
    const before = this.#moment();
    const after = { project: { ...project, images: left }, current: next?.id ?? null, marks: NO_MARKS };
    this.#history.push({ before, after, name });
    this.#become(after, `${what}; Undo brings ${count === 1 ? "it" : "them"} back.`);
  }

  /** Keeps the files of pictures for Undo. */
  async #remember(gone: readonly LabeledImage[]): Promise<void> {
    let copied = 0;
    for (const image of gone) {
      const picture = await this.#store.stored(image);
      if (!picture) continue;
      if (isPlace(picture)) {
        this.#deleted.set(image.id, picture);
        continue;
      }
      copied += picture.size;
      const copy = copied < MOST_COPIED ? new Blob([await picture.arrayBuffer()], { type: picture.type }) : picture;
      this.#deleted.set(image.id, copy);
    }
  }

  // -- steps --------------------------------------------------------------------------------------

  /**
   * Changes the project, as a step.
   *
   * @param name what it does, for the menu
   * @param said what is said once it is known whether it is kept
   * @param marks the prompt after it; nothing by default
   * @param current id of the image that is open after it; the same by default
   */
  edit(project: Project, name: string, said: Said, marks: Marks = NO_MARKS, current = this.#state.get().current): void {
    this.#passTime();
    const before = this.#moment();
    const after = { ...before, project, marks, current };
    this.#history.push({ before, after, name });
    this.#become(after, said);
  }

  /** Changes the prompt, as a step. */
  mark(marks: Marks, name: string): void {
    this.#passTime();
    const before = this.#moment();
    this.#history.push({ before, after: { ...before, marks }, name });
    this.#state.update({ marks });
    this.#show();
  }

  /** Takes the last step back. */
  undo(): void {
    void this.#travel("undo");
  }

  /** Does the step that was undone last again. */
  redo(): void {
    void this.#travel("redo");
  }

  async #travel(way: Way): Promise<void> {
    // a step that is asked for meanwhile comes after
    while (this.#remembering) await this.#remembering;
    const step = this.#history.next(way);
    if (!step) return;
    const gone = goneWith(step, way).flatMap(({ id }) => this.#imageOf(id) ?? []);
    if (gone.length > 0) {
      this.#remembering = this.#remember(gone).then(
        () => true,
        (error: unknown) => {
          // without their files they could not be brought back
          this.#notices.fail(
            error,
            `nothing was ${way === "undo" ? "undone" : "redone"}; reload the page to try again.`,
          );
          return false;
        },
      );
      const isRemembered = await this.#remembering;
      this.#remembering = null;
      if (!isRemembered || this.#history.next(way) !== step) return;
    }
    const moment = this.#history.travel(way, this.#store.project);
    if (moment) this.#become(moment, `${way === "undo" ? "Undone" : "Redone"}: ${step.name}.`);
  }

  #imageOf(id: string): LabeledImage | undefined {
    const { images } = this.#store.project;
    return images[placeOf(images, id)];
  }

  #moment(): Moment {
    const { current, marks } = this.#state.get();
    return { project: this.#store.project, current, marks };
  }

  /** Makes things be as they are at a moment. */
  #become({ project, current, marks }: Moment, said: Said): void {
    const now = this.#store.project;
    const tell = this.#notices.later();
    let keeping = Promise.resolve(true);
    if (project !== now) {
      const there = new Set(now.images.map(({ id }) => id));
      for (const image of project.images) {
        const file = there.has(image.id) ? undefined : this.#deleted.get(image.id);
        if (file) this.#store.bringBack(image, file);
      }
      keeping = this.#store.change(project);
    }
    const { current: open } = this.#state.get();
    if (current === open) this.#state.update({ marks });
    this.#show();
    const isGone = open !== null && !this.#imageOf(open);
    if (current !== null && current !== open) {
      void (isGone ? this.#openInstead(current, marks) : this.#open(current, marks));
    } else if (current === null && isGone) {
      this.#turn++;
      this.#enter(null, null, NO_MARKS);
    }
    void keeping.then((isKept) => tell(typeof said === "string" ? said : said(isKept)));
  }

  // -- objects ------------------------------------------------------------------------------------

  /**
   * Makes `objects` those of the open picture, as far as the rules of their classes let them overlap. Classes that they
   * have and the set lacks are added.
   *
   * @param review how far the picture is then; as far as before by default
   */
  setObjects(
    objects: readonly LabeledObject[],
    name: string,
    said: Said,
    review?: NonNullable<LabeledImage["review"]>,
  ): void {
    const image = imageOf(this.#state.get());
    if (image) this.#setObjectsOf(image, objects, name, said, review && { review });
  }

  #setObjectsOf(
    image: LabeledImage,
    objects: readonly LabeledObject[],
    name: string,
    said: Said,
    facts: Pick<LabeledImage, "review"> = {},
  ): void {
    const rules = ruled(objects, image.objects, this.#store.project.classes);
    const isNothing = objects.length > 0 && isSame(rules.objects, image.objects) && rules.cut > 0;
    const words = rulesInWords(rules);
    if (isNothing) {
      this.#notices.say(`Nothing is changed: ${words}`);
      return;
    }
    const all: Said = (isKept) => `${typeof said === "string" ? said : said(isKept)} ${words}`;
    // only the set knows whether its picture has come meanwhile
    const now = this.#imageOf(image.id) ?? image;
    const project = withImage(withClassesOf(this.#store.project, objects), {
      ...now,
      ...facts,
      objects: rules.objects,
    });
    this.edit(project, name, words === "" ? said : all, NO_MARKS, image.id);
  }

  /** Adds objects to an image, and opens it. */
  addTo(image: LabeledImage, objects: readonly LabeledObject[], name: string, said: Said): void {
    this.#setObjectsOf(image, [...image.objects, ...objects], name, said);
  }

  /** Changes fields of an object. */
  changeObject(id: string, fields: Partial<Omit<LabeledObject, "id">>, name: string, said: Said): void {
    const objects = objectsOf(this.#state.get());
    this.setObjects(
      objects.map((each) => (each.id === id ? { ...each, ...fields } : each)),
      name,
      said,
    );
  }

  /** Gives the object that is edited another mask. */
  setMask(id: string, rle: Rle, name: string, said: Said): void {
    this.changeObject(id, { rle }, name, said);
  }

  /** Deletes an object that is not locked. */
  deleteObject(id: string): void {
    const objects = objectsOf(this.#state.get());
    const place = objects.findIndex((each) => each.id === id);
    const object = objects[place];
    if (!object || object.locked) return;
    const left = objects.filter((each) => each !== object);
    this.setObjects(left, `Delete ${object.className}`, `Object ${place + 1} is deleted; Undo brings it back.`);
  }

  /** Moves an object up (-1) or down (1) in the order in which objects lie over each other. */
  moveObject(id: string, by: -1 | 1): void {
    const objects = objectsOf(this.#state.get());
    const place = objects.findIndex((each) => each.id === id);
    const [object, other] = [objects[place], objects[place + by]];
    if (!object || !other) return;
    const swapped = objects.with(place, other).with(place + by, object);
    this.setObjects(swapped, "Move an object", `Object ${place + 1} is now ${place + 1 + by}.`);
  }

  // -- classes ------------------------------------------------------------------------------------

  /** Chooses the class of the next object, and adds it if there is none of that name. */
  chooseClass(name: string): void {
    const { project } = this.#store;
    this.#state.update({ className: name });
    if (project.classes.some((each) => each.name === name)) return;
    this.edit(withClass(project, name), `Add the class ${name}`, `${name} is a class now.`, this.#state.get().marks);
  }

  /** Renames a class. If the new name is another class's, the two become one, once the person agrees. */
  async renameClass(from: string, to: string): Promise<void> {
    if (to === from) return;
    const isThere = this.#store.project.classes.some(({ name }) => name === to);
    if (isThere && (await this.#notices.ask({ kind: "join classes", from, to })) !== "join") return;
    const { className, marks } = this.#state.get();
    if (className === from) this.#state.update({ className: to });
    const project = withClassRenamed(this.#store.project, from, to);
    this.edit(project, `Rename ${from}`, `${from} is now ${to}.`, marks);
  }

  /** Gives a class another color, #rrggbb. */
  recolorClass(name: string, color: string): void {
    const project = withColor(this.#store.project, name, color);
    this.edit(project, `Recolor ${name}`, `${name} has another color.`, this.#state.get().marks);
  }

  /** Says what happens where objects of a class overlap others; those that are there stay as they are. */
  ruleClass(name: string, overlap: Overlap | undefined): void {
    const said = `Objects of ${name} ${overlap === undefined ? "may overlap" : overlap === "protected" ? "are protected" : "give way"} from now on.`;
    this.edit(withOverlap(this.#store.project, name, overlap), `Rule for ${name}`, said, this.#state.get().marks);
  }

  /** Deletes a class, unless an object has it, or it is the only one. */
  deleteClass(name: string): void {
    const { project } = this.#store;
    if (project.classes.length < 2) return;
    const objects = project.images.flatMap((image) => image.objects);
    const count = objects.filter(({ className }) => className === name).length;
    if (count > 0) {
      const what = `${counted(count, "object is", "objects are")} of the class ${name}`;
      this.#notices.fail(what, "rename it to the class that they are to have, or delete them first.");
      return;
    }
    const { marks } = this.#state.get();
    this.edit(withoutClass(project, name), `Delete the class ${name}`, `The class ${name} is deleted.`, marks);
  }

  // -- the store ----------------------------------------------------------------------------------

  /** Whether something would be lost if the window closed now. */
  get isUnkept(): boolean {
    return this.#store.isUnkept;
  }

  /** Reads what other windows have kept: a window that was frozen was not notified. */
  catchUp(): void {
    this.#store.catchUp().catch(() => undefined);
  }

  /** Brings the state up to date with the set and its history. */
  #show(): void {
    const { project } = this.#store;
    this.#state.update({
      project,
      className: this.#nextClass(),
      ...this.#stillSelected(),
      undoable: this.#history.next("undo")?.name ?? null,
      redoable: this.#history.next("redo")?.name ?? null,
    });
  }

  /** The class of the next object; if it is gone, the one that has its place, by another name, or else the first. */
  #nextClass(): string {
    const { className, project } = this.#state.get();
    const { classes } = this.#store.project;
    return nameAfter(className, project.classes, classes) ?? classes[0]?.name ?? "object";
  }

  /** Brings the state up to date after pictures were added. */
  #showArrivals(): void {
    this.#state.update({ arrivals: this.#state.get().arrivals + 1 });
    this.#show();
  }

  /** The selected objects that are there; what is selected first is edited. */
  #stillSelected(): Pick<State, "selected" | "others"> {
    const { current, selected: edited, others: more } = this.#state.get();
    const there = new Set(objectsOf({ project: this.#store.project, current }).map(({ id }) => id));
    if (edited === null || [edited, ...more].every((id) => there.has(id))) return { selected: edited, others: more };
    const [selected = null, ...others] = [edited, ...more].filter((id) => there.has(id));
    return { selected, others };
  }

  /** Shows what another window has changed. */
  async #takeOver(now: Project, before: Project): Promise<void> {
    const { current } = this.#state.get();
    const [image, old] = [now, before].map(({ images }) => images.find(({ id }) => id === current));
    const place = before.images.findIndex(({ id }) => id === current);
    this.#show();
    // the browser's storage may have opened late
    if (before.images.length === 0) this.#state.update({ closedFolders: await this.#store.closedFolders() });
    if (old && !image) {
      // labels of it may be brought back by Undo here
      const file = this.#near.get(old.id);
      if (file) this.#deleted.set(old.id, file);
      const next = now.images[Math.min(place, now.images.length - 1)];
      this.#notices.forgetLater();
      if (next) await this.#openInstead(next.id, NO_MARKS);
      else this.#enter(null, null, NO_MARKS);
    } else if (old && image && image.objects !== old.objects) {
      this.#notices.say("Brought up to date with another window.");
    }
  }
}

/** Says which pictures were not opened, and why. */
export function notOpened(lines: readonly string[]): string {
  return `Not opened: ${few(lines, "; ")}`;
}

/** The first few of many, and how many more there are. */
export function few(lines: readonly string[], separator = ", "): string {
  const more = lines.length > 3 ? `, and ${lines.length - 3} more` : "";
  return `${lines.slice(0, 3).join(separator)}${more}`;
}
