/**
 * GeoJSON (RFC 7946) in pixels of the picture, y downwards, as QuPath writes and reads it: a polygon with its holes for
 * each piece. The collection also says which picture it is of, which readers other than this one pass over. Other
 * properties, and features that are no areas, are kept, and written again.
 */
import { decodeRle, encodeRle, maskToPolygons, type Ring } from "sam2-web";
import type { LabeledImage, LabeledObject, ObjectClass } from "../labels/annotations.ts";
import { type Fields, fieldsOf, foreignOf } from "../labels/foreign.ts";
import { fillPolygons } from "../masks/fill.ts";
import { combined } from "../masks/touch-up.ts";
import { ImportError } from "./errors.ts";
import { besides, entry, objectOf, projectOf, type ReadLabels, sizeOf } from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";

/** Rings are closed: the first corner is also the last. */
const closed = (ring: Ring): Ring => [...ring, ring[0] as Ring[number]];

/** The name that fields are kept under. */
const GEOJSON = "geojson";

/** The collection of a picture. */
export function toGeoJson(image: LabeledImage, classes: readonly ObjectClass[]): object {
  const { name, width, height, objects } = image;
  const { features: others = [], ...fields } = fieldsOf(image, GEOJSON) as { readonly features?: readonly unknown[] };
  return {
    ...fields,
    type: "FeatureCollection",
    picture: { name, width, height },
    features: objects
      .map((object): unknown => {
        const { className, name: title, rle } = object;
        const { properties, ...said } = fieldsOf(object, GEOJSON);
        const color = classes.find((each) => each.name === className)?.color ?? "#000000";
        const polygons = maskToPolygons(decodeRle(rle)).map(({ outer, holes }) => [outer, ...holes].map(closed));
        return {
          ...said,
          type: "Feature",
          geometry: { type: "MultiPolygon", coordinates: polygons },
          properties: {
            objectType: "annotation",
            ...(properties as Fields),
            ...(title === "" ? {} : { name: title }),
            classification: {
              name: className,
              color: [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16)),
            },
          },
        };
      })
      .concat(others),
  };
}

/** Whether JSON is of this format. */
export function isGeoJson(file: Record<string, unknown>): boolean {
  return file.type === "FeatureCollection" && Array.isArray(file.features);
}

/** Features of these kinds are no areas: they are kept as they are. */
const NO_AREAS = ["Point", "MultiPoint", "LineString", "MultiLineString", "GeometryCollection"];

/** Reads polygons of a collection that says which picture it is of. @throws ImportError */
export function fromGeoJson(file: Record<string, unknown>): ReadLabels {
  if (typeof file.picture !== "object") {
    throw new ImportError("expected a FeatureCollection that names its picture, its width and its height, got none");
  }
  const picture = entry(file.picture, "picture");
  const { width, height } = sizeOf(picture.width, picture.height, "picture");
  const leftOut = new LeftOut();
  const others: Fields[] = [];
  const objects = (file.features as unknown[]).flatMap((each, index): LabeledObject[] => {
    const feature = entry(each, "features");
    const { geometry } = feature;
    if (geometry === null || NO_AREAS.includes(String((geometry as { type?: unknown } | undefined)?.type))) {
      others.push(besides(feature));
      return [];
    }
    const { type, coordinates } = entry(geometry, `feature ${index + 1}: geometry`);
    const polygons = (type === "Polygon" ? [coordinates] : coordinates) as number[][][][];
    if ((type !== "Polygon" && type !== "MultiPolygon") || !Array.isArray(polygons)) {
      throw new ImportError(`feature ${index + 1}: expected a Polygon or a MultiPolygon, got ${String(type)}`);
    }
    const read = (): LabeledObject => {
      const filled = (ring: number[][]) => decodeRle(fillPolygons([ring.slice(0, -1).flat()], width, height));
      let mask = { data: new Uint8Array(width * height), width, height };
      for (const [outer, ...holes] of polygons) {
        let piece = filled(outer as number[][]);
        for (const hole of holes) piece = combined(piece, filled(hole), "subtract");
        mask = combined(mask, piece, "add") as typeof mask;
      }
      const properties = entry(feature.properties ?? {}, "properties");
      const { classification, name } = properties as { classification?: { name?: unknown }; name?: unknown };
      const more = besides(properties, "classification", ...(typeof name === "string" ? ["name"] : []));
      const said = more.objectType === "annotation" ? besides(more, "objectType") : more;
      const fields = besides(feature, "type", "geometry", "properties");
      const kept = foreignOf(GEOJSON, { ...fields, ...(Object.keys(said).length > 0 && { properties: said }) });
      const object = { ...objectOf(String(classification?.name ?? "object"), encodeRle(mask)), ...kept };
      return typeof name === "string" ? { ...object, name } : object;
    };
    return leftOut.list(`feature ${index + 1}`, read);
  });
  const fields = besides(file, "type", "picture", "features");
  const kept = foreignOf(GEOJSON, { ...fields, ...(others.length > 0 && { features: others }) });
  return {
    project: projectOf([], [{ name: String(picture.name), width, height, objects, ...kept }]),
    boxes: [],
    leftOut: leftOut.lines,
  };
}
