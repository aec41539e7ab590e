/** Reads files of annotations, whichever of the formats they are in. */
import { EMPTY_PROJECT, type Project, withClassOfFile } from "../labels/annotations.ts";
import { withMore } from "../labels/foreign.ts";
import { fromCoco, isCoco, type Progress } from "./coco.ts";
import { fromDatumaro, isDatumaro } from "./datumaro.ts";
import { ImportError } from "./errors.ts";
import { fromGeoJson, isGeoJson } from "./geojson.ts";
import { fromLabelStudio, isLabelStudio } from "./label-studio.ts";
import { fromLabelme, isLabelme } from "./labelme.ts";
import type { ReadLabels } from "./labels-file.ts";
import type { BytesFile } from "./png.ts";
import type { TextFile } from "./yolo.ts";

/** Files that are no text. */
export const IS_BYTES: RegExp = /\.(?:png|psd)$/i;

const isText = (file: TextFile | BytesFile): file is TextFile => "text" in file;
const isPng = (file: TextFile | BytesFile): file is BytesFile => !isText(file) && /\.png$/i.test(file.name);

/**
 * Reads files that belong together: YOLO's text files, PNGs of masks, or one or more of the other formats.
 *
 * @throws ImportError when a file is of none of the formats, or something in it is wrong
 */
export async function readLabels(files: readonly (TextFile | BytesFile)[], onProgress?: Progress): Promise<ReadLabels> {
  const pngs = files.filter(isPng);
  if (pngs.length > 0) {
    const { fromPngs } = await import("./png.ts");
    const map = files.filter(isText).find(({ name }) => /(?:^|\/)labelmap\.txt$/i.test(name));
    return fromPngs(pngs, map?.text ?? null);
  }
  if (files.some(({ name }) => /\.(txt|ya?ml)$/.test(name))) {
    const { fromYolo } = await import("./yolo.ts");
    return fromYolo(files.filter(isText));
  }
  let all: ReadLabels = { project: { ...EMPTY_PROJECT, images: [] }, boxes: [], leftOut: [] };
  let isFirst = true;
  for (const file of files) {
    if (files.length === 1) return readOne(file, onProgress);
    const read = await readOne(file, onProgress).catch((error: unknown) => {
      if (!(error instanceof ImportError)) throw error;
      all = { ...all, leftOut: [...all.leftOut, `${file.name}: ${error.message}`] };
      return null;
    });
    if (!read) continue;
    const classes = read.project.classes.reduce<Project>(withClassOfFile, {
      ...all.project,
      classes: isFirst ? [] : all.project.classes,
    }).classes;
    const images = [...all.project.images, ...read.project.images];
    const leftOut = read.leftOut.map((line) => `${file.name}: ${line}`);
    // what a file says beyond masks is its own: the first one's stands for all
    const foreign = withMore(read.project.foreign, all.project.foreign);
    all = {
      project: { classes, images, ...(foreign && { foreign }) },
      boxes: [...all.boxes, ...read.boxes],
      leftOut: [...all.leftOut, ...leftOut],
    };
    isFirst = false;
  }
  if (isFirst && all.leftOut[0] !== undefined) throw new ImportError(all.leftOut[0]);
  return all;
}

async function readOne(file: TextFile | BytesFile, onProgress?: Progress): Promise<ReadLabels> {
  if (!isText(file)) {
    const { fromPsd } = await import("./psd.ts");
    return fromPsd(file.name, file.bytes);
  }
  const { name, text } = file;
  if (/\.svg$/i.test(name)) {
    const { fromSvg } = await import("./svg.ts");
    return fromSvg(name, text);
  }
  if (name.endsWith(".csv") || name.endsWith(".tsv")) {
    const { fromCsv } = await import("./csv.ts");
    return fromCsv(text);
  }
  if (!/^\s*</.test(text)) return fromJson(text, onProgress);
  const { fromXml } = await import("./cvat.ts");
  return fromXml(text);
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
