/** Reviewing: which objects are to be looked at, in which order, and what a set holds. */
import { rleArea } from "sam2-web";
import type { LabeledImage, LabeledObject, Project } from "./annotations.ts";

/** What is wanted of a list of objects. */
export interface ObjectFilter {
  readonly text: string;
  /** Empty for all. */
  readonly className: string;
  readonly state: "all" | "unchecked" | "hidden" | "locked";
  /** Only objects with scores of at most this. */
  readonly mostScore: number;
  /** Only objects of at most this share of the picture. */
  readonly mostShare: number;
}

/** All objects. */
export const ALL_OBJECTS: ObjectFilter = { text: "", className: "", state: "all", mostScore: 1, mostShare: 1 };

/** Whether an object waits to be looked at: it was made from a score, and nobody has agreed to it. */
export function isUnchecked({ score, checked }: LabeledObject): boolean {
  return score !== undefined && !checked;
}

/** Whether a filter wants an object. */
export function isWanted(object: LabeledObject, filter: ObjectFilter): boolean {
  const { className, name, hidden, locked, score, rle } = object;
  const [height, width] = rle.size;
  return (
    `${className} ${name}`.toLowerCase().includes(filter.text.trim().toLowerCase()) &&
    (filter.className === "" || className === filter.className) &&
    (filter.state === "all" ||
      (filter.state === "unchecked" && isUnchecked(object)) ||
      (filter.state === "hidden" && hidden) ||
      (filter.state === "locked" && locked)) &&
    (filter.mostScore >= 1 || (score !== undefined && score <= filter.mostScore)) &&
    (filter.mostShare >= 1 || rleArea(rle) <= filter.mostShare * width * height)
  );
}

/** How far the review of a picture is; pictures that nobody has said anything about are to do. */
export type ReviewState = "to do" | "done" | "needs a look";

/** The state of a picture. */
export function reviewOf({ review }: LabeledImage): ReviewState {
  return review ?? "to do";
}

/** An object that waits to be looked at. */
export interface Waiting {
  readonly image: string;
  readonly object: string;
  readonly score: number;
}

/** All objects that wait to be looked at, the most doubtful first. */
export function reviewQueue({ images }: Project): readonly Waiting[] {
  return images
    .flatMap(({ id, objects }) =>
      objects
        .filter(isUnchecked)
        .map((object): Waiting => ({ image: id, object: object.id, score: object.score ?? 0 })),
    )
    .sort((a, b) => a.score - b.score);
}

/** The largest shares of a picture that sizes of objects are counted by. */
export const SIZES: readonly (readonly [string, number])[] = [
  ["under 1 %", 0.01],
  ["1 to 5 %", 0.05],
  ["5 to 20 %", 0.2],
  ["over 20 %", Number.POSITIVE_INFINITY],
];

/** What a set holds, in numbers. */
export interface Overview {
  readonly states: Readonly<Record<ReviewState, number>>;
  readonly objects: number;
  readonly unchecked: number;
  /** Objects by class, in the order of the classes. */
  readonly classes: readonly { readonly name: string; readonly color: string; readonly count: number }[];
  /** Objects by their share of the picture. */
  readonly sizes: readonly { readonly name: string; readonly count: number }[];
  /** Seconds spent on all pictures, and on a picture in the middle of those with objects. */
  readonly seconds: number;
  readonly medianSeconds: number;
}

/** Counts a set. */
export function overviewOf({ classes, images }: Project): Overview {
  const states: Record<ReviewState, number> = { "to do": 0, "needs a look": 0, done: 0 };
  const ofClass = new Map<string, number>();
  const ofSize = SIZES.map(() => 0);
  let [objects, unchecked] = [0, 0];
  for (const image of images) {
    states[reviewOf(image)]++;
    for (const object of image.objects) {
      objects++;
      if (isUnchecked(object)) unchecked++;
      ofClass.set(object.className, (ofClass.get(object.className) ?? 0) + 1);
      const share = rleArea(object.rle) / (image.width * image.height);
      (ofSize[SIZES.findIndex(([, most]) => share < most)] as number)++;
    }
  }
  const times = images
    .filter((image) => image.objects.length > 0 && image.seconds !== undefined)
    .map(({ seconds = 0 }) => seconds)
    .sort((a, b) => a - b);
  return {
    states,
    objects,
    unchecked,
    classes: classes.map(({ name, color }) => ({ name, color, count: ofClass.get(name) ?? 0 })),
    sizes: SIZES.map(([name], i) => ({ name, count: ofSize[i] as number })),
    seconds: images.reduce((sum, { seconds = 0 }) => sum + seconds, 0),
    medianSeconds: times[Math.floor(times.length / 2)] ?? 0,
  };
}
