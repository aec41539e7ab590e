/** The labels of a set of pictures, kept as they change. */
import { decodeRle, maskToPolygons, polygonsToPath, type Rle } from "sam2-web";
import { ClassPanel } from "./class-panel.ts";
import { element } from "./element.ts";
import { type ExportedFile, FORMATS, type Format } from "./formats/archive.ts";
import { readCoco, readPictures, readProjectFile, writeProject, writeProjectFile } from "./formats/off-thread.ts";
import { checkHeader } from "./formats/picture-header.ts";
import {
  type LabeledImage,
  type LabeledObject,
  merge,
  type NamedImage,
  newObject,
  type ObjectClass,
  type Project,
  withClass,
  withClassesOf,
  withClassRenamed,
  withColor,
  withImage,
  withoutClass,
} from "./labels/annotations.ts";
import { reconciledObjects } from "./labels/reconcile.ts";
import { type ObjectListEvents, showObjects } from "./object-list.ts";
import { cancellable, showBusy } from "./status.ts";
import { LabelStore, type Trouble } from "./storage/label-store.ts";
import { isNearlyFull, type Room, room } from "./storage/room.ts";
import { Strip } from "./strip.ts";

/** An object as it is drawn. */
export interface DrawnObject {
  /** In pixels of the picture; to be filled by the even-odd rule. */
  readonly path: Path2D;
  readonly color: string;
  /** Whether it is pointed at in the list. */
  readonly emphasized: boolean;
}

/** Called by the labels, for the page to act. */
export interface LabelEvents {
  /** Shows a picture. */
  open(picture: Blob, image: LabeledImage): void;
  /** Replace the objects of the shown picture by these, as a step that can be undone. */
  change(objects: readonly LabeledObject[], said: string): void;
  /** A class was renamed; rename it in all steps of the undo history too. */
  rename(from: string, to: string): void;
  /** Another window has changed the objects of the shown picture; apply `how` to all steps of the undo history. */
  catchUp(how: (objects: readonly LabeledObject[]) => readonly LabeledObject[]): void;
  /** What is drawn has changed. */
  redraw(): void;
  fail(error: unknown, advice: string): void;
  save(file: ExportedFile): void;
}

/** While a large folder is read, the strip is updated and pictures are kept this often; in milliseconds. */
const PATIENCE = 500;

/** The panel and what it shows. */
export class Labels {
  readonly #store: LabelStore;
  readonly #events: LabelEvents;
  readonly #strip: Strip;
  readonly #classes: ClassPanel;
  readonly #listEvents: ObjectListEvents;
  #keeping: Promise<boolean> = Promise.resolve(true);
  #current: string | null = null;
  #emphasized: string | null = null;
  #selected: string | null = null;
  readonly #paths = new WeakMap<Rle, Path2D>();

  private constructor(store: LabelStore, events: LabelEvents) {
    this.#store = store;
    this.#events = events;
    this.#strip = new Strip({
      picture: (id) => this.#pictureOf(id),
      open: (id) => void this.#openImage(id),
    });
    this.#classes = new ClassPanel({
      add: (name) => this.#set(withClass(this.#project, name)),
      rename: (from, to) => this.#renameClass(from, to),
      recolor: (name, color) => this.#set(withColor(this.#project, name, color)),
      delete: (name) => this.#deleteClass(name),
    });
    this.#listEvents = {
      change: (objects, said) => events.change(objects, said),
      select: (id) => {
        this.#selected = id;
        this.#show();
      },
      emphasize: (id) => {
        this.#emphasized = id;
        events.redraw();
      },
    };
    element<HTMLSelectElement>("format").replaceChildren(
      ...Object.entries(FORMATS).map(([value, text]) => new Option(text, value)),
    );
    element("export").addEventListener("click", () => void this.#export());
    element<HTMLInputElement>("import").addEventListener("change", (event) => {
      const input = event.target as HTMLInputElement;
      const [file] = input.files ?? [];
      if (file) void this.#import(file);
      input.value = "";
    });
    element("save-project").addEventListener("click", () => void this.#saveProject());
    element<HTMLInputElement>("project").addEventListener("change", (event) => {
      const input = event.target as HTMLInputElement;
      const [file] = input.files ?? [];
      if (file) void this.openProject({ name: file.name, blob: file });
      input.value = "";
    });
    element("delete-picture").addEventListener("click", () => {
      const image = this.#image();
      void this.#delete(image ? [image] : []);
    });
    element("delete-all").addEventListener("click", () => void this.#delete(this.#project.images));
    // a window that was frozen was not notified of other windows' changes
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") void store.catchUp();
    });
    addEventListener("beforeunload", (event) => {
      if (store.isUnkept && this.#project.images.length > 0) event.preventDefault();
    });
    store.listen({
      changed: (now, before) => void this.#takeOver(now, before),
      trouble: (trouble) => showTrouble(trouble),
    });
  }

  /** Opens the labels of the last visit. */
  static async open(events: LabelEvents): Promise<Labels> {
    const labels = new Labels(await LabelStore.open(), events);
    labels.#show();
    return labels;
  }

  /** Resolves when the changes so far were kept, or could not be: whether they are kept. */
  whenKept(): Promise<boolean> {
    return this.#keeping;
  }

  /** Objects that are shown, in order. */
  drawn(): DrawnObject[] {
    const image = this.#image();
    return (image?.objects ?? [])
      .filter(({ hidden }) => !hidden)
      .map(({ id, rle, className }) => ({
        path: this.#pathOf(rle),
        color: this.#classOf(className)?.color ?? "#1d6ed8",
        emphasized: id === this.#emphasized || id === this.#selected,
      }));
  }

  /** The picture that is labeled, or null. */
  get current(): LabeledImage | null {
    return this.#image() ?? null;
  }

  /** The object that is edited, or null; a locked one is not. */
  get selected(): LabeledObject | null {
    return this.#image()?.objects.find(({ id, locked }) => id === this.#selected && !locked) ?? null;
  }

  /** The objects, with this mask for the edited object. */
  withMask(rle: Rle): readonly LabeledObject[] {
    const objects = this.#image()?.objects ?? [];
    return objects.map((each) => (each.id === this.#selected ? { ...each, rle } : each));
  }

  /** The class that the next object gets. */
  get className(): string {
    return this.#classes.chosen;
  }

  /** Chooses the n-th class, from 0, if there are as many. */
  chooseClass(index: number): void {
    this.#classes.choose(index);
  }

  /** Adds pictures to the set; the first of them is opened. */
  async addPictures(files: readonly { readonly name: string; readonly blob: Blob }[]): Promise<void> {
    let opened = false;
    const names = files.map(({ name }) => name);
    let shown = performance.now();
    for (const { name, blob } of files) {
      try {
        await checkHeader(blob);
        const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
        const { width, height } = bitmap;
        bitmap.close();
        const image = await this.#store.addPicture(blob, { name, width, height }, names);
        this.#strip.forget(image.id);
        const isFirst = !opened;
        opened = true;
        if (isFirst) this.#current = image.id;
        if (isFirst || performance.now() - shown > PATIENCE) {
          this.#show();
          shown = performance.now();
        }
        if (isFirst) this.#events.open(blob, this.#image() ?? image);
      } catch (error) {
        this.#events.fail(error, `${name} could not be opened; the other pictures are not affected.`);
      }
    }
    this.#set(this.#project);
  }

  /** Shows a picture of the set, by its place relative to the current one. */
  step(by: number): void {
    const { images } = this.#project;
    const next = images[images.findIndex(({ id }) => id === this.#current) + by];
    if (next) void this.#openImage(next.id);
  }

  /** The picture after the current one, to be encoded ahead. */
  async nextPicture(): Promise<{ id: string; picture: Blob } | null> {
    const { images } = this.#project;
    const next = images[images.findIndex(({ id }) => id === this.#current) + 1];
    const picture = next && (await this.#store.picture(next));
    return next && picture ? { id: next.id, picture } : null;
  }

  /** A new object of the chosen class. */
  newObject(rle: Rle): LabeledObject {
    return newObject(this.className, rle);
  }

  /** Makes `objects` those of the current picture, and keeps them. */
  setObjects(objects: readonly LabeledObject[]): void {
    const image = this.#image();
    if (!image || image.objects === objects) return;
    // undo can bring back objects whose class was deleted: add the class again
    this.#set(withImage(withClassesOf(this.#project, objects), { ...image, objects }));
  }

  get #project(): Project {
    return this.#store.project;
  }

  async #pictureOf(id: string): Promise<Blob | undefined> {
    const image = this.#image(id);
    return image && this.#store.picture(image);
  }

  #image(wanted: string | null = this.#current): LabeledImage | undefined {
    return this.#project.images.find(({ id }) => id === wanted);
  }

  #classOf(name: string): ObjectClass | undefined {
    return this.#project.classes.find((each) => each.name === name);
  }

  #pathOf(rle: Rle): Path2D {
    const path = this.#paths.get(rle) ?? new Path2D(polygonsToPath(maskToPolygons(decodeRle(rle), { tolerance: 0.5 })));
    this.#paths.set(rle, path);
    return path;
  }

  #set(project: Project): void {
    this.#keeping = this.#store.change(project);
    this.#show();
  }

  /** Shows what another window has changed. */
  async #takeOver(now: Project, before: Project): Promise<void> {
    const [image, old] = [now, before].map(({ images }) => images.find(({ id }) => id === this.#current));
    this.#show();
    if (old && !image) {
      // the picture that is shown was deleted
      await this.#store.change(this.#project);
      if (!this.#store.isUnkept) location.reload();
    } else if (old && image && image.objects !== old.objects) {
      this.#events.catchUp((objects) => reconciledObjects(old.objects, image.objects, objects));
    }
  }

  /** Opens the picture of an image; false if the picture is missing. */
  async #openImage(id: string): Promise<boolean> {
    const picture = await this.#pictureOf(id);
    const image = this.#image(id);
    if (!image) return false;
    if (!picture) {
      this.#events.fail(
        `${image.name} is not here`,
        "open the picture itself, under this name: its labels are waiting.",
      );
      return false;
    }
    this.#current = id;
    this.#events.open(picture, image);
    this.#show();
    return true;
  }

  #renameClass(from: string, to: string): void {
    if (to === from || (this.#classOf(to) && !confirm(`Make every object of ${from} one of ${to}?`))) return;
    this.#set(withClassRenamed(this.#project, from, to));
    this.#events.rename(from, to);
  }

  /** Deletes a class, unless an object has it. */
  #deleteClass(name: string): void {
    const objects = this.#project.images.flatMap((image) => image.objects);
    const count = objects.filter(({ className }) => className === name).length;
    const what = `${count} ${count === 1 ? "object is" : "objects are"} of the class ${name}`;
    if (count === 0) this.#set(withoutClass(this.#project, name));
    else this.#events.fail(what, "rename it to the class that they are to have, or delete them first.");
  }

  /** Deletes pictures with their labels, once the person has said yes; the picture after them is opened. */
  async #delete(gone: readonly LabeledImage[]): Promise<void> {
    const [first] = gone;
    const { classes, images } = this.#project;
    const what = gone.length === 1 ? `${first?.name} with its` : `all ${gone.length} pictures with their`;
    if (!first || !confirm(`Delete ${what} labels from this browser?`)) return;
    const left = images.filter((image) => !gone.includes(image));
    const next = left[Math.min(images.indexOf(first), left.length - 1)];
    for (const { id } of gone) this.#strip.forget(id);
    this.#current = null;
    this.#set({ classes, images: left });
    await this.#keeping;
    const isOpen = next !== undefined && (await this.#openImage(next.id));
    if (!isOpen && (left.length === 0 || !this.#store.isUnkept)) location.reload();
  }

  async #export(): Promise<void> {
    const all = element<HTMLSelectElement>("scope").value === "all";
    const image = this.#image();
    const project = all || !image ? this.#project : { ...this.#project, images: [image] };
    const format = element<HTMLSelectElement>("format").value as Format;
    const pictureOf = async (id: string): Promise<Blob> => {
      const picture = await this.#pictureOf(id);
      if (!picture) throw new Error("a picture of the set is not here");
      return picture;
    };
    await cancellable(async (signal) => {
      showBusy("Writing the file", 0);
      const onProgress = (done: number, total: number): void => showBusy("Writing the file", done / total);
      this.#events.save(await writeProject(project, format, pictureOf, { signal, onProgress }));
    }, "nothing was saved; the labels are still here.");
  }

  /** Takes the objects of a COCO file into pictures of the same name and size, once the person has agreed. */
  async #import(file: File): Promise<void> {
    await cancellable(async (signal) => {
      showBusy(`Reading ${file.name}`, 0);
      const onProgress = (done: number, total: number): void => showBusy(`Reading ${file.name}`, done / total);
      const { project: found, boxes } = await readCoco(file, { signal, onProgress });
      const added = this.#takeIn(found, file.name);
      if (!added) return;
      const count = found.images.reduce((sum, { objects }) => sum + objects.length, 0);
      const waiting = added.length > 0 ? ` ${added.length} of them wait to be opened.` : "";
      const left = boxes > 0 ? ` ${boxes} boxes without a mask were left out.` : "";
      const said = `Imported ${file.name}: ${count} objects of ${found.images.length} pictures.${waiting}${left}`;
      this.#events.change(this.#image()?.objects ?? [], said);
    }, "nothing was imported.");
  }

  /** Merges labels, if the person agrees. Returns the images that are new, or null. */
  #takeIn(found: Project, from: string): readonly LabeledImage[] | null {
    const { project, replaced, added } = merge(this.#project, found);
    const labeled = replaced.length === 1 ? replaced[0]?.name : `${replaced.length} pictures`;
    if (replaced.length > 0 && !confirm(`Replace the labels of ${labeled} by those in ${from}?`)) return null;
    this.#set(project);
    return added;
  }

  /** Saves the whole set, pictures and labels, as one file. */
  async #saveProject(): Promise<void> {
    const said = "Saving the project";
    await cancellable(async (signal) => {
      showBusy(said, 0);
      const onProgress = (done: number, total: number): void => showBusy(said, done / total);
      const pictureOf = (id: string): Promise<Blob | undefined> => this.#pictureOf(id);
      this.#events.save(await writeProjectFile(this.#project, pictureOf, { signal, onProgress }));
    }, "nothing was saved; the labels are still here.");
  }

  /** Adds the pictures and labels of a project file to the set. */
  async openProject({ name, blob }: { readonly name: string; readonly blob: Blob }): Promise<void> {
    const said = `Opening ${name}`;
    await cancellable(async (signal) => {
      showBusy(said);
      const { project, pictures } = await readProjectFile(blob, { signal });
      if (!this.#takeIn(project, name)) return;
      const onProgress = (done: number, total: number): void => showBusy(said, done / total);
      const names = pictures.map((each) => each.name);
      const take = async (picture: Blob, facts: NamedImage): Promise<void> => {
        const { id } = await this.#store.addPicture(picture, facts, names);
        this.#strip.forget(id);
        this.#show();
      };
      const damaged = await readPictures(blob, pictures, take, { signal, onProgress });
      const { images } = project;
      const first = this.#current ? null : this.#project.images[0];
      if (first) await this.#openImage(first.id);
      const left = damaged.length > 0 ? ` Missing or damaged in it: ${damaged.join(", ")}.` : "";
      this.#events.change(this.#image()?.objects ?? [], `Opened ${name}: ${images.length} pictures.${left}`);
    }, "nothing that was here is lost.");
  }

  // -- what the panel shows -----------------------------------------------------------------------

  #show(): void {
    const { classes, images } = this.#project;
    this.#classes.show(classes);
    showObjects(this.#image()?.objects ?? [], classes, this.#selected, this.#listEvents);
    this.#strip.show(images, this.#current);
    element("labeling").hidden = images.length === 0;
    element<HTMLButtonElement>("delete-picture").disabled = !this.#image();
    void room().then((there) => {
      const labeled = images.filter(({ objects }) => objects.length > 0).length;
      element("kept").textContent = `${labeled} of ${images.length} pictures labeled${there ? inWords(there) : ""}`;
    });
    this.#events.redraw();
  }
}

/** The storage in use, as text. */
function inWords(there: Room): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const { used, total } = there;
  const size = ` · ${megabytes(used)}${total === null ? "" : ` of ${megabytes(total)}`} on this device`;
  return isNearlyFull(there) ? `${size}: nearly full. Delete pictures, or export your labels.` : size;
}

/** Says why labels are not kept, and what the person can do about it. */
function showTrouble(trouble: Trouble | null): void {
  const box = element("storage");
  box.hidden = trouble === null;
  box.textContent = trouble ? troubleInWords(trouble) : "";
}

function troubleInWords(trouble: Trouble): string {
  switch (trouble.kind) {
    case "no storage":
      return "This browser keeps nothing here, as in private windows. Your labels are in this window only: export them before you close it.";
    case "older window":
      return "Another window has an older version of this page open. Close it, and what you label is kept; until then it is in this window only.";
    case "newer window":
      return "A newer version of this page was opened. What was kept is safe; what you label from now on is in this window only. Export it, then reload the page.";
    case "full":
      return "There is no more room on this device. What was kept is safe; the rest is in this window only. Delete pictures, or export your labels.";
    case "failed":
      return `Your labels could not be kept: ${(trouble.error as Error).message}. What was kept is safe; the rest is in this window only. Export it, then reload the page.`;
  }
}
