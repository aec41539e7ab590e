/** Pictures at addresses. */
import { Sam2Error } from "sam2-contract";

/** Fetches the file of a picture. @throws InvalidImageError */
export async function fetchPicture(address: string): Promise<Blob> {
  const response = await fetch(address).catch((cause: unknown) => {
    throw new Sam2Error("InvalidImageError", `${address}: could not be fetched`, { cause });
  });
  if (!response.ok) {
    throw new Sam2Error("InvalidImageError", `${address}: expected a picture, got status ${response.status}`);
  }
  return response.blob();
}
