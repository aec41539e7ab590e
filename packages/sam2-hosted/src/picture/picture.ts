/** Pictures as the services take them: an address, a data URI, or plain base64. */
import { readImageHeader } from "sam2-core";
import { within } from "../http/abortable.ts";
import { BodyTooLarge, readBody } from "../http/body.ts";
import { type ByteBudget, type HeldBytes, NoRoomError } from "../http/byte-budget.ts";
import type { HostedLimits } from "../http/limits.ts";

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
      ? await fromDataUri(source)
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

/** The platform's `fetch` reads data URIs without a network. */
async function fromDataUri(uri: string): Promise<Blob> {
  try {
    return await (await fetch(uri)).blob();
  } catch (error) {
    throw new UnreadablePicture("format", "expected a data URI of a picture, got one that is broken", { cause: error });
  }
}

function fromBase64(text: string): Blob {
  try {
    return new Blob([Uint8Array.from(atob(text), (character) => character.charCodeAt(0))]);
  } catch (error) {
    throw new UnreadablePicture("format", "expected an address, a data URI, or base64", { cause: error });
  }
}
