/** Labels and sets as files: what is read, and what is written. */
import type { ExportedFile, Format } from "../formats/archive.ts";
import type {
  readLabels,
  readPictures,
  readProjectFile,
  writeProject,
  writeProjectFile,
} from "../formats/off-thread.ts";
import { type LabeledImage, merge, type NamedImage, type Project } from "../labels/annotations.ts";
import type { Notices } from "./notices.ts";
import type { Observable } from "./observable.ts";
import type { NamedFile, PictureSet } from "./picture-set.ts";
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
  readonly #files: Files;

  constructor(state: Observable<State>, notices: Notices, set: PictureSet, files: Files) {
    this.#state = state;
    this.#notices = notices;
    this.#set = set;
    this.#files = files;
  }

  /** Writes labels in a format. */
  async export(format: Format, scope: Scope): Promise<void> {
    const { project } = this.#state.get();
    const image = imageOf(this.#state.get());
    const written = scope === "all" || !image ? project : { ...project, images: [image] };
    const pictureOf = async (id: string): Promise<Blob> => {
      const picture = await this.#set.pictureOf(id);
      if (!picture) throw new Error("a picture of the set is not here");
      return picture;
    };
    await this.#notices.run(async (signal, show) => {
      const text = "Writing the file";
      show(text, 0);
      const onProgress = (done: number, total: number): void => show(text, done / total);
      const file = await this.#files.writeProject(written, format, pictureOf, { signal, onProgress });
      this.#files.save(file);
      this.#notices.say(`Saved ${file.name}.`);
    }, "nothing was saved; the labels are still here.");
  }

  /** Takes the objects of a file of annotations into pictures of the same name and size, once the person has agreed. */
  async import({ name, blob }: NamedFile): Promise<void> {
    await this.#notices.run(async (signal, show) => {
      const text = `Reading ${name}`;
      show(text, 0);
      const onProgress = (done: number, total: number): void => show(text, done / total);
      const { project: found, boxes } = await this.#files.readLabels(blob, { signal, onProgress });
      const count = found.images.reduce((sum, { objects }) => sum + objects.length, 0);
      await this.#takeIn(found, name, (added) => {
        const waiting = added.length > 0 ? ` ${added.length} of them wait to be opened.` : "";
        const left = boxes > 0 ? ` ${boxes} boxes without a mask were left out.` : "";
        return `Imported ${name}: ${count} objects of ${found.images.length} pictures.${waiting}${left}`;
      });
    }, "nothing was imported.");
  }

  /** Merges labels, as a step, if the person agrees. @returns whether that was done */
  async #takeIn(found: Project, name: string, said: (added: readonly LabeledImage[]) => string): Promise<boolean> {
    const { project: before, marks } = this.#state.get();
    const { replaced } = merge(before, found);
    if (replaced.length > 0) {
      const names = replaced.map((image) => image.name);
      if ((await this.#notices.ask({ kind: "import", name, replaced: names })) !== "replace") return false;
    }
    // the set may have changed while the person made up their mind
    const { project, added } = merge(this.#state.get().project, found);
    this.#set.edit(project, `Import ${name}`, said(added), marks);
    return true;
  }

  /** Saves the whole set, pictures and labels, as one file. */
  async saveProject(): Promise<void> {
    const text = "Saving the project";
    await this.#notices.run(async (signal, show) => {
      show(text, 0);
      const onProgress = (done: number, total: number): void => show(text, done / total);
      const pictureOf = (id: string): Promise<Blob | undefined> => this.#set.pictureOf(id);
      const { project } = this.#state.get();
      this.#files.save(await this.#files.writeProjectFile(project, pictureOf, { signal, onProgress }));
    }, "nothing was saved; the labels are still here.");
  }

  /** Adds the pictures and labels of a project file to the set. */
  async openProject({ name, blob }: NamedFile): Promise<void> {
    const text = `Opening ${name}`;
    await this.#notices.run(async (signal, show) => {
      show(text);
      const { project, pictures } = await this.#files.readProjectFile(blob, { signal });
      if (!(await this.#takeIn(project, name, () => ""))) return;
      const onProgress = (done: number, total: number): void => show(text, done / total);
      const names = pictures.map((each) => each.name);
      const take = (picture: Blob, facts: NamedImage): Promise<void> => this.#set.addFiled(picture, facts, names);
      const damaged = await this.#files.readPictures(blob, pictures, take, { signal, onProgress });
      const { current, project: now } = this.#state.get();
      const first = now.images[0];
      if (current === null && first) await this.#set.open(first.id);
      const left = damaged.length > 0 ? ` Missing or damaged in it: ${damaged.join(", ")}.` : "";
      this.#notices.say(`Opened ${name}: ${project.images.length} pictures.${left}`);
    }, "nothing that was here is lost.");
  }
}
