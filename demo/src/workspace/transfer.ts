/** Labels and sets as files: what is read, and what is written. */
import type { ExportedFile, Format, WrittenFile } from "../formats/archive.ts";
import type {
  readLabels,
  readPictures,
  readProjectFile,
  writeProject,
  writeProjectFile,
} from "../formats/off-thread.ts";
import type { LabeledImage, NamedImage, Project } from "../labels/annotations.ts";
import { counted } from "../labels/counted.ts";
import { type PlacedDetections, placed } from "../labels/detections.ts";
import { type ImportHow, type Merged, merge, withOutlines } from "../labels/importing.ts";
import type { Boxes } from "./boxes.ts";
import type { Notices } from "./notices.ts";
import type { Observable } from "./observable.ts";
import { few, type NamedFile, notOpened, type PictureSet } from "./picture-set.ts";
import { imageOf, type State } from "./state.ts";

/** Reads and writes files, beside the page. */
export interface Files {
  readonly readLabels: typeof readLabels;
  readonly readPictures: typeof readPictures;
  readonly readProjectFile: typeof readProjectFile;
  readonly writeProject: typeof writeProject;
  readonly writeProjectFile: typeof writeProjectFile;
  /** Gives a file to the person. */
  save(file: ExportedFile): void;
}

/** What an export is of. */
export type Scope = "all" | "one";

/** Imports and exports; each can be canceled. */
export class Transfer {
  readonly #state: Observable<State>;
  readonly #notices: Notices;
  readonly #set: PictureSet;
  readonly #boxes: Boxes;
  readonly #files: Files;

  constructor(state: Observable<State>, notices: Notices, set: PictureSet, boxes: Boxes, files: Files) {
    this.#state = state;
    this.#notices = notices;
    this.#set = set;
    this.#boxes = boxes;
    this.#files = files;
  }

  /** Writes labels in a format. */
  async export(format: Format, scope: Scope): Promise<void> {
    const { project } = this.#state.get();
    const image = imageOf(this.#state.get());
    if (scope === "one" && !image) return this.#notices.fail("No picture is open", "open one, or export all.");
    const only = scope === "one" ? image?.id : undefined;
    // the others are there for their names: of a picture that is written alone, the file is called as among all
    const without = (each: LabeledImage): LabeledImage => (each.id === only ? each : { ...each, objects: [] });
    const written = only === undefined ? project : { ...project, images: project.images.map(without) };
    const pictureOf = (id: string): Promise<Blob | undefined> => this.#set.pictureOf(id);
    await this.#notices.run(async (signal, show) => {
      const text = "Writing the file";
      show(text, 0);
      const onProgress = (done: number, total: number): void => show(text, done / total);
      const file = await this.#files.writeProject(written, format, pictureOf, { signal, onProgress, only });
      this.#save(file, "open their folder, or the pictures themselves, and export again.");
    }, "nothing was saved; the labels are still here.");
  }

  /**
   * Takes the objects of files of annotations into pictures of the same name and size, and makes masks of their boxes.
   * Where there is something to decide, or to leave out, the person sees it before.
   */
  async import(files: readonly NamedFile[]): Promise<void> {
    const [first] = files;
    if (!first) return;
    const name = files.length === 1 ? first.name : counted(files.length, "file");
    await this.#notices.run(async (signal, show) => {
      const text = `Reading ${name}`;
      show(text, 0);
      const onProgress = (done: number, total: number): void => show(text, done / total);
      const { project: read, boxes, leftOut: unread } = await this.#files.readLabels(files, { signal, onProgress });
      const { project: before } = this.#state.get();
      const { placed: all, leftOut: unplaced } = placed(before.images, boxes);
      const { found, boxes: detections, leftOut: empty } = withOutlines(read, all);
      const leftOut = [...unread, ...unplaced, ...empty];
      if (!(await this.#takeIn(found, name, detections, leftOut))) return;
      try {
        await this.#boxes.toMasks(detections, signal, show);
      } catch (error) {
        if (this.#state.get().project === before) throw error;
        this.#notices.fail(error, "what was imported by then is here; Undo takes it back.");
      }
    }, "what was there is as it was.");
  }

  /**
   * Merges labels, as a step, if the person agrees.
   *
   * @returns whether that was done
   * @throws Error if there are boxes, and no model for them
   */
  async #takeIn(
    found: Project,
    name: string,
    detections: readonly PlacedDetections[],
    leftOut: readonly string[],
  ): Promise<boolean> {
    const { project: before } = this.#set;
    const replacing = merge(before, found);
    let how: ImportHow = "replace";
    if (replacing.changed.length > 0 || detections.length > 0 || leftOut.length > 0) {
      const adding = merge(before, found, "add");
      const boxes = detections.reduce((sum, each) => sum + each.detections.length, 0);
      const question = { kind: "import", name, replacing, adding, boxes, leftOut } as const;
      const choice = await this.#notices.ask(question);
      if (choice !== "replace" && choice !== "add") return false;
      this.#boxes.check(detections);
      how = choice;
    }
    // the set may have changed while the person made up their mind
    const { project } = this.#set;
    const { marks } = this.#state.get();
    const merged = merge(project, found, how);
    const { classes, images } = merged.project;
    const isChanged = classes !== project.classes || images.some((image, i) => image !== project.images[i]);
    const said = inWords(name, found, merged);
    if (isChanged) this.#set.edit(merged.project, `Import ${name}`, said, marks);
    else if (detections.length === 0) this.#notices.say(said);
    return true;
  }

  /** Saves the whole set, pictures and labels, as one file, and says which pictures could not be put into it. */
  async saveProject(): Promise<void> {
    const text = "Saving the project";
    await this.#notices.run(async (signal, show) => {
      show(text, 0);
      const onProgress = (done: number, total: number): void => show(text, done / total);
      const pictureOf = (id: string): Promise<Blob | undefined> => this.#set.pictureOf(id);
      const { project } = this.#set;
      const file = await this.#files.writeProjectFile(project, pictureOf, { signal, onProgress });
      this.#save(file, "their labels are in it; open their folder, or the pictures themselves, and save again.");
    }, "nothing was saved; the labels are still here.");
  }

  /** Gives a file to the person, and says what is not in it. */
  #save({ missing, ...file }: WrittenFile, advice: string): void {
    this.#files.save(file);
    this.#notices.say(`Saved ${file.name}.`);
    if (missing.length === 0) return;
    this.#notices.fail(`${file.name} is saved without pictures that are not here: ${few(missing)}`, advice);
  }

  /** Adds the pictures and labels of a project file to the set. A zip that is none may hold files of labels, as an export does. */
  async openProject({ name, blob }: NamedFile): Promise<void> {
    const text = `Opening ${name}`;
    let isProject = true;
    await this.#notices.run(async (signal, show) => {
      show(text);
      const read = await this.#files.readProjectFile(blob, { signal }).catch((error: Error) => {
        if (error.name !== "NoProjectError") throw error;
        isProject = false;
      });
      if (!read) return;
      const { project, pictures } = read;
      if (!(await this.#takeIn(project, name, [], []))) return;
      const onProgress = (done: number, total: number): void => show(text, done / total);
      const names = pictures.map((each) => each.name);
      const refused: string[] = [];
      const take = (picture: Blob, facts: NamedImage): Promise<void> =>
        this.#set.addFiled(picture, facts, names).catch((error: unknown) => {
          refused.push(`${facts.name}: ${(error as Error).message}`);
        });
      const damaged = await this.#files.readPictures(blob, pictures, take, { signal, onProgress });
      const { current, project: now } = this.#state.get();
      const first = now.images[0];
      if (current === null && first) await this.#set.open(first.id);
      const filed = new Set(pictures.map(({ sha256 }) => sha256));
      const unfiled = project.images.filter(({ sha256 }) => sha256 === null || !filed.has(sha256));
      const missing = [...unfiled.map((each) => each.name), ...damaged];
      const left = missing.length > 0 ? ` Missing or damaged in it: ${few(missing)}.` : "";
      this.#notices.say(`Opened ${name}: ${counted(project.images.length, "picture")}.${left}`);
      if (refused.length > 0) this.#notices.fail(notOpened(refused), "their labels are here, and wait for them.");
    }, "nothing that was here is lost.");
    if (!isProject) await this.import([{ name, blob }]);
  }
}

/** What is said of an import. */
function inWords(name: string, found: Project, { added, objects }: Merged): string {
  const count = found.images.reduce((sum, image) => sum + image.objects.length, 0);
  const waiting =
    added.length > 0 ? ` Not here yet: ${counted(added.length, "picture")}. Open them to see their labels.` : "";
  const alike = objects.alike > 0 ? ` There already: ${counted(objects.alike, "object")}.` : "";
  return `Imported ${name}: ${counted(count, "object")} of ${counted(found.images.length, "picture")}.${waiting}${alike}`;
}
