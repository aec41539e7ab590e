/** Gray PNGs: one value for each class, numbered as in Pascal VOC's SegmentationClass; or a single mask. */
import { decode, encode } from "fast-png";
import { decodeRle, maskArea } from "sam2-web";
import { type LabeledImage, type LabeledObject, newObject, type ObjectClass } from "../labels/annotations.ts";
import { rleOf, type Turns, turnsOfValues } from "../masks/turns.ts";
import { ExportError, ImportError } from "./errors.ts";
import { projectOf, type ReadImage, type ReadLabels, sizeOf } from "./labels-file.ts";
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

/** A PNG's signature and header have this many bytes. */
const HEADER = 33;

/**
 * A PNG of one value for each pixel, gray or of a palette. Its header is looked at first: a small file may hold a picture of any
 * size.
 *
 * @throws ImportError
 */
function valuesOf(bytes: Uint8Array): {
  readonly size: { width: number; height: number };
  readonly masks: Map<number, Turns>;
  readonly text: Record<string, string>;
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER || view.getUint32(0) !== 0x89504e47) throw new ImportError("expected a PNG");
  const size = sizeOf(view.getUint32(16), view.getUint32(20));
  const [depth, kind] = [bytes[24], bytes[25]];
  if (depth !== 8 || (kind !== 0 && kind !== 3)) {
    throw new ImportError("expected a PNG of 8 bits a pixel, gray or with a palette");
  }
  // deflated, pixels take hardly more than they are: a longer file would unpack to more than it says
  const most = 1.01 * size.height * (size.width + 1) + 2 ** 17;
  if (bytes.length > most) throw new ImportError(`expected at most ${Math.round(most)} bytes, got ${bytes.length}`);
  try {
    const { data, text } = decode(bytes, { checkCrc: true });
    return { size, masks: turnsOfValues(data, size), text };
  } catch (error) {
    throw new ImportError(`expected a whole PNG: ${(error as Error).message}`);
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
  const classes = labelMap?.split(/\r?\n/) ?? [];
  const images = new Map<string, ReadImage & { objects: LabeledObject[] }>();
  for (const { name, bytes } of files) {
    const voc =
      /(?:^|\/)SegmentationClass\/(.+)\.png$/i.exec(name)?.[1] ??
      (labelMap === null ? undefined : name.replace(/\.png$/i, ""));
    leftOut.try(name, () => {
      const { size, masks, text } = valuesOf(bytes);
      const found = voc === undefined ? maskOf(name, masks, text[TEXT]) : classesOf(voc, masks, classes);
      const key = JSON.stringify([found.picture, size]);
      const image = images.get(key) ?? { name: found.picture, ...size, objects: [] };
      images.set(key, image);
      image.objects.push(
        ...found.masks.map(([className, turns]) => newObject(className, rleOf(turns, size.width, size.height))),
      );
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
