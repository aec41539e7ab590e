/** Reads a file of annotations, whichever of the formats it is in. */
import { fromCoco, isCoco, type Progress } from "./coco.ts";
import { fromDatumaro, isDatumaro } from "./datumaro.ts";
import { ImportError } from "./errors.ts";
import { fromGeoJson, isGeoJson } from "./geojson.ts";
import { fromLabelStudio, isLabelStudio } from "./label-studio.ts";
import { fromLabelme, isLabelme } from "./labelme.ts";
import type { ReadLabels } from "./labels-file.ts";

/** Reads XML or JSON. @throws ImportError when the file is of none of the formats, or something in it is wrong */
export async function readLabels(text: string, onProgress?: Progress): Promise<ReadLabels> {
  if (!/^\s*</.test(text)) return fromJson(text, onProgress);
  const { fromCvat } = await import("./cvat.ts");
  return fromCvat(text);
}

/** Reads JSON. @throws ImportError likewise */
export function fromJson(text: string, onProgress?: Progress): ReadLabels {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new ImportError("expected a file of annotations, which is JSON or CVAT's XML");
  }
  if (isLabelStudio(file)) return fromLabelStudio(file);
  if (typeof file === "object" && file !== null) {
    const fields = file as Record<string, unknown>;
    if (isCoco(fields)) return fromCoco(fields, onProgress);
    if (isDatumaro(fields)) return fromDatumaro(fields);
    if (isLabelme(fields)) return fromLabelme(fields);
    if (isGeoJson(fields)) return fromGeoJson(fields);
  }
  throw new ImportError(
    "expected the annotations of COCO (images, annotations and categories), Datumaro, Label Studio, labelme, GeoJSON or CVAT",
  );
}
