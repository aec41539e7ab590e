/** `--masks`: the masks of pictures as PNG files, beside whatever else a command writes. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join, normalize, resolve } from "node:path";
import { Option } from "commander";
import { Sam2Error } from "sam2-contract";
import { decodeRle, type Mask, type Rle, toLabelMap } from "sam2-core";
import { labelMapPng, maskPng } from "../image/mask-png.ts";
import { pathWithin } from "../storage/paths.ts";
import { removeForsaken, writeWhole } from "../storage/whole-file.ts";

/** The options, as commander names them. */
export interface MaskFlags {
  readonly masks?: string;
  readonly labelMap: boolean;
}

/** The options. */
export const maskOptions = (): Option[] => [
  new Option(
    "--masks <folder>",
    "folder for masks as PNG, white where the object is: PICTURE/1.png, PICTURE/2.png and so on",
  ),
  new Option(
    "--label-map",
    "with --masks: one PNG a picture instead, PICTURE.png, of the objects' numbers; small objects lie on large ones",
  ).default(false),
];

/** The masks of a picture; null where an object has none. */
export interface PictureMasks {
  readonly width: number;
  readonly height: number;
  readonly masks: readonly (Rle | null)[];
}

/** The names of the files of single masks. */
const NUMBERED = /^\d+[.]png$/;

/** What a journal notes of the options: a run without them has not written masks. */
export function masksAsked({ masks, labelMap }: MaskFlags): object {
  return masks === undefined ? {} : { masks: resolve(masks), labelMap };
}

/** Checks the options, and deletes what runs that were killed left. @throws InvalidPromptError */
export async function prepareMasks({ masks, labelMap }: MaskFlags): Promise<void> {
  if (masks !== undefined) await removeForsaken(masks);
  else if (labelMap) throw new Sam2Error("InvalidPromptError", "--label-map: expected --masks beside it");
}

/** The one file of a picture's masks, where the options ask for one. */
export function labelMapOf(picture: string, { masks, labelMap }: MaskFlags): string | null {
  return masks === undefined || !labelMap ? null : join(masks, `${picture}.png`);
}

/** Checks that each picture has masks of its own: two names may be one path. @throws InvalidPromptError */
export function checkNames(pictures: Iterable<string>): void {
  const names = new Map<string, string>();
  for (const picture of pictures) {
    const path = normalize(picture);
    const other = names.get(path);
    if (other !== undefined) {
      throw new Sam2Error(
        "InvalidPromptError",
        `--masks: expected images of different files, got two of one, ${other} and ${picture}, whose masks would lie in one place`,
      );
    }
    names.set(path, picture);
  }
}

/**
 * Writes the masks of a picture where the options ask for it. Each file is written whole; those of an earlier run that are
 * no object's any more are deleted.
 *
 * @param picture its path in its folder
 * @throws OutputError
 */
export async function writeMasks(
  picture: string,
  found: PictureMasks,
  { masks: folder, labelMap }: MaskFlags,
): Promise<void> {
  if (folder === undefined) return;
  const path = pathWithin(folder, picture);
  if (path === null) {
    throw new Sam2Error(
      "OutputError",
      `${picture}: expected a path in the folder of the pictures, to write masks under it`,
    );
  }
  if (labelMap) {
    await makeFolder(dirname(path));
    await writeWhole(`${path}.png`, await labelMapPng(toLabelMap(allOf(found))));
    return;
  }
  await makeFolder(path);
  const written = new Set<string>();
  for (const [place, rle] of found.masks.entries()) {
    if (rle === null) continue;
    const name = `${place + 1}.png`;
    await writeWhole(join(path, name), await maskPng(decodeRle(rle)));
    written.add(name);
  }
  for (const name of await readdir(path)) {
    if (NUMBERED.test(name) && !written.has(name)) await rm(join(path, name), { force: true });
  }
}

/** All masks of a picture, an empty one in place of none; at least one. */
function allOf({ width, height, masks }: PictureMasks): Mask[] {
  const none: Mask = { data: new Uint8Array(width * height), width, height };
  return masks.length === 0 ? [none] : masks.map((rle) => (rle === null ? none : decodeRle(rle)));
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: Error) => {
    throw new Sam2Error("OutputError", `${path}: expected a folder for masks: ${cause.message}`, { cause });
  });
}
