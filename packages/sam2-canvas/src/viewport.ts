/**
 * Where the picture is on the screen. Two kinds of coordinates: *image* pixels, where pixel i covers [i, i+1); and
 * *view* coordinates, CSS pixels from the top left corner of the canvas.
 */

/** Width and height. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A place, in image pixels or in view coordinates. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** x1, y1, x2, y2 in image pixels; x1 ≤ x2, y1 ≤ y2. */
export type Box = readonly [number, number, number, number];

/** How image pixels become view coordinates: `view = image * scale + (left, top)`. */
export interface Viewport {
  /** CSS pixels per image pixel. */
  readonly scale: number;
  /** View coordinates of the picture's left edge. */
  readonly left: number;
  /** View coordinates of the picture's top edge. */
  readonly top: number;
}

/** The limits of `scale`. */
export interface ZoomLimits {
  readonly min: number;
  readonly max: number;
}

/** Part of the view that a fitted picture takes at most. */
const FILL = 0.98;
/** CSS pixels of the picture that stay in view however far it is moved. */
const KEPT = 48;

/**
 * View coordinates → image pixels.
 *
 * @example
 * ```ts
 * toImage({ scale: 2, left: 10, top: 0 }, { x: 30, y: 40 }); // { x: 10, y: 20 }
 * ```
 */
export function toImage({ scale, left, top }: Viewport, { x, y }: Place): Place {
  return { x: (x - left) / scale, y: (y - top) / scale };
}

/**
 * Image pixels → view coordinates.
 *
 * @example
 * ```ts
 * toView({ scale: 2, left: 10, top: 0 }, { x: 10, y: 20 }); // { x: 30, y: 40 }
 * ```
 */
export function toView({ scale, left, top }: Viewport, { x, y }: Place): Place {
  return { x: x * scale + left, y: y * scale + top };
}

/**
 * The viewport that shows a box of the picture, or all of it, centered and as large as it fits.
 *
 * @param view CSS pixels of the canvas
 *
 * @example
 * ```ts
 * fitted({ width: 400, height: 300 }, { width: 800, height: 800 }); // { scale: 1.96, … }
 * ```
 */
export function fitted(picture: Size, view: Size, box: Box = [0, 0, picture.width, picture.height]): Viewport {
  const [x1, y1, x2, y2] = box;
  const scale = Math.min(view.width / Math.max(x2 - x1, 1), view.height / Math.max(y2 - y1, 1)) * FILL;
  return {
    scale,
    left: view.width / 2 - ((x1 + x2) / 2) * scale,
    top: view.height / 2 - ((y1 + y2) / 2) * scale,
  };
}

/**
 * How far one may zoom: from half of the fitted size (at most 1) to 32 screen pixels for an image pixel.
 *
 * @param ratio `devicePixelRatio`
 *
 * @example
 * ```ts
 * zoomLimits({ width: 4000, height: 3000 }, { width: 800, height: 600 }, 1); // { min: 0.098, max: 32 }
 * ```
 */
export function zoomLimits(picture: Size, view: Size, ratio: number): ZoomLimits {
  const whole = fitted(picture, view).scale;
  return { min: Math.min(whole / 2, 1 / ratio), max: Math.max(32 / ratio, whole) };
}

/**
 * Zooms by a factor; the place `about`, in view coordinates, stays where it is.
 *
 * @example
 * ```ts
 * zoomed({ scale: 1, left: 0, top: 0 }, 2, { x: 50, y: 50 }, { min: 0.1, max: 32 }); // { scale: 2, left: -50, top: -50 }
 * ```
 */
export function zoomed(viewport: Viewport, factor: number, about: Place, { min, max }: ZoomLimits): Viewport {
  const scale = Math.min(Math.max(viewport.scale * factor, min), max);
  const applied = scale / viewport.scale;
  return {
    scale,
    left: about.x - (about.x - viewport.left) * applied,
    top: about.y - (about.y - viewport.top) * applied,
  };
}

/**
 * Moves the picture by CSS pixels.
 *
 * @example
 * ```ts
 * panned({ scale: 1, left: 0, top: 0 }, 5, -5); // { scale: 1, left: 5, top: -5 }
 * ```
 */
export function panned({ scale, left, top }: Viewport, dx: number, dy: number): Viewport {
  return { scale, left: left + dx, top: top + dy };
}

/**
 * The nearest viewport in which a part of the picture, at least 48 CSS pixels wide and high, is in view.
 *
 * @example
 * ```ts
 * const view = { width: 800, height: 600 };
 * keptInView({ scale: 1, left: 9999, top: 0 }, { width: 400, height: 300 }, view); // { scale: 1, left: 752, top: 0 }
 * ```
 */
export function keptInView({ scale, left, top }: Viewport, picture: Size, view: Size): Viewport {
  const kept = (at: number, extent: number, room: number): number => {
    const least = Math.min(KEPT, extent, room);
    return Math.min(Math.max(at, least - extent), room - least);
  };
  return {
    scale,
    left: kept(left, picture.width * scale, view.width),
    top: kept(top, picture.height * scale, view.height),
  };
}

/**
 * The part of the picture that is in view, in image pixels; null where none is.
 *
 * @example
 * ```ts
 * const view = { width: 100, height: 100 };
 * visibleBox({ scale: 2, left: -20, top: 50 }, { width: 400, height: 300 }, view); // [10, 0, 60, 25]
 * ```
 */
export function visibleBox(viewport: Viewport, picture: Size, view: Size): Box | null {
  const from = toImage(viewport, { x: 0, y: 0 });
  const to = toImage(viewport, { x: view.width, y: view.height });
  const box: Box = [
    Math.max(from.x, 0),
    Math.max(from.y, 0),
    Math.min(to.x, picture.width),
    Math.min(to.y, picture.height),
  ];
  return box[0] < box[2] && box[1] < box[3] ? box : null;
}

/**
 * Whether a place is on the picture.
 *
 * @example
 * ```ts
 * isOnPicture({ x: 400, y: 0 }, { width: 400, height: 300 }); // false: the last column is 399.…
 * ```
 */
export function isOnPicture({ x, y }: Place, { width, height }: Size): boolean {
  return x >= 0 && y >= 0 && x < width && y < height;
}
