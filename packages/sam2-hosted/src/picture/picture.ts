/** Pictures as the services take them: an address, a data URI, or plain base64. */
import { readImageHeader } from "sam2-core";
import { BodyTooLarge, readBody } from "../http/body.ts";
import { type ByteBudget, type HeldBytes, NoRoomError } from "../http/byte-budget.ts";
import type { HostedLimits } from "../http/limits.ts";
import { within } from "../http/within.ts";

/** A picture that was not taken. */
export class UnreadablePicture extends Error {
  /** What failed: getting its bytes, reading them as a picture, or one of the limits. */
  readonly reason: "download" | "format" | "bytes" | "pixels";

  constructor(reason: UnreadablePicture["reason"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** How pictures are got. */
export interface PictureAccess {
  /** Fetches `http:`, `https:` and `blob:` addresses; null where addresses are not fetched. */
  readonly download: typeof fetch | null;
  readonly limits: HostedLimits;
  /** Counts what is read. */
  readonly budget: ByteBudget;
}

/** A picture's file, and its size as its header has it. */
export interface Picture {
  readonly file: Blob;
  /** Pixels, as stored: an EXIF orientation may still swap width and height. */
  readonly width: number;
  /** Pixels, as stored. */
  readonly height: number;
}

/**
 * Gets a picture by its address, or from text.
 *
 * @param held counts what is downloaded
 * @throws UnreadablePicture, NoRoomError
 */
export async function readPicture(
  source: string,
  access: PictureAccess,
  held: HeldBytes,
  signal: AbortSignal,
): Promise<Picture> {
  const file = /^(https?|blob):/.test(source)
    ? await download(source, access, held, signal)
    : source.startsWith("data:")
      ? fromDataUri(source)
      : fromBase64(source);
  return checkPicture(file, access.limits);
}

/**
 * Looks a picture's size up in its header, before anything is decoded.
 *
 * @throws UnreadablePicture for what is no picture, or has too many pixels
 */
export async function checkPicture(file: Blob, { pixels }: HostedLimits): Promise<Picture> {
  const header = await readImageHeader(file);
  if (!header) throw new UnreadablePicture("format", `expected a picture, got ${file.size} bytes of "${file.type}"`);
  const { width, height } = header;
  if (width * height > pixels) {
    throw new UnreadablePicture("pixels", `expected at most ${pixels} pixels, got ${width}×${height}`);
  }
  return { file, width, height };
}

async function download(
  address: string,
  { download, limits: { bodyBytes, downloadTime } }: PictureAccess,
  held: HeldBytes,
  signal: AbortSignal,
): Promise<Blob> {
  if (!download) {
    throw new UnreadablePicture(
      "download",
      "addresses of pictures are not fetched here: send the picture itself, as a data URI",
    );
  }
  try {
    return await within(downloadTime, signal, async (limited) => {
      const response = await download(address, { signal: limited });
      if (!response.ok) {
        // else its connection stays open for as long as the other side likes
        response.body?.cancel().catch(() => undefined);
        throw new UnreadablePicture("download", `expected a picture at its address, got status ${response.status}`);
      }
      return readBody(response, bodyBytes, held, limited);
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UnreadablePicture || error instanceof NoRoomError) throw error;
    if (error instanceof BodyTooLarge) throw new UnreadablePicture("bytes", error.message, { cause: error });
    const { message } = error as Error;
    throw new UnreadablePicture("download", `the picture could not be downloaded: ${message}`, { cause: error });
  }
}

/** Not by `fetch`: a page's Content-Security-Policy may keep that from data URIs. */
function fromDataUri(uri: string): Blob {
  try {
    const [whole = ""] = uri.slice("data:".length).split("#", 1);
    const comma = whole.indexOf(",");
    if (comma < 0) throw new SyntaxError("no comma");
    const head = whole.slice(0, comma);
    const type = head.replace(/; *base64 *$/i, "");
    const bytes = percentDecoded(whole.slice(comma + 1));
    return new Blob([type === head ? bytes : base64Decoded(new TextDecoder().decode(bytes))], {
      type: type.trim() || "text/plain;charset=US-ASCII",
    });
  } catch (error) {
    throw new UnreadablePicture("format", "expected a data URI of a picture, got one that is broken", { cause: error });
  }
}

function fromBase64(text: string): Blob {
  try {
    return new Blob([base64Decoded(text)]);
  } catch (error) {
    throw new UnreadablePicture("format", "expected an address, a data URI, or base64", { cause: error });
  }
}

/** @throws DOMException for what is not base64 */
function base64Decoded(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

/** The bytes of a text whose `%41` is a byte, too. A percent sign without two digits stands for itself. */
function percentDecoded(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  let size = 0;
  for (let at = 0; at < bytes.length; at++) {
    let byte = bytes[at] as number;
    if (byte === PERCENT) {
      const [high, low] = [hexDigit(bytes[at + 1]), hexDigit(bytes[at + 2])];
      if (high >= 0 && low >= 0) {
        byte = 16 * high + low;
        at += 2;
      }
    }
    bytes[size++] = byte;
  }
  return bytes.subarray(0, size);
}

const PERCENT = "%".charCodeAt(0);

/** What a hexadecimal digit stands for, or -1. */
function hexDigit(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}
