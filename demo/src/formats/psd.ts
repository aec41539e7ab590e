/** PSD: the picture, and over it a layer for each object: its cut-out, named by its class. */
import {
  getLayerImageData,
  initializeCanvas,
  type Layer,
  type PixelData,
  type Psd,
  readPsd,
  writePsdUint8Array,
} from "ag-psd";
import { decodeRle, maskBox } from "sam2-web";
import type { LabeledImage, LabeledObject } from "../labels/annotations.ts";
import { stemOf } from "../labels/names.ts";
import { MOST_TURNS, rleOf, type Turns } from "../masks/turns.ts";
import { ExportError, ImportError } from "./errors.ts";
import { inflatedSize } from "./inflated.ts";
import { objectOf, projectOf, type ReadLabels, sizeOf } from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";

/** Pixels of a side; larger pictures would be of another format, PSB, which few tools read. */
const LONGEST = 30_000;

/**
 * The file. What an object's mask leaves out of its layer is transparent; an object that is hidden is a hidden layer. An object
 * without pixels has no layer.
 *
 * @param picture the picture's pixels, RGBA
 * @throws ExportError for a picture that is too large for the format
 */
export function toPsd({ name, width, height, objects }: LabeledImage, picture: PixelData): Uint8Array {
  if (Math.max(width, height) > LONGEST) {
    throw new ExportError(
      `PSD holds pictures of ${LONGEST} pixels a side at most, and ${name} has ${width}×${height}; choose cut-outs`,
    );
  }
  const layers = objects.flatMap((object): Layer[] => {
    const layer = layerOf(object, picture);
    return layer ? [layer] : [];
  });
  const background: Layer = { name: "Picture", imageData: picture };
  return writePsdUint8Array({ width, height, imageData: picture, children: [background, ...layers] });
}

function layerOf({ className, name, rle, hidden }: LabeledObject, picture: PixelData): Layer | null {
  const mask = decodeRle(rle);
  const [left, top, width, height] = maskBox(mask);
  if (width === 0) return null;
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (top + y) * mask.width + left + x;
      if (mask.data[from] === 1) data.set(picture.data.subarray(4 * from, 4 * from + 4), 4 * (y * width + x));
    }
  }
  const title = name === "" ? className : `${className}: ${name}`;
  return { name: title, left, top, hidden, imageData: { data, width, height } };
}

/** Bytes that the layers of a file may take, unpacked. */
const MOST_LAYERS = 2 ** 29;

/** The format's number for the channel of what is transparent. */
const TRANSPARENCY = -1;

/** Its numbers for ways to deflate a channel. */
const DEFLATED: readonly number[] = [2, 3];

/**
 * Reads the layers over the lowest one, which is the picture: what of a layer is not transparent is the mask of an object, named
 * `class` or `class: name`. The picture is the one that the file is named after.
 *
 * @throws ImportError
 */
export function fromPsd(name: string, bytes: Uint8Array): ReadLabels {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26 || view.getUint32(0) !== 0x38425053) throw new ImportError("expected a PSD");
  const size = sizeOf(view.getUint32(18), view.getUint32(14));
  const [, ...layers] = psdOf(bytes).children ?? [];
  const leftOut = new LeftOut();
  let room = MOST_LAYERS;
  const objects = layers.flatMap((layer, index): LabeledObject[] => {
    const { hidden = false, name: title = "" } = layer;
    const read = (): LabeledObject => {
      room -= bytesOf(layer);
      if (room < 0) throw new ImportError(`expected layers of at most ${MOST_LAYERS} bytes, unpacked`);
      const turns = turnsOfLayer(layer, size);
      if (!turns) throw new ImportError(`expected masks of at most ${MOST_TURNS} edges`);
      const [, className = "", own = ""] = /^(.*?)(?:: (.*))?$/s.exec(title) ?? [];
      return { ...objectOf(className || "object", rleOf(turns, size.width, size.height)), name: own, hidden };
    };
    return leftOut.list(`layer ${index + 2}`, read);
  });
  return {
    project: projectOf([], [{ name: stemOf(name), ...size, objects }]),
    boxes: [],
    leftOut: leftOut.lines,
  };
}

/** Bytes that a layer's pixels take. */
function bytesOf({ left = 0, top = 0, right = 0, bottom = 0, rawData }: Layer): number {
  return 4 * (right - left) * (bottom - top) * Math.max(1, (rawData?.bitsPerChannel ?? 8) / 8);
}

/** What of a layer is not transparent, as far as it is in the picture; null where that has more than `MOST_TURNS`. */
function turnsOfLayer(
  layer: Layer,
  { width, height }: { readonly width: number; readonly height: number },
): Turns | null {
  const { left = 0, top = 0, rawData } = layer;
  // others are of no use, and any number of them may be in a file
  const channel = rawData?.channels.find(({ id }) => id === TRANSPARENCY);
  if (channel?.data && DEFLATED.includes(channel.compression)) {
    const most = bytesOf(layer) / 4;
    if (inflatedSize([channel.data], most) > most) throw new ImportError("a layer's pixels are more than it says");
  }
  const pixels =
    rawData && getLayerImageData({ ...layer, rawData: { ...rawData, channels: channel ? [channel] : [] } });
  if (!pixels) throw new ImportError("expected a layer of pixels");
  const { width: wide, height: high, data } = pixels;
  const turns: number[] = [];
  // column by column; stretches of two columns may touch
  for (let x = Math.max(0, -left); x < wide && left + x < width; x++) {
    let isInside = false;
    for (let y = Math.max(0, -top); y <= high && top + y <= height; y++) {
      const isEnd = y === high || top + y === height;
      const isFull = !isEnd && (data[4 * (y * wide + x) + 3] as number) > 0;
      if (isFull === isInside) continue;
      if (turns.length > MOST_TURNS) return null;
      turns.push((left + x) * height + top + y);
      isInside = isFull;
    }
  }
  return Uint32Array.from(turns);
}

/** What is in a file, as far as it is of use; pixels are as they are in it. @throws ImportError */
function psdOf(bytes: Uint8Array): Psd {
  initializeCanvas(
    () => {
      throw new ImportError("expected layers of pixels");
    },
    (width, height) =>
      ({ width, height, data: new Uint8ClampedArray(4 * width * height), colorSpace: "srgb" }) as ImageData,
  );
  try {
    return readPsd(bytes, {
      useRawData: true,
      skipCompositeImageData: true,
      skipThumbnail: true,
      skipLinkedFilesData: true,
      totalMemoryLimit: MOST_LAYERS,
    });
  } catch (error) {
    throw new ImportError(`expected a PSD: ${(error as Error).message}`);
  }
}
