/**
 * GeoJSON (RFC 7946) in pixels of the picture, y downwards, as QuPath writes and reads it: a polygon with its holes for
 * each piece. The collection also says which picture it is of, which readers other than this one pass over.
 */
import { decodeRle, encodeRle, maskToPolygons, type Ring } from "sam2-web";
import { type LabeledImage, newObject, type ObjectClass } from "../labels/annotations.ts";
import { fillPolygons } from "../masks/fill.ts";
import { combined } from "../masks/touch-up.ts";
import { ImportError } from "./errors.ts";
import { entry, projectOf, type ReadLabels, sizeOf } from "./labels-file.ts";

/** Rings are closed: the first corner is also the last. */
const closed = (ring: Ring): Ring => [...ring, ring[0] as Ring[number]];

/** The collection of a picture. */
export function toGeoJson({ name, width, height, objects }: LabeledImage, classes: readonly ObjectClass[]): object {
  return {
    type: "FeatureCollection",
    picture: { name, width, height },
    features: objects.map(({ id, className, name: title, rle }) => {
      const color = classes.find((each) => each.name === className)?.color ?? "#000000";
      const polygons = maskToPolygons(decodeRle(rle)).map(({ outer, holes }) => [outer, ...holes].map(closed));
      return {
        type: "Feature",
        id,
        geometry: { type: "MultiPolygon", coordinates: polygons },
        properties: {
          objectType: "annotation",
          ...(title === "" ? {} : { name: title }),
          classification: {
            name: className,
            color: [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)),
          },
        },
      };
    }),
  };
}

/** Whether JSON is of this format. */
export function isGeoJson(file: Record<string, unknown>): boolean {
  return file.type === "FeatureCollection" && Array.isArray(file.features);
}

/** Reads polygons of a collection that says which picture it is of. @throws ImportError */
export function fromGeoJson(file: Record<string, unknown>): ReadLabels {
  if (typeof file.picture !== "object") {
    throw new ImportError("expected a FeatureCollection that names its picture, its width and its height, got none");
  }
  const picture = entry(file.picture, "picture");
  const { width, height } = sizeOf(picture.width, picture.height, "picture");
  const objects = (file.features as unknown[]).map((each, index) => {
    const { geometry, properties } = entry(each, "features");
    const { type, coordinates } = entry(geometry, `feature ${index + 1}: geometry`);
    const polygons = (type === "Polygon" ? [coordinates] : coordinates) as number[][][][];
    if ((type !== "Polygon" && type !== "MultiPolygon") || !Array.isArray(polygons)) {
      throw new ImportError(`feature ${index + 1}: expected a Polygon or a MultiPolygon, got ${String(type)}`);
    }
    try {
      const filled = (ring: number[][]) => decodeRle(fillPolygons([ring.slice(0, -1).flat()], width, height));
      let mask = { data: new Uint8Array(width * height), width, height };
      for (const [outer, ...holes] of polygons) {
        let piece = filled(outer as number[][]);
        for (const hole of holes) piece = combined(piece, filled(hole), "subtract");
        mask = combined(mask, piece, "add") as typeof mask;
      }
      const { classification, name } = (properties ?? {}) as { classification?: { name?: unknown }; name?: unknown };
      const object = newObject(String(classification?.name ?? "object"), encodeRle(mask));
      return typeof name === "string" ? { ...object, name } : object;
    } catch (error) {
      throw new ImportError(`feature ${index + 1}: ${(error as Error).message}`);
    }
  });
  return { project: projectOf([], [{ name: String(picture.name), width, height, objects }]), boxes: [] };
}
