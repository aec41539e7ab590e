/**
 * One history of all that a person does: prompts, objects, classes, imports and deletions.
 *
 * A step remembers how things were before and after it. Taking it back applies the way from after to before to what is
 * there now, so that what another window has done meanwhile stays.
 */
import type { LabeledImage, Project } from "../labels/annotations.ts";
import { reconciled } from "../labels/reconcile.ts";
import type { Marks } from "./prompt.ts";

/** What a step can change. */
export interface Moment {
  readonly project: Project;
  /** Id of the open picture's image, or null. */
  readonly current: string | null;
  readonly marks: Marks;
}

/** Something that was done. */
export interface Step {
  readonly before: Moment;
  readonly after: Moment;
  /** What it did, for the menu: "Keep wheel". */
  readonly name: string;
}

/** A step is taken back, or done again. */
export type Way = "undo" | "redo";

/** More steps are forgotten, oldest first: each holds a list of all images, and so its memory. */
const MOST_STEPS = 500;

/** Steps that were done, and steps that were undone since. */
export class History {
  #done: readonly Step[] = [];
  #undone: readonly Step[] = [];

  /** Name of the step that `undo` takes back, or null. */
  get undoable(): string | null {
    return this.#done.at(-1)?.name ?? null;
  }

  /** Name of the step that `redo` does again, or null. */
  get redoable(): string | null {
    return this.#undone.at(-1)?.name ?? null;
  }

  /** Adds a step; undone steps are forgotten. */
  push(step: Step): void {
    this.#done = [...this.#done, step].slice(-MOST_STEPS);
    this.#undone = [];
  }

  /** The step that goes next that way. */
  next(way: Way): Step | undefined {
    return (way === "undo" ? this.#done : this.#undone).at(-1);
  }

  /** @returns how things are to be after the last step is taken back; null when there is none */
  undo(now: Project): Moment | null {
    const step = this.#done.at(-1);
    if (!step) return null;
    this.#done = this.#done.slice(0, -1);
    this.#undone = [...this.#undone, step];
    return { ...step.before, project: moved(step.after.project, step.before.project, now) };
  }

  /** @returns how things are to be after the last undone step is done again; null when there is none */
  redo(now: Project): Moment | null {
    const step = this.#undone.at(-1);
    if (!step) return null;
    this.#undone = this.#undone.slice(0, -1);
    this.#done = [...this.#done, step];
    return { ...step.after, project: moved(step.before.project, step.after.project, now) };
  }

  /** Forgets steps that changed marks alone: they mean nothing once the picture is closed. */
  forgetMarks(): void {
    const isLasting = ({ before, after }: Step): boolean => before.project !== after.project;
    this.#done = this.#done.filter(isLasting);
    this.#undone = this.#undone.filter(isLasting);
  }
}

/** The images that go with a step. */
export function goneWith({ before, after }: Step, way: Way): readonly LabeledImage[] {
  const [from, to] = way === "undo" ? [after.project, before.project] : [before.project, after.project];
  if (from.images === to.images) return [];
  const left = new Set(to.images.map(({ id }) => id));
  return from.images.filter(({ id }) => !left.has(id));
}

/** Applies the way between two projects to a third. */
function moved(from: Project, to: Project, now: Project): Project {
  if (from === to) return now;
  return now === from ? to : reconciled(from, now, to);
}
