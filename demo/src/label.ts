/** The labels of a set of pictures, kept as they change. */
import { decodeRle, maskToPolygons, polygonsToPath, type Rle } from "sam2-web";
import { v4 as randomId } from "uuid";
import {
  findImage,
  type LabeledImage,
  type LabeledObject,
  merge,
  newObject,
  type ObjectClass,
  type Project,
  withClass,
  withClassesOf,
  withClassRenamed,
  withColour,
  withImage,
  withoutClass,
} from "./annotations.ts";
import { ClassPanel } from "./class-panel.ts";
import { element } from "./element.ts";
import { type ExportedFile, FORMATS, type Format } from "./formats/archive.ts";
import { readCoco, writeProject } from "./formats/off-thread.ts";
import { type ObjectListEvents, showObjects } from "./object-list.ts";
import { cancellable, showBusy } from "./status.ts";
import { Store } from "./store.ts";
import { Strip } from "./strip.ts";

/** An object as it is drawn. */
export interface DrawnObject {
  /** In pixels of the picture; to be filled by the even-odd rule. */
  readonly path: Path2D;
  readonly colour: string;
  /** Whether it is pointed at in the list. */
  readonly emphasised: boolean;
}

/** What the page does when labels ask for it. */
export interface LabelEvents {
  /** Shows a picture. */
  open(picture: Blob, image: LabeledImage): void;
  /** The objects of the shown picture are to become these. */
  change(objects: readonly LabeledObject[], said: string): void;
  /** Objects of a class have another one; those of steps that can be undone are to have it, too. */
  rename(from: string, to: string): void;
  /** What is drawn has changed. */
  redraw(): void;
  fail(error: unknown, advice: string): void;
  save(file: ExportedFile): void;
}

/** Pictures of a large folder come into the strip, and are kept, this often while they are read; in milliseconds. */
const PATIENCE = 500;

/** The panel and what it shows. */
export class Labels {
  readonly #store: Store;
  readonly #events: LabelEvents;
  readonly #strip: Strip;
  readonly #classes: ClassPanel;
  readonly #listEvents: ObjectListEvents;
  #project: Project;
  #saved: Project;
  #saving: Promise<void> = Promise.resolve();
  #current: string | null = null;
  #emphasised: string | null = null;
  #selected: string | null = null;
  readonly #paths = new WeakMap<Rle, Path2D>();

  private constructor(store: Store, events: LabelEvents, project: Project) {
    this.#store = store;
    this.#events = events;
    this.#project = project;
    this.#saved = project;
    this.#strip = new Strip({
      picture: (id) => store.picture(id),
      open: (id) => void this.#openImage(id),
    });
    this.#classes = new ClassPanel({
      add: (name) => this.#set(withClass(this.#project, name)),
      rename: (from, to) => this.#renameClass(from, to),
      recolour: (name, colour) => this.#set(withColour(this.#project, name, colour)),
      delete: (name) => this.#deleteClass(name),
    });
    this.#listEvents = {
      change: (objects, said) => events.change(objects, said),
      select: (id) => {
        this.#selected = id;
        this.#show();
      },
      emphasise: (id) => {
        this.#emphasised = id;
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
    element("delete-picture").addEventListener("click", () => {
      const image = this.#image();
      void this.#delete(image ? [image] : []);
    });
    element("delete-all").addEventListener("click", () => void this.#delete(this.#project.images));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") void this.#catchUp();
    });
  }

  /** Takes up what was kept at the last visit. */
  static async open(events: LabelEvents): Promise<Labels> {
    const store = await Store.open();
    const labels = new Labels(store, events, await store.load());
    labels.#show();
    return labels;
  }

  /** Objects that are shown, in order. */
  drawn(): DrawnObject[] {
    const image = this.#image();
    return (image?.objects ?? [])
      .filter(({ hidden }) => !hidden)
      .map(({ id, rle, className }) => ({
        path: this.#pathOf(rle),
        colour: this.#classOf(className)?.colour ?? "#1d6ed8",
        emphasised: id === this.#emphasised || id === this.#selected,
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

  /** The objects with another mask in place of the edited one's. */
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

  /** Takes pictures into the set; the first of them is opened. */
  async addPictures(files: readonly { readonly name: string; readonly blob: Blob }[]): Promise<void> {
    let opened = false;
    const added: LabeledImage[] = [];
    const names = files.map(({ name }) => name);
    const here = await this.#store.pictureIds();
    let taken = performance.now();
    const take = (): void => {
      this.#set(added.splice(0).reduce(withImage, this.#project));
      taken = performance.now();
    };
    for (const { name, blob } of files) {
      try {
        const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
        const { width, height } = bitmap;
        bitmap.close();
        const known = findImage(this.#project.images, { name, width, height }, names, ({ id }) => !here.has(id));
        const image: LabeledImage = known ?? { id: randomId(), name, width, height, objects: [] };
        await this.#store.savePicture(image.id, blob);
        this.#strip.forget(image.id);
        if (!known) added.push(image);
        const isFirst = !opened;
        opened = true;
        if (isFirst) this.#current = image.id;
        if (isFirst || performance.now() - taken > PATIENCE) take();
        if (isFirst) this.#events.open(blob, image);
      } catch (error) {
        this.#events.fail(error, `${name} could not be opened; the other pictures are not affected.`);
      }
    }
    take();
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
    const picture = next && (await this.#store.picture(next.id));
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
    // from the first object on it is work that may not be lost
    if (image.objects.length === 0) void Store.protect();
    // steps that are undone bring their classes back
    this.#set(withImage(withClassesOf(this.#project, objects), { ...image, objects }));
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
    this.#project = project;
    this.#show();
    this.#saving = this.#saving
      .then(async () => {
        const [before, now] = [this.#saved, this.#project];
        if (before !== now) await this.#store.save(now, before);
        this.#saved = now;
      })
      .catch((error: unknown) => {
        this.#events.fail(error, "the labels could not be kept; export them before you close the page.");
      });
  }

  /** Takes over what was labeled in another tab, when the person comes back to this one. */
  async #catchUp(): Promise<void> {
    await this.#saving;
    if (!(await this.#store.isChangedElsewhere())) return;
    let [shown, project] = [this.#project, await this.#store.load()];
    // what was changed here in the meantime is saved first
    while (this.#project !== shown) {
      await this.#saving;
      [shown, project] = [this.#project, await this.#store.load()];
    }
    const before = this.#image();
    const image = project.images.find(({ id }) => id === before?.id);
    // the picture that is shown was deleted
    if (before && !image) return location.reload();
    this.#project = this.#saved = project;
    this.#show();
    if (image) this.#events.change(image.objects, "Brought up to date with another tab.");
  }

  /** Whether the picture is here, and so was opened. */
  async #openImage(id: string): Promise<boolean> {
    const picture = await this.#store.picture(id);
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

  /** Takes a class away, unless an object has it. */
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
    await this.#saving;
    if (!next || !(await this.#openImage(next.id))) location.reload();
  }

  async #export(): Promise<void> {
    const all = element<HTMLSelectElement>("scope").value === "all";
    const image = this.#image();
    const project = all || !image ? this.#project : { ...this.#project, images: [image] };
    const format = element<HTMLSelectElement>("format").value as Format;
    const pictureOf = async (id: string): Promise<Blob> => {
      const picture = await this.#store.picture(id);
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
      const { project, replaced, added } = merge(this.#project, found);
      const labeled = replaced.length === 1 ? replaced[0]?.name : `${replaced.length} pictures`;
      if (replaced.length > 0 && !confirm(`Replace the labels of ${labeled} by those in ${file.name}?`)) return;
      this.#set(project);
      const count = found.images.reduce((sum, { objects }) => sum + objects.length, 0);
      const waiting = added.length > 0 ? ` ${added.length} of them wait to be opened.` : "";
      const left = boxes > 0 ? ` ${boxes} boxes without a mask were left out.` : "";
      const said = `Imported ${file.name}: ${count} objects of ${found.images.length} pictures.${waiting}${left}`;
      this.#events.change(this.#image()?.objects ?? [], said);
    }, "nothing was imported.");
  }

  // -- what the panel shows -----------------------------------------------------------------------

  #show(): void {
    const { classes, images } = this.#project;
    this.#classes.show(classes);
    showObjects(this.#image()?.objects ?? [], classes, this.#selected, this.#listEvents);
    this.#strip.show(images, this.#current);
    element("labeling").hidden = images.length === 0;
    element<HTMLButtonElement>("delete-picture").disabled = !this.#image();
    Store.used().then((bytes) => {
      const size = bytes === null ? "" : ` · ${(bytes / 1e6).toFixed(0)} MB on this device`;
      const labeled = images.filter(({ objects }) => objects.length > 0).length;
      element("kept").textContent = `${labeled} of ${images.length} pictures labeled${size}`;
    });
    this.#events.redraw();
  }
}
