/** Annotorious 3: a click on the picture becomes a polygon annotation. */
import type { ImageAnnotation, ImageAnnotator, MultiPolygonElement, Shape, ShapeType } from "@annotorious/annotorious";
import { type Mask, maskToPolygons, type Ring, Sam2Error, type Segmenter } from "sam2-web";
import { Clicks } from "./clicks.ts";

/** Options of `mountSam2`. */
export interface AnnotoriousOptions {
  /** Answers the clicks; stays yours. */
  readonly segmenter: Segmenter;
  /** How far outlines are simplified, in pixels of the image; 1 by default. */
  readonly tolerance?: number | undefined;
  /** Called where a click could not be answered. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** What `mountSam2` gives. */
export interface AnnotoriousPlugin {
  /** Whether clicks segment (as at first), or are Annotorious' own. */
  setEnabled(isEnabled: boolean): void;
  /** Takes the plug-in away; annotations stay. */
  destroy(): void;
}

/** An object that is being marked. */
interface Marked {
  /** Of its annotation. */
  readonly id: string;
  /** Clicks on it. */
  clicks: number;
  /** Which of them was answered last. */
  answered: number;
}

type Bounds = Shape["geometry"]["bounds"];

function boundsOf(rings: readonly Ring[]): Bounds {
  const [xs, ys] = [0, 1].map((axis) => rings.flatMap((ring) => ring.map((corner) => corner[axis] as number)));
  const ends = (values: number[] = []): [number, number] =>
    values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const [[minX, maxX], [minY, maxY]] = [ends(xs), ends(ys)];
  return { minX, minY, maxX, maxY };
}

/**
 * A mask as an Annotorious selector: a polygon, or a multi-polygon where it has holes or several pieces. Null where the
 * mask is empty.
 *
 * @example
 * ```ts
 * toSelector(result.mask()); // { type: "POLYGON", geometry: { points, bounds } }
 * ```
 */
export function toSelector(mask: Mask, tolerance = 1): Shape | null {
  const pieces = maskToPolygons(mask, { tolerance });
  const [first] = pieces;
  if (!first) return null;
  const bounds = boundsOf(pieces.map(({ outer }) => outer));
  const points = (ring: Ring): [number, number][] => ring.map(([x, y]) => [x, y]);
  if (pieces.length === 1 && first.holes.length === 0) {
    return { type: "POLYGON" as ShapeType, geometry: { points: points(first.outer), bounds } as Shape["geometry"] };
  }
  const polygons: MultiPolygonElement[] = pieces.map(({ outer, holes }) => ({
    rings: [outer, ...holes].map((ring) => ({ points: points(ring) })),
    bounds: boundsOf([outer]),
  }));
  return { type: "MULTIPOLYGON" as ShapeType, geometry: { polygons, bounds } as Shape["geometry"] };
}

/**
 * Turns clicks into annotations: a click makes one and selects it; with Shift it adds to it, with Alt it takes from it.
 * Annotorious' undo and events work as for shapes drawn by hand.
 *
 * @param annotator what `createImageAnnotator` made, with Annotorious' own data (no adapter)
 * @throws InvalidImageError where the annotator is over neither an `<img>` nor a `<canvas>`
 *
 * @example
 * ```ts
 * import { createImageAnnotator } from "@annotorious/annotorious";
 *
 * const annotator = createImageAnnotator("photo");
 * const plugin = mountSam2(annotator, { segmenter });
 * annotator.on("createAnnotation", (annotation) => console.info(annotation.target.selector));
 * ```
 */
export function mountSam2(annotator: ImageAnnotator, options: AnnotoriousOptions): AnnotoriousPlugin {
  const { segmenter, tolerance = 1, onError } = options;
  const picture = annotator.element.querySelector<HTMLImageElement | HTMLCanvasElement>("img, canvas");
  if (!picture) {
    throw new Sam2Error("InvalidImageError", "expected an annotator over an <img> or a <canvas>, found neither");
  }
  const clicks = new Clicks();
  const { store, selection } = annotator.state;
  let current: Marked | null = null;
  let stop: AbortController | null = null;

  async function click(event: MouseEvent, signal: AbortSignal): Promise<void> {
    const box = (picture as HTMLElement).getBoundingClientRect();
    const [width, height] =
      picture instanceof HTMLImageElement
        ? [picture.naturalWidth, picture.naturalHeight]
        : [picture?.width ?? 0, picture?.height ?? 0];
    const [x, y] = [
      ((event.clientX - box.left) / box.width) * width,
      ((event.clientY - box.top) / box.height) * height,
    ];
    const { prompt, goesOn } = clicks.add(x, y, event);
    const object: Marked = (goesOn && current) || { id: crypto.randomUUID(), clicks: 0, answered: 0 };
    current = object;
    const { id } = object;
    const turn = ++object.clicks;
    const wasThere = store.getAnnotation(id) !== undefined;
    const result = await segmenter.segment({ image: picture as HTMLImageElement, ...prompt }, { signal });
    const selector = toSelector(result.mask(), tolerance);
    const known = store.getAnnotation(id);
    const isDeleted = wasThere && !known;
    if (!selector || turn < object.answered || isDeleted) return;
    object.answered = turn;
    const target = { annotation: id, selector, creator: annotator.getUser(), created: new Date() };
    if (known) store.updateTarget({ ...known.target, selector });
    else store.addAnnotation({ id, bodies: [], target } as ImageAnnotation);
    // the person may have gone on to another object
    if (current === object) selection.setSelected(id, true);
  }

  function setEnabled(isEnabled: boolean): void {
    if (isEnabled === (stop !== null)) return;
    stop?.abort();
    stop = null;
    clicks.forget();
    annotator.setDrawingEnabled(!isEnabled);
    if (!isEnabled) return;
    stop = new AbortController();
    const { signal } = stop;
    const listener = (event: MouseEvent): void => {
      event.stopPropagation();
      click(event, signal).catch((error: Error) => {
        if (error.name !== "AbortError") onError?.(error);
      });
    };
    // before Annotorious hears of it, and takes it for a selection
    annotator.element.addEventListener("click", listener, { capture: true, signal });
  }

  setEnabled(true);
  return { setEnabled, destroy: () => setEnabled(false) };
}
