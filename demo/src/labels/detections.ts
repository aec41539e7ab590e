/** What detectors find: boxes and outlines with scores, which become masks. Here they find their pictures. */
import { findImage, type LabeledImage } from "./annotations.ts";
import type { WithForeign } from "./foreign.ts";
import { composed, distinct, distinctStems, safe } from "./names.ts";

/** A box or an outline. */
export interface Detection extends WithForeign {
  readonly className: string;
  /** 0 to 1; null where the file has none. */
  readonly score: number | null;
  /** A box: x1, y1, x2, y2; or the corners of an outline: x and y in turn. */
  readonly shape: readonly number[];
}

/** The detections of a picture, as a file has them. */
export interface DetectedImage {
  /** Name or path of the picture; some formats leave its ending out. */
  readonly name: string;
  /** Null where the file does not say it. */
  readonly size: { readonly width: number; readonly height: number } | null;
  /** What shapes are counted in. */
  readonly unit: "pixels" | "shares";
  readonly detections: readonly Detection[];
}

/** The detections of a picture of the set, in its pixels. */
export interface PlacedDetections {
  readonly image: LabeledImage;
  readonly detections: readonly Detection[];
}

const stem = (name: string): string => composed(name.replaceAll("\\", "/").replace(/\.[^./]*$/, ""));

/** How many parts two paths have in common, from their ends; more than any other where they are the same. */
function agreement(a: string, b: string): number {
  if (a === b) return Number.POSITIVE_INFINITY;
  const [one, other] = [a.split("/").reverse(), b.split("/").reverse()];
  const differs = one.findIndex((part, i) => part !== other[i]);
  return differs < 0 ? one.length : differs;
}

const lastPart = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The items by the last part of their paths. */
function byLastPart<T extends { readonly path: string }>(items: readonly T[]): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const item of items) {
    const last = lastPart(item.path);
    const alike = found.get(last);
    if (alike) alike.push(item);
    else found.set(last, [item]);
  }
  return found;
}

/** Whether the picture of an image is here, not only its labels. */
const isHere = ({ sha256 }: LabeledImage): boolean => sha256 !== null;

/**
 * Finds images by paths without their endings: `labels/train/1` is that of `images/train/1.jpg`. The image whose path agrees
 * longest from its end, if it is only one, and if none of the other paths agrees with it longer. An image's path is its own, or
 * what an export made of it. An export numbers images of one name: where all of these numbers are among the paths, they count.
 */
function finderByStem(
  images: readonly LabeledImage[],
  names: readonly string[],
): (name: string) => LabeledImage | undefined {
  const exported = distinct(images.map(({ name }) => name)).map(composed);
  // this page once replaced more in the names of files than it does now
  const [now, once] = [distinctStems(exported), distinctStems(exported, safe)];
  const places = byLastPart(
    images.flatMap((image, i) => {
      const numbered = now[i] as string;
      const paths = new Set([stem(image.name), numbered, once[i] as string]);
      return [...paths].map((path) => ({ path, image, numbered }));
    }),
  );
  const paths = new Set(names.map(stem));
  const wanted = byLastPart([...paths].map((path) => ({ path })));
  return (name) => {
    const path = stem(name);
    const near = places.get(lastPart(path)) ?? [];
    const called = near.filter((place) => place.path === path);
    if (called.length > 1 && called.every(({ numbered }) => paths.has(numbered))) {
      return called.find(({ image, numbered }) => numbered === path && isHere(image))?.image;
    }
    const alike = near
      .filter(({ image }) => isHere(image))
      .map((place) => ({ ...place, agrees: agreement(place.path, path) }));
    const most = Math.max(...alike.map(({ agrees }) => agrees));
    const best = alike.filter(({ agrees }) => agrees === most);
    const [image, ...others] = new Set(best.map((place) => place.image));
    if (!image || others.length > 0) return undefined;
    const isAnothers = best.some((place) =>
      wanted.get(lastPart(place.path))?.some((other) => agreement(other.path, place.path) > most),
    );
    return isAnothers ? undefined : image;
  };
}

/**
 * Finds the pictures of detections, of those that are here.
 *
 * @param images all of the set, which an export numbers together
 * @returns what has a picture, and what is left out, each with the reason
 */
export function placed(
  images: readonly LabeledImage[],
  found: readonly DetectedImage[],
): { readonly placed: readonly PlacedDetections[]; readonly leftOut: readonly string[] } {
  const names = [...new Set(found.map(({ name }) => name))];
  const imageByStem = finderByStem(images, names);
  const here = images.filter(isHere);
  const leftOut: string[] = [];
  const byImage = new Map<LabeledImage, Detection[]>();
  for (const { name, size, unit, detections } of found) {
    if (detections.length === 0) continue;
    const byStem = imageByStem(name);
    const isOfSize = size === null || (byStem?.width === size.width && byStem.height === size.height);
    const image = (size && findImage(here, { name, ...size }, names)) ?? (isOfSize ? byStem : undefined);
    if (!image) {
      const why = byStem
        ? `the picture here has ${byStem.width}×${byStem.height} pixels`
        : "no picture here, or more than one, has this name";
      leftOut.push(`${detections.length} of ${name}: ${why}`);
      continue;
    }
    const kept = byImage.get(image) ?? [];
    byImage.set(image, kept);
    let outside = 0;
    for (const detection of detections) {
      const shape = inPicture(detection.shape, unit, image);
      if (shape) kept.push({ ...detection, shape });
      else outside++;
    }
    if (outside > 0) leftOut.push(`${outside} of ${name}: empty, or outside of the picture`);
  }
  const all = [...byImage].map(([image, detections]) => ({ image, detections }));
  return { placed: all.filter(({ detections }) => detections.length > 0), leftOut };
}

/** A shape in pixels, a box cut to the picture; null where nothing is left of it. */
function inPicture(
  shape: readonly number[],
  unit: DetectedImage["unit"],
  { width, height }: LabeledImage,
): readonly number[] | null {
  const pixels = shape.map((value, i) => (unit === "shares" ? value * (i % 2 === 0 ? width : height) : value));
  if (!pixels.every(Number.isFinite)) return null;
  const within = pixels.map((value, i) => Math.min(Math.max(value, 0), i % 2 === 0 ? width : height));
  const [xs, ys] = [0, 1].map((axis) => within.filter((_, i) => i % 2 === axis)) as [number[], number[]];
  const isThick = (values: readonly number[]): boolean => Math.max(...values) - Math.min(...values) >= 1;
  if (!isThick(xs) || !isThick(ys)) return null;
  if (pixels.length > 4) return pixels;
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
