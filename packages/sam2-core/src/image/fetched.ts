/** Pictures at addresses. */
import { Sam2Error } from "sam2-contract";

/** Why an address brought no answer, browsers do not tell a script. */
const UNREACHED =
  "which could not be fetched: there is no connection, or its host or the page's policy does not allow it";

/** Longer addresses are cut in messages. */
const LONGEST = 200;

/** Fetches the file of a picture. @throws InvalidImageError */
export async function fetchPicture(address: string): Promise<Blob> {
  const unreached = (cause: unknown): never => {
    throw new Sam2Error("InvalidImageError", `${inShort(address)}: expected a picture, ${UNREACHED}`, { cause });
  };
  const response = await fetch(address).catch(unreached);
  if (!response.ok) {
    throw new Sam2Error("InvalidImageError", `${inShort(address)}: expected a picture, got status ${response.status}`);
  }
  // a download may be cut off
  return response.blob().catch(unreached);
}

/** An address for a message: one that holds the picture itself is long. */
function inShort(address: string): string {
  return address.length > LONGEST ? `${address.slice(0, LONGEST)}…` : address;
}
