/** Reads files of annotations, whichever of the formats they are in. */
import { type LabeledImage, type Project, withClassOfFile } from "../labels/annotations.ts";
import { withMore } from "../labels/foreign.ts";
import { joined } from "../labels/importing.ts";
import { fromCoco, isCoco, type Progress } from "./coco.ts";
import { fromDatumaro, isDatumaro } from "./datumaro.ts";
import { ImportError } from "./errors.ts";
import { fromGeoJson, isGeoJson } from "./geojson.ts";
import { fromLabelStudio, isLabelStudio } from "./label-studio.ts";
import { fromLabelme, isLabelme } from "./labelme.ts";
import { NO_LABELS, type ReadLabels } from "./labels-file.ts";
import type { BytesFile } from "./png.ts";
import type { TextFile } from "./yolo.ts";

/** Files that are no text. */
export const IS_BYTES: RegExp = /\.(?:png|psd)$/i;

/** A file that may hold labels. */
type LabelsFile = TextFile | BytesFile;

const isText = (file: LabelsFile): file is TextFile => "text" in file;
const isPng = (file: LabelsFile): file is BytesFile => !isText(file) && /\.png$/i.test(file.name);

/**
 * Reads files that belong together: PNGs of masks, YOLO's text files, and one or more of the other formats.
 *
 * @throws ImportError when there is nothing that could be read
 */
export async function readLabels(files: readonly LabelsFile[], onProgress?: Progress): Promise<ReadLabels> {
  const pngs = files.filter(isPng);
  const map =
    pngs.length > 0 ? files.filter(isText).find(({ name }) => /(?:^|\/)labelmap\.txt$/i.test(name)) : undefined;
  const others = files.filter((file) => !isPng(file) && file !== map);
  if (pngs.length === 0) return readOthers(others, onProgress);
  const { fromPngs } = await import("./png.ts");
  const masks = fromPngs(pngs, map?.text ?? null);
  if (others.length === 0) return masks;
  const read = await readOthers(others, onProgress).catch((error: unknown): ReadLabels => {
    if (!(error instanceof ImportError)) throw error;
    return { ...NOTHING, leftOut: [others.length === 1 ? `${others[0]?.name}: ${error.message}` : error.message] };
  });
  return together([masks, read]);
}

/** Reads files of which none is a PNG. @throws ImportError likewise */
async function readOthers(files: readonly LabelsFile[], onProgress?: Progress): Promise<ReadLabels> {
  const isOfYolo = ({ name }: LabelsFile): boolean => /\.(?:txt|names|ya?ml)$/i.test(name);
  const [yolo, others] = [files.filter(isOfYolo).filter(isText), files.filter((file) => !isOfYolo(file))];
  const [only, ...more] = others;
  if (!only) return readYolo(yolo);
  if (yolo.length === 0 && more.length === 0) return readOne(only, onProgress);
  const all: ReadLabels[] = [];
  let isAnyRead = false;
  const take = async (reading: Promise<ReadLabels>, name?: string): Promise<void> => {
    const named = (line: string): string => (name === undefined ? line : `${name}: ${line}`);
    try {
      const read = await reading;
      all.push({ ...read, leftOut: read.leftOut.map(named) });
      // of text files all may be notes
      if (name !== undefined || read.boxes.some(({ detections }) => detections.length > 0)) isAnyRead = true;
    } catch (error) {
      if (!(error instanceof ImportError)) throw error;
      all.push({ ...NOTHING, leftOut: [named(error.message)] });
    }
  };
  for (const file of others) await take(readOne(file, onProgress), file.name);
  if (yolo.length > 0) await take(readYolo(yolo));
  const read = together(all);
  if (!isAnyRead && read.leftOut[0] !== undefined) throw new ImportError(read.leftOut[0]);
  return read;
}

async function readYolo(files: readonly TextFile[]): Promise<ReadLabels> {
  const { fromYolo } = await import("./yolo.ts");
  return fromYolo(files);
}

const NOTHING: ReadLabels = { project: NO_LABELS, boxes: [], leftOut: [] };

/** What several files say; of what they say beyond masks, the first one's stands for all. */
function together(reads: readonly ReadLabels[]): ReadLabels {
  const all = reads.reduce<Project>((before, { project }) => {
    const foreign = withMore(project.foreign, before.foreign);
    return { ...project.classes.reduce(withClassOfFile, before), ...(foreign && { foreign }) };
  }, NO_LABELS);
  return {
    project: { ...all, images: imagesOf(reads) },
    boxes: reads.flatMap(({ boxes }) => boxes),
    leftOut: reads.flatMap(({ leftOut }) => leftOut),
  };
}

/** The images of several files, one for each picture. Two of one file are two pictures, though they look the same. */
function imagesOf(reads: readonly ReadLabels[]): readonly LabeledImage[] {
  const images: LabeledImage[] = [];
  const places = new Map<string, { readonly place: number; readonly read: ReadLabels }>();
  for (const read of reads) {
    for (const image of read.project.images) {
      const key = JSON.stringify([image.name, image.width, image.height, image.sha256]);
      const before = places.get(key);
      const isKnown = before !== undefined && before.read !== read;
      const place = isKnown ? before.place : images.length;
      images[place] = isKnown ? joined(images[place] as LabeledImage, image) : image;
      places.set(key, { place, read });
    }
  }
  return images;
}

async function readOne(file: LabelsFile, onProgress?: Progress): Promise<ReadLabels> {
  if (!isText(file)) {
    const { fromPsd } = await import("./psd.ts");
    return fromPsd(file.name, file.bytes);
  }
  const { name, text } = file;
  if (/\.svg$/i.test(name)) {
    const { fromSvg } = await import("./svg.ts");
    return fromSvg(name, text);
  }
  if (/\.[ct]sv$/i.test(name)) {
    const { fromCsv } = await import("./csv.ts");
    return fromCsv(text);
  }
  if (!/^\s*</.test(text)) return fromJson(text, onProgress, name);
  const { fromXml } = await import("./cvat.ts");
  return fromXml(name, text);
}

/**
 * Reads JSON.
 *
 * @param path of the file
 * @throws ImportError likewise
 */
export function fromJson(text: string, onProgress?: Progress, path: string = ""): ReadLabels {
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
    if (isLabelme(fields)) return fromLabelme(path, fields);
    if (isGeoJson(fields)) return fromGeoJson(fields);
  }
  throw new ImportError(
    "expected the annotations of COCO (images, annotations and categories), Datumaro, Label Studio, labelme, GeoJSON or CVAT",
  );
}
