/** What a command writes must not take the place of what it reads, or of what else it writes. */
import { isAbsolute, normalize, relative, sep } from "node:path";
import { Sam2Error } from "sam2-contract";
import { realPath } from "../storage/paths.ts";

/** A file, by what it is to the command: "--out", "the picture". */
interface NamedFile {
  readonly name: string;
  readonly path: string;
}

/** Checks that files that are written are none of those that are read, and each another one. @throws OutputError */
export async function checkOutputs(written: readonly NamedFile[], read: readonly NamedFile[]): Promise<void> {
  const names = new Map<string, string>();
  for (const { name, path } of read) names.set(await realPath(path), name);
  for (const { name, path } of written) {
    const place = await realPath(path);
    const other = names.get(place);
    if (other !== undefined) {
      throw new Sam2Error("OutputError", `${name}: expected another file than that of ${other}, got ${path}`);
    }
    names.set(place, name);
  }
}

/** Checks that a batch's own file is none of its pictures. @throws OutputError */
export async function checkOutput(out: string, folder: string, pictures: Iterable<string>): Promise<void> {
  const place = relative(await realPath(folder), await realPath(out));
  for (const picture of pictures) {
    if (normalize(picture) !== place) continue;
    throw new Sam2Error("OutputError", `--out: expected a file that is none of the pictures, got ${out}`);
  }
}

/** Checks that masks are not written among the pictures of a batch, whose next run would read them. @throws OutputError */
export async function checkMasksFolder(masks: string, pictures: string): Promise<void> {
  const way = relative(await realPath(pictures), await realPath(masks));
  if (way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way)) return;
  throw new Sam2Error("OutputError", `--masks: expected a folder that is not in that of the pictures, got ${masks}`);
}
