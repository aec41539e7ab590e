/** Pictures as the services take them: an address, a data URI, or plain base64. */

/** A picture that could not be read; the message says why. */
export class UnreadablePicture extends Error {}

/**
 * Reads a picture.
 *
 * @param fetchPicture for `http:`, `blob:` and `data:` addresses
 * @throws UnreadablePicture
 */
export async function readPicture(
  source: string,
  fetchPicture: (address: string) => Promise<Response>,
  signal: AbortSignal,
): Promise<Blob> {
  if (/^(https?|blob|data):/.test(source)) return download(source, fetchPicture, signal);
  return new Blob([fromBase64(source)]);
}

async function download(
  address: string,
  fetchPicture: (address: string) => Promise<Response>,
  signal: AbortSignal,
): Promise<Blob> {
  const response = await fetchPicture(address).catch(() => {
    signal.throwIfAborted();
    throw new UnreadablePicture("Failed to download the file. Please check if the URL is accessible and try again.");
  });
  if (!response.ok) throw new UnreadablePicture(`Failed to download the file: status ${response.status}.`);
  return response.blob();
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new UnreadablePicture("Expected an address, a data URI, or base64.");
  }
}
