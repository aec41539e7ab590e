/** From any kind of picture that a caller may give to its pixels. */
import { fileURLToPath } from "node:url";
import { Sam2Error } from "sam2-contract";
import { checkSize, fetchPicture, MAX_PIXELS, noPicture, type Pixels, readImageHeader } from "sam2-core";
import sharp from "sharp";
import { interlock } from "../runtime/interlock.ts";
import { openFile } from "../storage/paths.ts";

/** The formats that sharp reads: of those that browsers read, BMP and HEIC are missing. */
const READ = "JPEG, PNG, WebP, GIF or AVIF";

/** A picture as a caller may give it: a file's path, address or bytes, or RGBA pixels. */
export type ImageSource = string | URL | Blob | Uint8Array | Pixels;

/** What travels to the worker. */
export type TransferableImage = string | Blob | Pixels;

/**
 * Prepares a picture for the worker, without decoding it.
 *
 * @throws InvalidImageError if it is none of the kinds of pictures
 */
export function toTransferable(source: ImageSource): TransferableImage {
  if (source instanceof URL) return source.href;
  if (source instanceof Uint8Array) return new Blob([source as Uint8Array<ArrayBuffer>]);
  if (typeof source === "string" || source instanceof Blob) return source;
  const { data, width, height } = (source ?? {}) as Partial<Pixels>;
  if (!ArrayBuffer.isView(data)) throw noPicture(source, "a picture: a path, an address, bytes, or RGBA pixels");
  // without the object's other fields, which might not be such as can be sent
  return { data, width, height } as Pixels;
}

/**
 * Decodes a picture as a browser does: EXIF orientation is applied, colors become sRGB, and transparency is laid over
 * black. The size in the file's header is checked first: a small file may claim gigabytes of pixels.
 *
 * @param maxPixels the most pixels, width · height
 * @throws InvalidImageError if it is not a picture, has no pixels, or has too many
 */
export async function decodeImage(source: TransferableImage, maxPixels: number = MAX_PIXELS): Promise<Pixels> {
  if (typeof source === "object" && !(source instanceof Blob)) {
    checkPixels(source);
    checkSize(source, maxPixels);
    return source;
  }
  const file = (await fileOf(source)) as Blob;
  const unread = (cause: unknown): never => {
    throw new Sam2Error("InvalidImageError", `${shown(source)}: expected a picture, got a file that cannot be read`, {
      cause,
    });
  };
  const header = await readImageHeader(file).catch(unread);
  if (!header) {
    throw new Sam2Error(
      "InvalidImageError",
      `expected a picture (${READ}), got ${file.size} bytes of ${shown(source)}`,
    );
  }
  checkSize(header, maxPixels);
  try {
    // it may have changed since it was opened
    const bytes = await file.arrayBuffer().catch(unread);
    const { data, info } = await interlock.inside(() =>
      sharp(bytes, { limitInputPixels: false, failOn: "error" })
        .autoOrient()
        .flatten({ background: "black" })
        .toColorspace("srgb")
        .ensureAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true }),
    );
    checkSize(info, maxPixels);
    return {
      data: new Uint8ClampedArray(data.buffer, data.byteOffset, data.length),
      width: info.width,
      height: info.height,
    };
  } catch (cause) {
    if (cause instanceof Sam2Error) throw cause;
    const got = `a ${header.format} file of ${header.width}×${header.height}: ${(cause as Error).message}`;
    throw new Sam2Error("InvalidImageError", `expected a picture that sharp can decode, got ${got}`, { cause });
  }
}

/** The file of a picture; null for pixels. @throws InvalidImageError if it cannot be read */
export async function fileOf(source: TransferableImage): Promise<Blob | null> {
  if (typeof source === "string") return openPicture(source);
  return source instanceof Blob ? source : null;
}

/** Pixels that a caller made. @throws InvalidImageError */
function checkPixels({ data, width, height }: Pixels): void {
  const length: unknown = data?.length;
  if (Number.isInteger(width) && Number.isInteger(height) && length === 4 * width * height) return;
  throw new Sam2Error(
    "InvalidImageError",
    `expected a picture, or 4 bytes a pixel of ${width}×${height}, got ${length ?? "no"} bytes`,
  );
}

function shown(source: string | Blob): string {
  return typeof source === "string" ? source : `"${source.type}"`;
}

/** Opens a picture by its path or address. */
async function openPicture(source: string): Promise<Blob> {
  if (/^(?:https?|data|blob):/.test(source)) return fetchPicture(source);
  const path = source.startsWith("file:") ? fileURLToPath(source) : source;
  try {
    return await openFile(path);
  } catch (cause) {
    throw new Sam2Error("InvalidImageError", `${path}: expected a picture, got a file that cannot be read`, { cause });
  }
}
