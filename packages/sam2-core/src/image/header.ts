/**
 * Reads the size of a picture from its file's header, before the picture is decoded: a small file may claim
 * gigabytes of pixels.
 *
 * Where a file names several sizes (a GIF's screen and its first frame, the items of an AVIF), the
 * largest counts. Markers are searched for in the same way as decoders do, padding included; otherwise a file
 * could have one size here and another in the decoder.
 */

/** The header of a picture's file. */
export interface ImageHeader {
  /** Told by the file's content, whatever its name or media type. */
  readonly format: "jpeg" | "png" | "webp" | "gif" | "bmp" | "avif" | "heic";
  /** Pixels, as stored: an EXIF orientation may still swap width and height. */
  readonly width: number;
  /** Pixels, as stored. */
  readonly height: number;
}

/** The known formats, for messages. */
export const IMAGE_FORMATS = "JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC";

/**
 * Reads the header of a picture's file: JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC. Only the bytes that are needed are
 * read.
 *
 * @returns null if the file has none of these formats, is cut off before its size, or has no pixels
 * @example
 * ```ts
 * const header = await readImageHeader(file);
 * if (header && header.width * header.height > 100e6) throw new Error("This picture is too large.");
 * ```
 */
export async function readImageHeader(file: Blob): Promise<ImageHeader | null> {
  const bytes = new Bytes(file);
  try {
    const first = await bytes.view(0, 16);
    const format = FORMATS.find(({ matches }) => matches(first));
    const header = format ? await format.read(bytes, first) : null;
    return header && header.width > 0 && header.height > 0 ? header : null;
  } catch (error) {
    if (error instanceof NoHeader) return null;
    throw error;
  }
}

/** Thrown for a read past the end of the file, and after too many reads. */
class NoHeader extends Error {}

/** How many bytes are read from the file at a time. */
const WINDOW = 65_536;

/** The most reads for one file; real files need a few hundred. */
const MOST_READS = 100_000;

/** Random access to a file; the last part that was read is kept. */
class Bytes {
  readonly #file: Blob;
  #start = 0;
  #window = new ArrayBuffer(0);
  #reads = 0;

  constructor(file: Blob) {
    this.#file = file;
  }

  get size(): number {
    return this.#file.size;
  }

  async view(at: number, length: number): Promise<DataView> {
    if (at + length > this.size || ++this.#reads > MOST_READS) throw new NoHeader();
    if (at < this.#start || at + length > this.#start + this.#window.byteLength) {
      this.#start = at;
      this.#window = await this.#file.slice(at, at + Math.max(length, WINDOW)).arrayBuffer();
    }
    return new DataView(this.#window, at - this.#start, length);
  }

  async byte(at: number): Promise<number> {
    return (await this.view(at, 1)).getUint8(0);
  }
}

/** The four-character code at an offset. */
function code(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}

const FORMATS: readonly {
  /** Whether a file is of the format, by its first 16 bytes. */
  matches(first: DataView): boolean;
  read(bytes: Bytes, first: DataView): Promise<ImageHeader | null>;
}[] = [
  { matches: (first) => first.getUint16(0) === 0xffd8, read: readJpeg },
  { matches: (first) => first.getBigUint64(0) === 0x89504e470d0a1a0an, read: readPng },
  { matches: (first) => code(first, 0) === "RIFF" && code(first, 8) === "WEBP", read: readWebp },
  { matches: (first) => code(first, 0) === "GIF8", read: readGif },
  { matches: (first) => first.getUint16(0) === 0x424d, read: readBmp },
  { matches: (first) => code(first, 4) === "ftyp", read: readIsoMedia },
];

/** ITU T.81, B.1.1.3: frames start with a marker from C0 to CF, less DHT (C4), JPG (C8) and DAC (CC). */
async function readJpeg(bytes: Bytes): Promise<ImageHeader | null> {
  for (let at = 2; ; ) {
    // markers may be padded by FF; anything else before one is passed over, as libjpeg does
    while ((await bytes.byte(at)) !== 0xff) at++;
    while ((await bytes.byte(at)) === 0xff) at++;
    const marker = await bytes.byte(at++);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const frame = await bytes.view(at, 7);
      return { format: "jpeg", height: frame.getUint16(3), width: frame.getUint16(5) };
    }
    // the image data or the end of the file begins, and no frame came before
    if (marker === 0xda || marker === 0xd9) return null;
    const alone = marker === 0x00 || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    if (!alone) at += Math.max(2, (await bytes.view(at, 2)).getUint16(0));
  }
}

/** PNG, 11.2.2: IHDR is the first chunk. */
async function readPng(bytes: Bytes): Promise<ImageHeader | null> {
  const chunk = await bytes.view(8, 16);
  if (code(chunk, 4) !== "IHDR") return null;
  return { format: "png", width: chunk.getUint32(8), height: chunk.getUint32(12) };
}

/** RFC 9649: the first chunk is a canvas (VP8X), or a lossy (VP8) or lossless (VP8L) bitstream. */
async function readWebp(bytes: Bytes): Promise<ImageHeader | null> {
  const chunk = await bytes.view(12, 13);
  if (code(chunk, 0) === "VP8L") {
    const bits = chunk.getUint32(9, true);
    return { format: "webp", width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  const data = await bytes.view(20, 10);
  const uint24 = (at: number): number => data.getUint16(at, true) + 0x10000 * data.getUint8(at + 2);
  switch (code(chunk, 0)) {
    case "VP8X":
      return { format: "webp", width: 1 + uint24(4), height: 1 + uint24(7) };
    case "VP8 ":
      return { format: "webp", width: data.getUint16(6, true) & 0x3fff, height: data.getUint16(8, true) & 0x3fff };
    default:
      return null;
  }
}

/** GIF89a: the larger of the logical screen and the first frame; browsers show a larger frame in full. */
async function readGif(bytes: Bytes): Promise<ImageHeader | null> {
  const screen = await bytes.view(6, 5);
  let [width, height] = [screen.getUint16(0, true), screen.getUint16(2, true)];
  const flags = screen.getUint8(4);
  let at = 13 + (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  const [EXTENSION, FRAME] = [0x21, 0x2c];
  let block = await bytes.byte(at);
  while (block === EXTENSION) {
    at += 2;
    for (let length = await bytes.byte(at++); length > 0; length = await bytes.byte(at++)) at += length;
    block = await bytes.byte(at);
  }
  if (block === FRAME) {
    const frame = await bytes.view(at + 1, 8);
    width = Math.max(width, frame.getUint16(0, true) + frame.getUint16(4, true));
    height = Math.max(height, frame.getUint16(2, true) + frame.getUint16(6, true));
  }
  return { format: "gif", width, height };
}

/** BITMAPCOREHEADER has 16-bit sizes; later headers have signed 32-bit ones, negative for rows from the top. */
async function readBmp(bytes: Bytes): Promise<ImageHeader | null> {
  const CORE = 12;
  if ((await bytes.view(14, 4)).getUint32(0, true) === CORE) {
    const sizes = await bytes.view(18, 4);
    return { format: "bmp", width: sizes.getUint16(0, true), height: sizes.getUint16(2, true) };
  }
  const sizes = await bytes.view(18, 8);
  return { format: "bmp", width: Math.abs(sizes.getInt32(0, true)), height: Math.abs(sizes.getInt32(4, true)) };
}

/** Boxes to look into, and how many bytes come before the first box inside. */
const CONTAINERS: Readonly<Record<string, number>> = { meta: 4, iprp: 0, ipco: 0, moov: 0, trak: 0 };
const AVIF = ["avif", "avis"];
const HEIC = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];

/** ISO/IEC 14496-12 and 23008-12: the largest of the items (ispe) and of an animation's tracks (tkhd). */
async function readIsoMedia(bytes: Bytes, first: DataView): Promise<ImageHeader | null> {
  const brands = [code(first, 8)];
  for (let at = 16; at + 4 <= first.getUint32(0); at += 4) brands.push(code(await bytes.view(at, 4), 0));
  const format = brands.some((brand) => AVIF.includes(brand)) ? "avif" : "heic";
  if (format === "heic" && !brands.some((brand) => HEIC.includes(brand))) return null;
  let [width, height] = [0, 0];
  const walk = async (from: number, to: number): Promise<void> => {
    for (let at = from; at + 8 <= to; ) {
      const head = await bytes.view(at, 8);
      const type = code(head, 4);
      const [TO_END, LONG] = [0, 1];
      const size = head.getUint32(0);
      const start = at + (size === LONG ? 16 : 8);
      const long = size === LONG ? Number((await bytes.view(at + 8, 8)).getBigUint64(0)) : size;
      const end = size === TO_END ? to : at + long;
      if (end < start || end > to) return;
      const skipped = CONTAINERS[type];
      if (skipped !== undefined) await walk(start + skipped, end);
      if (type === "ispe" || type === "tkhd") {
        const sizes = await bytes.view(type === "ispe" ? start + 4 : end - 8, 8);
        // a track's width and height are fixed-point numbers, 16.16
        const unit = type === "ispe" ? 1 : 0x10000;
        width = Math.max(width, Math.floor(sizes.getUint32(0) / unit));
        height = Math.max(height, Math.floor(sizes.getUint32(4) / unit));
      }
      at = end;
    }
  };
  await walk(0, bytes.size);
  return { format, width, height };
}
