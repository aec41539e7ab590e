/** What a person can do: everything that a button, a key or the pointer asks for. */
import { type Rle, rleArea } from "sam2-web";
import { type LabeledObject, nameAfter, newObject } from "../labels/annotations.ts";
import { counted } from "../labels/counted.ts";
import type { LabelStore } from "../storage/label-store.ts";
import { type Answer, candidateCount, rleOfAnswer } from "./answer.ts";
import { Asking, type Surroundings } from "./asking.ts";
import { Boxes } from "./boxes.ts";
import { Editing } from "./editing.ts";
import { type ListedModel, Models, type OpenModel } from "./models.ts";
import { Notices } from "./notices.ts";
import { Observable } from "./observable.ts";
import { type Measure, type NamedFile, PictureSet } from "./picture-set.ts";
import { type Box, isEmpty, type Marks, NO_MARKS } from "./prompt.ts";
import { Reviewing } from "./reviewing.ts";
import { Selection } from "./selection.ts";
import { editedOf, FIRST_STATE, HAND_TOOLS, imageOf, type Options, objectsOf, type State, type Tool } from "./state.ts";
import { StoredEmbeddings } from "./stored-embeddings.ts";
import { type Files, Transfer } from "./transfer.ts";

/** What the workspace needs of the browser. */
export interface WorkspaceParts {
  readonly store: LabelStore;
  readonly measure: Measure;
  readonly openModel: OpenModel;
  readonly models: readonly ListedModel[];
  readonly files: Files;
  readonly surroundings: Surroundings;
}

/** The shares of the picture's longer side that the crosshair moves by. */
const CROSSHAIR_STEPS = 64;

/** The state, and what can be done to it. It knows no page. */
export class Workspace {
  readonly state: Observable<State> = new Observable(FIRST_STATE);
  readonly notices: Notices = new Notices(this.state);
  readonly set: PictureSet;
  readonly models: Models;
  readonly transfer: Transfer;
  readonly editing: Editing;
  readonly reviewing: Reviewing;
  readonly selection: Selection;
  readonly embeddings: StoredEmbeddings;
  readonly #asking: Asking;
  /** The name of the sample that is shown on the welcome. */
  #sample = "";
  /** Until the sample is of the set. */
  #adding: Promise<void> | null = null;
  /** Id of the sample, from when it is of the set until another picture is opened. */
  #tried: string | null = null;

  readonly #store: LabelStore;

  constructor({ store, measure, openModel, models, files, surroundings }: WorkspaceParts) {
    this.#store = store;
    this.set = new PictureSet(this.state, this.notices, store, measure);
    this.embeddings = new StoredEmbeddings(this.state, this.notices);
    this.#asking = new Asking(this.state, this.notices, this.set, this.embeddings, surroundings);
    this.editing = new Editing(this.state, this.notices, this.set);
    this.reviewing = new Reviewing(this.state, this.notices, this.set, (act) => this.#asking.inTurn(act));
    this.selection = new Selection(this.state, this.notices, this.set);
    this.state.subscribe(() => this.#dropTried());
    this.models = new Models(this.state, this.notices, openModel, models);
    this.transfer = new Transfer(
      this.state,
      this.notices,
      this.set,
      new Boxes(this.state, this.notices, this.set),
      files,
    );
  }

  /** Goes on where the person left off, with the embeddings of folders that are open. */
  async resume(): Promise<void> {
    await this.#takeEmbeddings();
    await this.set.resume();
  }

  /** Asks the person for the folders that were in use; to be called when a button is pressed. */
  async openFolders(): Promise<void> {
    await this.set.openFolders();
    await this.#takeEmbeddings();
  }

  async #takeEmbeddings(): Promise<void> {
    const files = await this.#store.embeddings();
    if (files.length > 0) await this.embeddings.add(files);
  }

  /** Chooses what the pointer does. */
  chooseTool(tool: Tool): void {
    if (HAND_TOOLS.includes(tool)) this.leave();
    this.state.update({ tool, drawn: [] });
  }

  /** Sets options. */
  setOptions(options: Partial<Options>): void {
    this.state.update({ options: { ...this.state.get().options, ...options } });
  }

  /** Runs `act` once nothing waits, neither for the sample to be added, nor for an answer. */
  #inTurn(act: () => void): void {
    if (this.#adding) void this.#adding.then(() => this.#inTurn(act));
    else this.#asking.inTurn(act);
  }

  /** A sample that was only tried, and holds no object, leaves the set when another picture is opened. */
  #dropTried(): void {
    const { current } = this.state.get();
    const tried = this.#tried;
    if (tried === null || current === null || current === tried) return;
    this.#tried = null;
    this.set.drop(tried);
  }

  // -- prompts ------------------------------------------------------------------------------------

  /** Shows a sample on the welcome; the first mark on it adds it to the set. @throws an error that says why it is refused */
  async showSample({ name, blob }: NamedFile): Promise<void> {
    this.#sample = name;
    await this.set.showSample(blob);
  }

  /** Adds a point, in pixels of the picture. */
  addPoint(x: number, y: number, positive: boolean): void {
    const { size } = this.state.get();
    if (!size || x < 0 || y < 0 || x >= size.width || y >= size.height) return;
    const name = positive ? "Add a point" : "Remove with a point";
    this.#mark((marks) => ({ ...marks, points: [...marks.points, { x, y, positive }] }), name);
  }

  /** Draws the box, in pixels of the picture; the part of it outside the picture is cut off. */
  drawBox([x1, y1, x2, y2]: Box): void {
    const { size } = this.state.get();
    if (!size) return;
    const within = (value: number, most: number): number => Math.min(Math.max(value, 0), most);
    const [left, right] = [within(Math.min(x1, x2), size.width), within(Math.max(x1, x2), size.width)];
    const [top, bottom] = [within(Math.min(y1, y2), size.height), within(Math.max(y1, y2), size.height)];
    if (right - left < 1 || bottom - top < 1) return;
    this.#mark((marks) => ({ ...marks, box: [left, top, right, bottom] }), "Draw a box");
  }

  /** Adds to the marks; to those of the next object, if these are to be kept once they are answered. */
  #mark(added: (marks: Marks) => Marks, name: string): void {
    const mark = (): void => {
      const { marks: before } = this.state.get();
      const marks = added(before);
      this.#asking.refines(marks, before);
      this.set.mark(marks, name);
    };
    this.#inTurn(() => {
      const { current, picture } = this.state.get();
      if (current === null && picture) this.#addSample(picture, mark);
      else mark();
    });
  }

  /** Makes the sample a picture of the set, then does something with it, unless another picture is open by then. */
  #addSample(blob: Blob, act: () => void): void {
    this.#adding = this.set.add([{ name: this.#sample, blob }]).then((id) => {
      this.#adding = null;
      this.#tried = id;
      if (id !== null && id === this.state.get().current) act();
    });
  }

  /** Removes all marks. */
  clear(): void {
    if (!isEmpty(this.state.get().marks)) this.set.mark(NO_MARKS, "Clear the prompt");
  }

  /** Cancels what is going on; else clears the marks; else ends the editing of an object. */
  escape(): void {
    if (this.notices.isCancellable) this.notices.cancel();
    else if (this.state.get().drawn.length > 0) this.state.update({ drawn: [] });
    else if (!isEmpty(this.state.get().marks)) this.clear();
    else this.select(null);
    this.state.update({ crosshair: null });
  }

  /** Shows the mask under a point, in pixels of the picture, or none. */
  hover(x: number, y: number): void {
    const { marks, size, tool } = this.state.get();
    const isInside = size && x >= 0 && y >= 0 && x < size.width && y < size.height;
    const isWanted = isInside && isEmpty(marks) && !HAND_TOOLS.includes(tool);
    void this.#asking.hover(isWanted && !this.notices.isCancellable ? { x, y } : null);
  }

  /** The pointer has left the picture. */
  leave(): void {
    void this.#asking.hover(null);
  }

  /** Looks closer at what is marked. */
  lookCloser(): void {
    this.withAnswer(() => this.#asking.lookCloser());
  }

  /** Does something with the answer to the marks as they are now, once it is there. */
  withAnswer(act: (answer: Answer) => void): void {
    const withIt = (): void => {
      const { answer } = this.state.get();
      if (answer) act(answer);
    };
    this.#inTurn(() => this.#asking.whenAnswered(withIt));
  }

  /** Shows another candidate, from 0. */
  choose(index: number): void {
    this.#asking.choose(index);
  }

  /** Shows the next candidate. */
  chooseNext(): void {
    const { answer } = this.state.get();
    if (answer) this.#asking.choose((answer.chosen + 1) % candidateCount(answer));
  }

  /** Moves the crosshair by steps. */
  moveCrosshair(dx: number, dy: number): void {
    const { crosshair, size } = this.state.get();
    if (!size) return;
    const from = crosshair ?? { x: size.width / 2, y: size.height / 2 };
    const unit = Math.max(size.width, size.height) / CROSSHAIR_STEPS;
    const moved = (at: number, by: number, most: number): number => Math.min(Math.max(at + by * unit, 0), most - 1);
    this.state.update({ crosshair: { x: moved(from.x, dx, size.width), y: moved(from.y, dy, size.height) } });
  }

  /** Does at the crosshair, in the picture's middle at first, what the tool does where it is clicked: adds or removes. */
  addAtCrosshair(positive: boolean): void {
    this.moveCrosshair(0, 0);
    const { crosshair, size, tool } = this.state.get();
    if (!crosshair || !size) return;
    const reach = Math.max(size.width, size.height) / CROSSHAIR_STEPS;
    if (tool === "corners" && positive) this.editing.addCorner(crosshair, reach);
    else if (tool === "corners") this.editing.removeCorner(crosshair, reach);
    else if (tool === "outline" && positive) this.editing.drawCorner(crosshair, reach / 2);
    else if (tool === "outline") this.editing.takeBackCorner();
    else if (tool === "select") this.editing.selectAt(crosshair, !positive);
    else this.addPoint(crosshair.x, crosshair.y, positive);
  }

  // -- objects ------------------------------------------------------------------------------------

  /**
   * Makes the mask an object of the chosen class, and is ready for the next. A mask that is awaited is kept when it comes.
   * An outline that is being drawn by hand is closed.
   */
  keep(): void {
    if (this.state.get().drawn.length > 0) this.editing.closeOutline();
    else this.#keepMask();
  }

  #keepMask(): void {
    const { className: chosen, project } = this.state.get();
    this.#turnToNext();
    this.withAnswer((answer) => {
      // the class may be renamed while the answer is awaited, or become one with another
      const className = nameAfter(chosen, project.classes, this.set.project.classes) ?? this.state.get().className;
      const object = newObject(className, rleOfAnswer(answer));
      if (rleArea(object.rle) === 0) {
        this.notices.say("There is no pixel in this mask.");
        return;
      }
      this.set.setObjects([...objectsOf(this.state.get()), object], `Keep ${className}`, (isKept) =>
        isKept ? `Kept as ${className}.` : `Kept as ${className}, in this window only.`,
      );
    });
  }

  /** Adds the mask to the edited object, or subtracts it. A mask that is awaited is added when it comes. */
  combine(how: "add" | "subtract"): void {
    const edited = editedOf(this.state.get());
    if (!edited) return;
    this.#turnToNext();
    this.withAnswer((answer) => this.editing.combine(edited.id, rleOfAnswer(answer), how));
  }

  /** The next click is on another thing, of which there is nothing yet to remove from. */
  #turnToNext(): void {
    if (this.state.get().tool === "remove") this.chooseTool("add");
  }

  /**
   * Chooses the class of the next object by its place, from 0, if there are as many. While several objects are selected,
   * or while they are being selected, it becomes theirs.
   */
  chooseClass(index: number): void {
    const { project, tool, selected, others } = this.state.get();
    const { name } = project.classes[index] ?? {};
    if (name === undefined) return;
    if (selected !== null && (others.length > 0 || tool === "select")) {
      this.selection.setClass(name);
      return;
    }
    this.set.chooseClass(name);
    this.notices.say(`The next object is ${name}.`);
  }

  /** Selects an object to be edited by hand, or none. */
  select(selected: string | null): void {
    this.state.update({ selected, others: [] });
  }

  /** Selects one more object, or no longer: what is done to several objects is done with it. */
  selectAlso(id: string): void {
    const { selected, others } = this.state.get();
    if (selected === null) this.select(id);
    else if (others.includes(id)) this.state.update({ others: others.filter((each) => each !== id) });
    else if (id !== selected) this.state.update({ others: [...others, id] });
  }

  /** Points at an object, which is then drawn stronger, or at none. */
  point(pointed: string | null): void {
    this.state.update({ pointed });
  }

  /** Every mask of everything mode becomes an object, in one step. */
  async everything(): Promise<void> {
    const sight = this.#asking.sight;
    const image = imageOf(this.state.get());
    if (!sight || !image) return;
    const { pointsPerSide, leastScore, leastStability, smallestRegion } = this.state.get().options;
    await this.notices.run(async (signal, show) => {
      show("Everything in the picture", 0);
      const found = await sight.model.segmentEverything(sight.image, {
        points_per_side: pointsPerSide,
        pred_iou_thresh: leastScore,
        stability_score_thresh: leastStability,
        min_mask_region_area: smallestRegion,
        signal: AbortSignal.any([signal, sight.signal]),
        onProgress: ({ done, total, masks }) => show(`Everything: ${counted(masks.length, "mask")}`, done / total),
      });
      const { className } = this.state.get();
      const made = found
        .filter(({ area }) => area > 0)
        .sort((a, b) => b.area - a.area)
        .map(({ segmentation, predicted_iou: score }): LabeledObject => {
          return { ...newObject(className, segmentation as Rle), score };
        });
      const objects = objectsOf(this.state.get());
      const review = made.length > 0 ? "needs a look" : undefined;
      this.set.setObjects([...objects, ...made], "Find everything", `${counted(made.length, "object")} found.`, review);
    }, "the picture is still there; try other numbers.");
  }

  // -- pictures -----------------------------------------------------------------------------------

  /** Opens a picture of the set, once what waits for the model's answer is done. */
  open(id: string): void {
    this.#asking.inTurn(() => void this.set.open(id));
  }

  /** Opens a picture by its place relative to the open one, likewise. */
  step(by: number): void {
    this.#asking.inTurn(() => this.set.step(by));
  }

  /** Deletes the open picture with its labels, likewise. */
  deletePicture(): void {
    this.#asking.inTurn(() => {
      const image = imageOf(this.state.get());
      if (image) void this.set.delete([image]);
    });
  }

  /** Deletes all pictures, once the person has agreed. */
  async deleteAll(): Promise<void> {
    const { images } = this.state.get().project;
    if (images.length === 0) return;
    if ((await this.notices.ask({ kind: "delete all", count: images.length })) !== "delete") return;
    await this.set.delete(images);
  }
}
