/** Gray PNGs: one value for each class, numbered as in Pascal VOC's SegmentationClass; or a single mask. */
import { decode, encode } from "fast-png";
import { decodeRle, maskArea } from "sam2-web";
import type { LabeledImage, LabeledObject, ObjectClass } from "../labels/annotations.ts";
import { MOST_TURNS, rleOf, type Turns, turnsOfValues } from "../masks/turns.ts";
import { ExportError, ImportError } from "./errors.ts";
import { inflatedSize } from "./inflated.ts";
import { objectOf, projectOf, type ReadImage, type ReadLabels, sizeOf } from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";

/** Gray values available for classes: 0 is the background, and VOC ignores pixels with 255. */
const VOC_CLASSES = 254;

/** Characters that some reader of labelmap.txt takes for the end of a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: readers in Python end lines at these as well
const LINE_END = /[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/;

/**
 * labelmap.txt, beside the folder of PNGs: one line for each gray value, the background first.
 *
 * @throws ExportError if there are more classes than gray values, or a name has a line break
 */
export function toVocLabelMap(classes: readonly ObjectClass[]): string {
  if (classes.length > VOC_CLASSES) {
    throw new ExportError(
      `Pascal VOC holds ${VOC_CLASSES} classes at most, and there are ${classes.length}; choose COCO, which has no limit`,
    );
  }
  const broken = classes.find(({ name }) => LINE_END.test(name));
  if (broken) {
    throw new ExportError(
      `Pascal VOC has a line for each class, and ${JSON.stringify(broken.name)} has a line break; rename that class`,
    );
  }
  return ["background", ...classes.map(({ name }) => name)].join("\n");
}

/** 0 for the background, the class's number (from 1) for its objects; smaller objects are on top. */
export function toVocClasses({ objects, width, height }: LabeledImage, classes: readonly ObjectClass[]): Uint8Array {
  const data = new Uint8Array(width * height);
  const masks = objects.map(({ className, rle }) => {
    const mask = decodeRle(rle);
    return { mask, area: maskArea(mask), value: classes.findIndex(({ name }) => name === className) + 1 };
  });
  for (const { mask, value } of masks.sort((a, b) => b.area - a.area)) {
    for (let i = 0; i < data.length; i++) if (mask.data[i] === 1) data[i] = value;
  }
  return encode({ width, height, data, channels: 1, depth: 8 });
}

/** The text in a mask's PNG that says of what picture it is, and of what class. */
const TEXT = "sam2-web";

/** One mask, white on black; which picture and class it is of is in its text. */
export function toMaskPng({ rle, className }: LabeledObject, picture: string): Uint8Array {
  const { data, width, height } = decodeRle(rle);
  const said = JSON.stringify({ picture, class: className });
  // texts of PNG have no letters beyond Latin-1
  const text = {
    [TEXT]: said.replace(/[^\x20-\x7e]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`),
  };
  return encode({ width, height, data: data.map((value) => 255 * value), channels: 1, depth: 8, text });
}

/** A file by its path. */
export interface BytesFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** VOC ignores pixels of this value: the edges between objects. */
const IGNORED = 255;

/** A PNG begins with its signature, and the header's length and name. */
const BEGINNING = [0x89504e47, 0x0d0a1a0a, 13, 0x49484452];

/** Signature and header have this many bytes. */
const HEADER = 33;

/** Chunks that are read: of the others one, a color profile, is deflated too. */
const READ = ["IHDR", "IDAT", "tEXt", "IEND"];

/** The chunks of a PNG that are read, each with its length, its name and its checksum. */
function chunksOf(bytes: Uint8Array, view: DataView): { readonly name: string; readonly bytes: Uint8Array }[] {
  const chunks: { name: string; bytes: Uint8Array }[] = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + view.getUint32(at);
    if (READ.includes(name)) chunks.push({ name, bytes: bytes.subarray(at, end) });
    at = end;
  }
  return chunks;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * A PNG of one value for each pixel, gray or of a palette. Before it is unpacked it is looked at how large that will be: a small
 * file may say that it holds a picture of any size, and unpack to any size.
 *
 * @throws ImportError
 */
function valuesOf(bytes: Uint8Array): {
  readonly size: { width: number; height: number };
  readonly masks: Map<number, Turns>;
  readonly text: Record<string, string>;
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER || BEGINNING.some((word, i) => view.getUint32(4 * i) !== word)) {
    throw new ImportError("expected a PNG");
  }
  const size = sizeOf(view.getUint32(16), view.getUint32(20));
  const [depth, kind, interlace] = [bytes[24], bytes[25], bytes[28]];
  if (depth !== 8 || (kind !== 0 && kind !== 3)) {
    throw new ImportError("expected a PNG of 8 bits a pixel, gray or with a palette");
  }
  // deflated, pixels take hardly more than they are
  const longest = 1.01 * size.height * (size.width + 1) + 2 ** 17;
  if (bytes.length > longest) {
    throw new ImportError(`expected at most ${Math.round(longest)} bytes, got ${bytes.length}`);
  }
  try {
    const chunks = chunksOf(bytes, view);
    if (chunks.filter(({ name }) => name === "IHDR").length > 1) throw new Error("it has two headers");
    // each row begins with a byte that says how it is filtered; interlaced, there are more rows, and shorter ones
    const least = size.height * (size.width + (interlace === 0 ? 1 : 0));
    const most = interlace === 0 ? least : least + 2 * size.height + 8;
    const data = chunks.filter(({ name }) => name === "IDAT").map((chunk) => chunk.bytes.subarray(8, -4));
    const came = inflatedSize(data, most);
    if (came < least || came > most) throw new Error(`its pixels are ${came < least ? "fewer" : "more"} than it says`);
    const { data: values, text } = decode(joined([bytes.subarray(0, 8), ...chunks.map((chunk) => chunk.bytes)]), {
      checkCrc: true,
    });
    const masks = turnsOfValues(values, size);
    if (!masks) throw new ImportError(`expected masks of at most ${MOST_TURNS} edges`);
    return { size, masks, text };
  } catch (error) {
    throw error instanceof ImportError ? error : new ImportError(`expected a whole PNG: ${(error as Error).message}`);
  }
}

/**
 * Reads PNGs of masks. Those in a folder SegmentationClass, and all beside a labelmap.txt, are Pascal VOC's: each class of a
 * picture becomes an object. Of the others each is one mask, named as `toMaskPng` and the export name them.
 *
 * @param labelMap the text of labelmap.txt
 */
export function fromPngs(files: readonly BytesFile[], labelMap: string | null): ReadLabels {
  const leftOut = new LeftOut();
  const classes = labelMap === null ? [] : classesIn(labelMap);
  const images = new Map<string, ReadImage & { objects: LabeledObject[] }>();
  for (const { name, bytes } of files) {
    const voc =
      /(?:^|\/)SegmentationClass\/(.+)\.png$/i.exec(name)?.[1] ??
      (labelMap === null ? undefined : name.replace(/\.png$/i, ""));
    leftOut.try(name, () => {
      const { size, masks, text } = valuesOf(bytes);
      const found = voc === undefined ? maskOf(name, masks, text[TEXT]) : classesOf(voc, masks, classes);
      const objects = found.masks.map(([className, turns]) =>
        objectOf(className, rleOf(turns, size.width, size.height)),
      );
      const key = JSON.stringify([found.picture, size]);
      const image = images.get(key) ?? { name: found.picture, ...size, objects: [] };
      images.set(key, image);
      image.objects.push(...objects);
    });
  }
  return {
    project: projectOf(
      classes.slice(1).filter((name) => name !== ""),
      [...images.values()],
    ),
    boxes: [],
    leftOut: leftOut.lines,
  };
}

/** A line of labelmap.txt as Datumaro and CVAT write it: the name, a color, parts and actions. */
const LABEL = /^(.*?):[\d, ]*:[^:]*:[^:]*$/;

/** The names of labelmap.txt by gray values: a line each, alone or in front of what else those tools say of a class. */
function classesIn(labelMap: string): string[] {
  const lines = labelMap.split(/\r?\n/);
  const labels = lines.filter((line) => line !== "" && !line.startsWith("#"));
  return labels.every((line) => LABEL.test(line)) ? labels.map((line) => line.replace(LABEL, "$1")) : lines;
}

/** What a PNG holds: whose masks, by class. */
interface Found {
  readonly picture: string;
  readonly masks: readonly (readonly [className: string, turns: Turns])[];
}

function classesOf(picture: string, masks: Map<number, Turns>, classes: readonly string[]): Found {
  const known = [...masks].filter(([value]) => value !== IGNORED).sort(([a], [b]) => a - b);
  return { picture, masks: known.map(([value, turns]) => [classes[value] || `class ${value}`, turns]) };
}

function maskOf(name: string, masks: Map<number, Turns>, text: string | undefined): Found {
  const [turns = new Uint32Array(), ...more] = masks.values();
  if (more.length > 0)
    throw new ImportError("expected one mask, of one value; masks of classes come with their labelmap.txt");
  const said = text === undefined ? null : saidIn(text);
  const named = /^(.+)\/\d+-([^/]*)\.png$/i.exec(name);
  const [picture, className] = said ?? (named ? [named[1] as string, named[2] as string] : []);
  if (picture === undefined || className === undefined) {
    throw new ImportError("expected the picture and the class in its path, as photo/1-cat.png");
  }
  return { picture, masks: [[className, turns]] };
}

/** Picture and class as `toMaskPng` writes them; null where the text says something else. */
function saidIn(text: string): readonly [picture: string, className: string] | null {
  try {
    const said = JSON.parse(text) as { picture?: unknown; class?: unknown } | null;
    return typeof said?.picture === "string" && typeof said.class === "string" ? [said.picture, said.class] : null;
  } catch {
    return null;
  }
}
