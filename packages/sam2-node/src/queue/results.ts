/** Where results are kept. */
import { mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Sam2Error } from "sam2-contract";
import { writeWhole } from "../storage/whole-file.ts";

/** Whether a result is there: they are written whole or not at all, and an empty one is what a power failure left. */
export async function hasResult(folder: string, path: string): Promise<boolean> {
  return stat(join(folder, path)).then(
    (found) => found.isFile() && found.size > 0,
    () => false,
  );
}

/** Writes a result to its place. Whoever else writes the same one meanwhile writes the same content. @throws OutputError */
export async function writeResult(folder: string, path: string, content: string | Uint8Array): Promise<void> {
  const file = join(folder, path);
  try {
    await mkdir(dirname(file), { recursive: true });
  } catch (cause) {
    throw new Sam2Error("OutputError", `${file}: could not be written: ${(cause as Error).message}`, { cause });
  }
  await writeWhole(file, content);
}

/** Puts a result to an address that was signed for it. @throws OutputError */
export async function putResult(address: string, content: string | Uint8Array): Promise<void> {
  // the signature is as good as a password
  const shown = address.replace(/[?].*/, "");
  const headers = { "Content-Type": typeof content === "string" ? "application/json" : "application/octet-stream" };
  const body = typeof content === "string" ? content : new Blob([content as Uint8Array<ArrayBuffer>]);
  const response = await fetch(address, { method: "PUT", body, headers }).catch((cause: unknown) => {
    throw new Sam2Error("OutputError", `${shown}: could not be reached`, { cause });
  });
  await response.body?.cancel();
  if (!response.ok) throw new Sam2Error("OutputError", `${shown}: expected status 200, got ${response.status}`);
}
