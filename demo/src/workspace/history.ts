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

const OPPOSITE = { undo: "redo", redo: "undo" } as const;

/** Steps that were done, and steps that were undone since. */
export class History {
  /** The steps that go each way, the next one last. */
  #steps: Readonly<Record<Way, readonly Step[]>> = { undo: [], redo: [] };

  /** The step that goes next that way. */
  next(way: Way): Step | undefined {
    return this.#steps[way].at(-1);
  }

  /** Adds a step; undone steps are forgotten. */
  push(step: Step): void {
    this.#steps = { undo: [...this.#steps.undo, step].slice(-MOST_STEPS), redo: [] };
  }

  /** Goes the next step that way. @returns how things are to be after it; null when there is none */
  travel(way: Way, now: Project): Moment | null {
    const step = this.next(way);
    if (!step) return null;
    const back = OPPOSITE[way];
    this.#steps = {
      ...this.#steps,
      [way]: this.#steps[way].slice(0, -1),
      [back]: [...this.#steps[back], step],
    };
    const [from, to] = endsOf(step, way);
    return { ...to, project: moved(from.project, to.project, now) };
  }

  /** Forgets steps that changed marks alone: they mean nothing once the picture is closed. */
  forgetMarks(): void {
    const isLasting = ({ before, after }: Step): boolean => before.project !== after.project;
    this.#steps = { undo: this.#steps.undo.filter(isLasting), redo: this.#steps.redo.filter(isLasting) };
  }
}

/** Where a step starts that way, and where it leads. */
function endsOf({ before, after }: Step, way: Way): readonly [from: Moment, to: Moment] {
  return way === "undo" ? [after, before] : [before, after];
}

/** The images that go with a step. */
export function goneWith(step: Step, way: Way): readonly LabeledImage[] {
  const [{ project: from }, { project: to }] = endsOf(step, way);
  if (from.images === to.images) return [];
  const left = new Set(to.images.map(({ id }) => id));
  return from.images.filter(({ id }) => !left.has(id));
}

/** Applies the way between two projects to a third. */
function moved(from: Project, to: Project, now: Project): Project {
  if (from === to) return now;
  return now === from ? to : reconciled(from, now, to);
}
