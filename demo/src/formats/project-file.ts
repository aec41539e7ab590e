/**
 * A whole set of pictures and labels as one file, for backup and for opening it on another device.
 *
 * A zip: the labels in `project.json`, the unchanged pictures in the folder `pictures`, under their names. Large sets
 * are no problem: the zip is read and written piece by piece.
 */
import { BlobReader, BlobWriter, type FileEntry, ZipWriter } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { digest } from "sam2-core";
import { expandRuns } from "sam2-web";
import { v4 as randomId } from "uuid";
import * as v from "valibot";
import {
  type LabeledImage,
  type LabeledObject,
  MOST_PIXELS,
  newObject,
  type Project,
  withClassesOf,
} from "../labels/annotations.ts";
import { distinct } from "../labels/names.ts";
import type { WrittenFile } from "./archive.ts";
import type { Progress } from "./coco.ts";
import { ImportError, NoProjectError, shown } from "./errors.ts";
import { readPieces } from "./json-pieces.ts";
import { checkDepth } from "./labels-file.ts";
import { withFilesOf } from "./zip.ts";

/** Value of the field `format`. */
const FORMAT = "sam2-web project";

/** Increased when older versions of the page cannot read the file any more. */
export const PROJECT_FILE_VERSION = 1;

/** What such a file is, in messages. */
const EXPECTED = "a project file, which is a zip, whole";

/** The largest project.json that is read, in bytes: more than a page can hold. */
const MOST_LABELS = 2 ** 32;

/** The largest picture that is read, in bytes. */
const LARGEST_PICTURE = 2 ** 29;

const name = v.string();
const side = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 20));
/** Fields of other tools' files, by format. */
const foreign = v.optional(
  v.record(
    v.string(),
    v.pipe(v.record(v.string(), v.unknown()), v.check(isShallow, "expected data that is not nested so deep")),
  ),
);
const Labels = v.object({
  foreign,
  classes: v.array(
    v.object({
      name,
      color: v.pipe(v.string(), v.regex(/^#[0-9a-f]{6}$/i, "expected a color, #rrggbb")),
      overlap: v.optional(v.picklist(["gives way", "protected"])),
      foreign,
    }),
  ),
  images: v.array(
    v.object({
      /** null if the picture was missing when the file was written. */
      sha256: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "expected SHA-256 in hexadecimal"))),
      name,
      width: side,
      height: side,
      review: v.optional(v.picklist(["done", "needs a look"])),
      seconds: v.optional(v.pipe(v.number(), v.minValue(0))),
      foreign,
      /** The picture in the zip, and its media type. */
      picture: v.nullable(v.object({ path: v.string(), type: v.string() })),
      objects: v.array(
        v.object({
          class: v.string(),
          name,
          hidden: v.boolean(),
          locked: v.boolean(),
          score: v.optional(v.number()),
          checked: v.optional(v.boolean()),
          foreign,
          /** Compressed COCO RLE of the image's size. */
          rle: v.string(),
        }),
      ),
    }),
  ),
});

/** A picture in a project file. */
export interface FiledPicture {
  readonly path: string;
  readonly type: string;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
}

/** What a project file holds. */
export interface ProjectFile {
  readonly project: Project;
  readonly pictures: readonly FiledPicture[];
}

/** A relative path that does not lead out of the folder. */
const safePath = (path: string): string =>
  path
    .split(/[\\/]/)
    .filter((part) => !/^\.*$/.test(part))
    .join("/") || "picture";

/**
 * Writes a set.
 *
 * @param pictureOf returns the picture of an image; if it is missing, the labels are written without it
 */
export async function writeProjectFile(
  { classes, images, foreign }: Project,
  pictureOf: (id: string) => Promise<Blob | undefined>,
  onProgress?: Progress,
): Promise<WrittenFile> {
  const zip = new ZipWriter(new BlobWriter("application/zip"));
  const paths = distinct(images.map((image) => `pictures/${safePath(image.name)}`));
  const written: v.InferOutput<typeof Labels>["images"] = [];
  const missing: string[] = [];
  for (const [i, { id, sha256, name, width, height, review, seconds, foreign, objects }] of images.entries()) {
    const picture = sha256 === null ? undefined : await pictureOf(id);
    const path = paths[i] as string;
    // pictures are compressed already
    if (picture) await zip.add(path, new BlobReader(picture), { level: 0 });
    else missing.push(name);
    written.push({
      sha256,
      name,
      width,
      height,
      review,
      seconds,
      foreign,
      picture: picture ? { path, type: picture.type } : null,
      objects: objects.map(({ id: _, className, rle, ...each }) => ({ class: className, ...each, rle: rle.counts })),
    });
    onProgress?.(i + 1, images.length);
  }
  const labels = { format: FORMAT, version: PROJECT_FILE_VERSION, foreign, classes };
  await zip.add("project.json", streamOf(inPieces(labels, written)));
  return { name: "project.zip", blob: await zip.close(), missing };
}

/** The JSON of labels, image by image: all of it may be longer than a text can be. */
function* inPieces(labels: object, images: readonly object[]): Generator<string> {
  yield `${JSON.stringify(labels).slice(0, -1)},"images":[`;
  for (const [i, image] of images.entries()) yield `${i === 0 ? "" : ","}${JSON.stringify(image)}`;
  yield "]}\n";
}

/** Texts as a stream of bytes, each made when it is asked for. */
function streamOf(texts: Iterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull(controller) {
      const { done, value } = texts.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
  });
}

/**
 * Reads the labels of a set; `readPictures` reads its pictures.
 *
 * @throws NoProjectError when there are no labels of a set in it, ImportError when it is no zip, damaged, or of a newer version
 */
export async function readProjectFile(file: Blob): Promise<ProjectFile> {
  const images: unknown[] = [];
  const content = await withFilesOf(file, EXPECTED, async (files) => {
    const entry = files.get("project.json");
    if (!entry) throw new NoProjectError("expected a project file, which has a project.json in it");
    if (entry.uncompressedSize > MOST_LABELS) {
      throw new ImportError(`project.json: expected ${MOST_LABELS} bytes at most, got ${entry.uncompressedSize}`);
    }
    try {
      const json = await entry.getData(new BlobWriter(), { checkSignature: true });
      return await readPieces(json, "images", (image) => images.push(image));
    } catch (error) {
      throw new ImportError(`project.json is damaged: ${(error as Error).message}`);
    }
  });
  const { format, version } = content ?? {};
  if (format !== FORMAT) throw new ImportError(`project.json: expected the format ${FORMAT}, got ${shown(format)}`);
  if (version !== PROJECT_FILE_VERSION) {
    throw new ImportError(
      `the project file is of version ${shown(version)}, and this page reads version ${PROJECT_FILE_VERSION}; reload the page to get its newest version`,
    );
  }
  const labels = v.safeParse(Labels, Array.isArray(content?.images) ? { ...content, images } : content);
  if (!labels.success) {
    const [issue] = labels.issues;
    throw new ImportError(`project.json: ${v.getDotPath(issue) ?? "labels"}: ${issue.message}`);
  }
  const { classes, images: read, foreign } = labels.output;
  const pictures = read.flatMap(({ sha256, picture, ...facts }): FiledPicture[] =>
    sha256 !== null && picture ? [{ ...picture, ...facts, sha256 }] : [],
  );
  const project = { classes, images: read.map(readImage), ...(foreign && { foreign }) };
  // a file that was made by hand may lack classes in its list
  const objects = project.images.flatMap((image) => image.objects);
  return { project: withClassesOf(project, objects), pictures };
}

/** Whether data of another tool's file is such as the readers of those let through. */
function isShallow(fields: Record<string, unknown>): boolean {
  try {
    checkDepth(fields, "foreign");
    return true;
  } catch {
    return false;
  }
}

function readImage({
  sha256,
  name,
  width,
  height,
  review,
  seconds,
  foreign,
  objects,
}: v.InferOutput<typeof Labels>["images"][number]): LabeledImage {
  if (width * height > MOST_PIXELS) {
    throw new ImportError(`${name}: expected ${MOST_PIXELS} pixels at most, got ${width}×${height}`);
  }
  return {
    id: randomId(),
    sha256,
    name,
    width,
    height,
    ...(review && { review }),
    ...(seconds !== undefined && { seconds }),
    ...(foreign && { foreign }),
    objects: objects.map(({ class: className, rle: counts, ...each }, i): LabeledObject => {
      const rle = { size: [height, width], counts } as const;
      try {
        expandRuns(rle);
      } catch (error) {
        throw new ImportError(`${name}: object ${i + 1}: ${(error as Error).message}`);
      }
      return { ...newObject(className, rle), ...each };
    }),
  };
}

/**
 * Reads pictures, one after the other.
 *
 * @param take called with each picture; the next one is read when its promise resolves
 * @returns names of the pictures that are missing in the file, or whose content has changed
 */
export async function readPictures(
  file: Blob,
  pictures: readonly FiledPicture[],
  take: (picture: Blob, facts: FiledPicture) => Promise<unknown>,
  onProgress?: Progress,
): Promise<string[]> {
  const damaged: string[] = [];
  await withFilesOf(file, EXPECTED, async (files) => {
    for (const [i, facts] of pictures.entries()) {
      const picture = await readPicture(files.get(facts.path), facts.type);
      const isWhole = picture && (await digest(new Uint8Array(await picture.arrayBuffer()))) === facts.sha256;
      if (isWhole) await take(picture, facts);
      else damaged.push(facts.name);
      onProgress?.(i + 1, pictures.length);
    }
  });
  return damaged;
}

async function readPicture(entry: FileEntry | undefined, type: string): Promise<Blob | undefined> {
  if (!entry || entry.uncompressedSize > LARGEST_PICTURE) return undefined;
  try {
    return await entry.getData(new BlobWriter(type));
  } catch {
    return undefined;
  }
}
