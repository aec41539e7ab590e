/** Konva: a mask as a shape, filled, stroked, dragged and hit like any other. */
import { Path, type PathConfig } from "konva/lib/shapes/Path";
import { type Mask, maskToPolygons, polygonsToPath } from "sam2-web";

/** Options of `createMaskShape`; all of Konva's for a path, but its data. */
export interface MaskShapeConfig extends Omit<PathConfig, "data"> {
  /** How far the outline is simplified, in pixels of the image; 0.5 by default. */
  readonly tolerance?: number | undefined;
}

/** The path of a mask, in SVG's words. */
function dataOf(mask: Mask, tolerance: number): string {
  return polygonsToPath(maskToPolygons(mask, { tolerance }));
}

/**
 * A shape in the mask's outline, holes and all; its units are pixels of the image, so that it lies right on a
 * `Konva.Image` of the same position and scale. Only the mask itself is hit by the pointer.
 *
 * @example
 * ```ts
 * import Konva from "konva";
 *
 * const layer = new Konva.Layer();
 * const shape = createMaskShape(result.mask(), { fill: "#1d4ed880", stroke: "#1d4ed8", draggable: true });
 * layer.add(shape);
 * ```
 */
export function createMaskShape(mask: Mask, { tolerance = 0.5, ...config }: MaskShapeConfig = {}): Path {
  return new Path({
    data: dataOf(mask, tolerance),
    // holes are by the even-odd rule; the pointer's copy of the picture is filled by it too
    fillRule: "evenodd",
    // an outline stays as wide at any zoom
    strokeScaleEnabled: false,
    ...config,
  });
}

/**
 * Gives a shape another mask, as after a further click.
 *
 * @param tolerance as in `MaskShapeConfig`; it is not taken over from the shape
 *
 * @example
 * ```ts
 * const shape = createMaskShape(result.mask());
 * setMask(shape, result.mask(1)); // the second best
 * ```
 */
export function setMask(shape: Path, mask: Mask, tolerance = 0.5): void {
  shape.data(dataOf(mask, tolerance));
}
