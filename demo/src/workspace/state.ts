/** All that the page shows, as plain immutable data. */
import { EMPTY_PROJECT, type LabeledImage, type LabeledObject, type Project, placeOf } from "../labels/annotations.ts";
import type { Merged } from "../labels/importing.ts";
import type { Trouble } from "../storage/label-store.ts";
import type { Answer, MaskLogits } from "./answer.ts";
import { type Marks, NO_MARKS } from "./prompt.ts";
import type { Model } from "./sight.ts";

/** What the pointer does. */
export type Tool = "add" | "remove" | "box" | "paint" | "erase" | "outline" | "corners" | "select";

/** Tools that select and change objects by hand, without the model. */
export const HAND_TOOLS: readonly Tool[] = ["paint", "erase", "outline", "corners", "select"];

/** Work that takes a while. */
export interface Busy {
  readonly text: string;
  /** The share that is done, 0 to 1; null when it is not known. */
  readonly share: number | null;
}

/** A model that can be chosen. */
export interface ModelEntry {
  readonly name: string;
  readonly title: string;
  /** Size, license and the like. */
  readonly details: string;
}

/** Embeddings of pictures that were made elsewhere. */
export interface Embeddings {
  /** How many files of them are here. */
  readonly files: number;
  /** Where they are looked for, too; ends in a slash. */
  readonly address: string | null;
  /** SHA-256 of the pictures whose embedding by the model in use is here. */
  readonly pictures: ReadonlySet<string>;
  /** How many could not be used. */
  readonly refused: number;
}

/** Something that the person has to decide before work goes on. */
export type Question =
  /** Labels of `name`: what becomes of them if they replace what is there, or are added to it; their boxes; what is left out. */
  | {
      readonly kind: "import";
      readonly name: string;
      readonly replacing: Merged;
      readonly adding: Merged;
      readonly boxes: number;
      readonly leftOut: readonly string[];
    }
  /** A class gets the name of another one: they become one. */
  | { readonly kind: "join classes"; readonly from: string; readonly to: string }
  /** All pictures are to be deleted. */
  | { readonly kind: "delete all"; readonly count: number };

/** What the person has set. */
export interface Options {
  /** Whether each click refines the mask before it. */
  readonly refine: boolean;
  /** Whether specks are dropped and small holes filled. */
  readonly settle: boolean;
  /** Opacity of the masks, 0 to 1. */
  readonly opacity: number;
  /** Small things are looked at closer once the pointer rests so many milliseconds after an answer; null for never. */
  readonly rest: number | null;
  /** Diameter of the brush, in pixels of the picture. */
  readonly brush: number;
  /** How much of the brush, from its end to its middle, follows the picture; in hundredths. */
  readonly feather: number;
  /** Whether what is painted and outlined joins the edges of the objects beside it. */
  readonly join: boolean;
  /** What an outline drawn by hand does to the edited object. */
  readonly outline: "add" | "subtract";
  /** How far an outline whose corners are shown may be from the mask, in pixels of the picture. */
  readonly tolerance: number;
  /** How far growing, shrinking and smoothing reach, in pixels of the picture. */
  readonly reach: number;
  /** Everything mode: points along a side, least score, least stability, and the smallest region in pixels. */
  readonly pointsPerSide: number;
  readonly leastScore: number;
  readonly leastStability: number;
  readonly smallestRegion: number;
}

/** See the fields. */
export interface State {
  /** The labels of the set. */
  readonly project: Project;
  /** Id of the open picture's image; null on the welcome, where a sample that is not of the set may be shown. */
  readonly current: string | null;
  /** Counts pictures that were added: one whose labels were here before may be here now. */
  readonly arrivals: number;
  /** The file of the picture that is shown. */
  readonly picture: Blob | null;
  /** Pixels of the picture that is shown. */
  readonly size: { readonly width: number; readonly height: number } | null;
  /** Whether the model has encoded the picture. */
  readonly isEncoded: boolean;

  readonly tool: Tool;
  readonly marks: Marks;
  /** The answer to the marks. While a newer one is awaited it is that to the marks before. */
  readonly answer: Answer | null;
  /** Whether an answer to the marks is awaited, also while the model or the picture is not ready. */
  readonly isAsking: boolean;
  /** Whether what was marked is looked at closer. */
  readonly isLookingCloser: boolean;
  /** The mask under the pointer. */
  readonly preview: MaskLogits | null;
  /** For the keyboard; pixels of the picture. */
  readonly crosshair: { readonly x: number; readonly y: number } | null;

  /** The class of the next object. */
  readonly className: string;
  /** Id of the object that is edited by hand. */
  readonly selected: string | null;
  /** Ids of further objects, which what is done to several objects is done with. */
  readonly others: readonly string[];
  /** Corners of an outline that is being drawn by hand, in pixels of the picture. */
  readonly drawn: readonly { readonly x: number; readonly y: number }[];
  /** Id of the object that is pointed at in the list. */
  readonly pointed: string | null;

  /** What Undo takes back, and what Redo does again. */
  readonly undoable: string | null;
  readonly redoable: string | null;

  /** The model in use. */
  readonly model: Model | null;
  readonly modelName: string;
  readonly models: readonly ModelEntry[];

  readonly embeddings: Embeddings;
  /** Names of folders that the person has to open again before their pictures can be read. */
  readonly closedFolders: readonly string[];

  /** The last thing that was said. */
  readonly said: string;
  /** What went wrong, and what the person can do about it. */
  readonly error: string | null;
  /** Why labels are not kept. */
  readonly trouble: Trouble | null;
  /** Work that the person asked for, and can cancel. */
  readonly task: Busy | null;
  /** A model that is being opened. */
  readonly opening: Busy | null;
  /** Whether the picture is being encoded. */
  readonly isLooking: boolean;
  readonly question: Question | null;
  readonly options: Options;
}

/** Milliseconds: longer than from one click to the next. */
export const REST = 700;

/** Before anything has happened. */
export const FIRST_STATE: State = {
  project: EMPTY_PROJECT,
  current: null,
  arrivals: 0,
  picture: null,
  size: null,
  isEncoded: false,
  tool: "add",
  marks: NO_MARKS,
  answer: null,
  isAsking: false,
  isLookingCloser: false,
  preview: null,
  crosshair: null,
  className: "object",
  selected: null,
  others: [],
  drawn: [],
  pointed: null,
  undoable: null,
  redoable: null,
  model: null,
  modelName: "",
  models: [],
  closedFolders: [],
  embeddings: { files: 0, address: null, pictures: new Set(), refused: 0 },
  said: "",
  error: null,
  trouble: null,
  task: null,
  opening: null,
  isLooking: false,
  question: null,
  options: {
    refine: true,
    settle: true,
    opacity: 0.45,
    rest: REST,
    brush: 12,
    feather: 0,
    join: false,
    outline: "add",
    tolerance: 2,
    reach: 2,
    pointsPerSide: 16,
    leastScore: 0.4,
    leastStability: 0.7,
    smallestRegion: 100,
  },
};

/** The open picture's image. */
export function imageOf({ project, current }: Pick<State, "project" | "current">): LabeledImage | null {
  return project.images[placeOf(project.images, current)] ?? null;
}

const NO_OBJECTS: readonly LabeledObject[] = [];

/** The open picture's objects. */
export function objectsOf(state: Pick<State, "project" | "current">): readonly LabeledObject[] {
  return imageOf(state)?.objects ?? NO_OBJECTS;
}

/** The object that is edited by hand; a locked one is not. */
export function editedOf(state: Pick<State, "project" | "current" | "selected">): LabeledObject | null {
  return objectsOf(state).find(({ id, locked }) => id === state.selected && !locked) ?? null;
}

/** All selected objects, the edited one first; locked ones too. */
export function selectedOf(
  state: Pick<State, "project" | "current" | "selected" | "others">,
): readonly LabeledObject[] {
  const objects = objectsOf(state);
  return [
    ...objects.filter(({ id }) => id === state.selected),
    ...objects.filter(({ id }) => id !== state.selected && state.others.includes(id)),
  ];
}

/** Further selected objects; locked ones stay as they are. */
export function othersOf(state: Pick<State, "project" | "current" | "others">): readonly LabeledObject[] {
  return objectsOf(state).filter(({ id, locked }) => state.others.includes(id) && !locked);
}

/** What the page is busy with, what the person waits for most first. */
export function busyOf({ task, opening, isLooking, current }: State): Busy | null {
  return task ?? opening ?? (isLooking && current !== null ? { text: "Looking at the picture", share: null } : null);
}
