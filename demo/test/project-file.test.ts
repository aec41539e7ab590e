/** A set as one file: what is written is read again; what is damaged is named, and loses nothing else. */
import { strToU8, unzipSync, zipSync } from "fflate";
import { digest } from "sam2-core";
import { encodeRle } from "sam2-web";
import { beforeAll, describe, expect, test } from "vitest";
import { type FiledPicture, readPictures, readProjectFile, writeProjectFile } from "../src/formats/project-file.ts";
import { type LabeledImage, newObject, type Project } from "../src/labels/annotations.ts";
import { merge } from "../src/labels/importing.ts";

const PICTURES = [Uint8Array.of(1, 2, 3), Uint8Array.of(4), Uint8Array.of(5)];
const rle = (...data: number[]) => encodeRle({ width: 2, height: 2, data: Uint8Array.from(data) });

let project: Project;
let file: Blob;

const blobOf = (bytes: Uint8Array): Blob => new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "image/png" });
const pictureOf = async (id: string): Promise<Blob | undefined> =>
  id === "2" ? undefined : blobOf(PICTURES[Number(id)] as Uint8Array);

beforeAll(async () => {
  const images = await Promise.all(
    ["a.png", "../a.png", "seaside/b.png", "waits.png"].map(async (name, i): Promise<LabeledImage> => {
      const bytes = PICTURES[i];
      const sha256 = bytes ? await digest(bytes) : null;
      return { id: `${i}`, sha256, name, width: 2, height: 2, objects: [newObject("cat", rle(1, 0, 0, i % 2))] };
    }),
  );
  const [first] = images as [LabeledImage];
  const details = { name: "Tom", hidden: true, locked: true };
  images[0] = { ...first, objects: [...first.objects, { ...newObject("dog", rle(1, 1, 1, 1)), ...details }] };
  const classes = [
    { name: "cat", color: "#123456" },
    { name: "dog\nline", color: "#abcdef" },
    { name: "dog", color: "#000000" },
  ];
  project = { classes, images };
  file = (await writeProjectFile(project, pictureOf)).blob;
});

/** A project without what a file does not hold. */
const withoutIds = ({ classes, images }: Project) => ({
  classes,
  images: images.map(({ id: _, objects, ...image }) => ({
    ...image,
    objects: objects.map(({ id: __, ...each }) => each),
  })),
});

/** What is taken of a file's pictures, and what is said to be missing. */
async function pictures(from: Blob, filed: readonly FiledPicture[]): Promise<[taken: [string, number[]][], string[]]> {
  const taken: [string, number[]][] = [];
  const damaged = await readPictures(from, filed, async (picture, { name }) => {
    taken.push([name, [...new Uint8Array(await picture.arrayBuffer())]]);
  });
  return [taken, damaged];
}

/** The file with changes to what is in it; null takes something out. */
async function changed(changes: Record<string, Uint8Array | null>): Promise<Blob> {
  const files = { ...unzipSync(new Uint8Array(await file.arrayBuffer())), ...changes };
  const left = Object.entries(files).filter((entry): entry is [string, Uint8Array] => entry[1] !== null);
  return new Blob([zipSync(Object.fromEntries(left)) as Uint8Array<ArrayBuffer>]);
}

/** The file with other labels in it. */
async function relabeled(change: (labels: Record<string, never>) => unknown): Promise<Blob> {
  const { "project.json": json } = unzipSync(new Uint8Array(await file.arrayBuffer()));
  return changed({ "project.json": strToU8(JSON.stringify(change(JSON.parse(new TextDecoder().decode(json))))) });
}

test("what was written is read: labels, pictures, and labels whose picture is not there", async () => {
  const read = await readProjectFile(file);
  expect(withoutIds(read.project)).toEqual(withoutIds(project));
  expect(await pictures(file, read.pictures)).toEqual([
    [
      ["a.png", [1, 2, 3]],
      ["../a.png", [4]],
    ],
    [],
  ]);
});

test("pictures that are not in it are named: those that cannot be read now, and those that were never here", async () => {
  const written = await writeProjectFile(project, async (id) => (id === "1" ? undefined : pictureOf(id)));
  expect(written.missing).toEqual(["../a.png", "seaside/b.png", "waits.png"]);
  expect((await readProjectFile(written.blob)).pictures.map(({ name }) => name)).toEqual(["a.png"]);
});

test("any zip program opens it: pictures have their names, and none leads out of the folder", async () => {
  const files = unzipSync(new Uint8Array(await file.arrayBuffer()));
  expect(Object.keys(files)).toEqual(["pictures/a.png", "pictures/a-2.png", "project.json"]);
  expect(files["pictures/a-2.png"]).toEqual(Uint8Array.of(4));
});

test("opened beside what it was made of, it changes nothing; beside nothing, it is the set", async () => {
  const read = await readProjectFile(file);
  expect(merge(project, read.project)).toMatchObject({ project, changed: [], added: [] });
  const alone = merge({ classes: [], images: [] }, read.project);
  expect(withoutIds(alone.project)).toEqual(withoutIds(project));
});

test("a class that objects have and the list lacks is added to it", async () => {
  const read = await readProjectFile(await relabeled((labels) => ({ ...labels, classes: [] })));
  expect(read.project.classes.map(({ name }) => name)).toEqual([
    ...new Set(project.images.flatMap(({ objects }) => objects.map(({ className }) => className))),
  ]);
});

test("labels of hundreds of megabytes come back: what the page saves it opens", async () => {
  const mask = rle(1, 0, 0, 1);
  const name = "x".repeat(1e6);
  const images = Array.from({ length: 90 }, (_, i): LabeledImage => {
    const objects = Array.from({ length: 3 }, () => ({ ...newObject("cat", mask), name }));
    return { id: `${i}`, sha256: null, name: `${i}.png`, width: 2, height: 2, objects };
  });
  const written = await writeProjectFile({ ...project, images }, pictureOf);
  const read = (await readProjectFile(written.blob)).project.images;
  expect(read.map((image) => [image.name, image.objects.length])).toEqual(images.map((image) => [image.name, 3]));
  expect(read.every(({ objects }) => objects.every((each) => each.name === name))).toBe(true);
}, 240_000);

describe("a picture that is", () => {
  test.each<[string, Uint8Array | null]>([
    ["missing", null],
    ["another", Uint8Array.of(9, 9, 9)],
  ])("%s is named; all others are read", async (_, bytes) => {
    const other = await changed({ "pictures/a.png": bytes });
    const read = await readProjectFile(other);
    expect(withoutIds(read.project)).toEqual(withoutIds(project));
    expect(await pictures(other, read.pictures)).toEqual([[["../a.png", [4]]], ["a.png"]]);
  });
});

describe("refused by name", () => {
  test.each<[string, () => Promise<Blob> | Blob, RegExp]>([
    ["no zip", () => new Blob(["GIF89a"]), /expected a project file, which is a zip, whole/],
    ["nothing", () => new Blob([]), /expected a project file, which is a zip, whole/],
    ["labels that are no JSON", () => changed({ "project.json": strToU8("{") }), /project.json is damaged/],
    [
      "labels of another program",
      () => relabeled(() => ({ format: "other" })),
      /expected the format sam2-web project, got other/,
    ],
    ["null", () => relabeled(() => null), /expected the format sam2-web project, got undefined/],
    [
      "a newer version",
      () => relabeled((labels) => ({ ...labels, version: 2 })),
      /is of version 2, and this page reads version 1/,
    ],
    ["no images", () => relabeled((labels) => ({ ...labels, images: undefined })), /project.json: images: /],
    [
      "a mask of another size",
      () =>
        relabeled(({ images, ...labels }) => ({
          ...labels,
          images: (images as unknown as object[]).map((each) => ({ ...each, width: 3 })),
        })),
      /a.png: object 1: RLE: runs add up to 4, expected 6/,
    ],
    [
      "a color that is none",
      () => relabeled((labels) => ({ ...labels, classes: [{ name: "a", color: "url(x)" }] })),
      /classes.0.color: expected a color/,
    ],
  ])("%s", async (_, make, message) => {
    await expect(readProjectFile(await make())).rejects.toThrow(
      expect.objectContaining({ name: "ImportError", message: expect.stringMatching(message) }),
    );
  });

  test("a zip of something else: it may be an export, and so has a name of its own", async () => {
    await expect(
      readProjectFile(new Blob([zipSync({ "a.txt": strToU8("a") }) as Uint8Array<ArrayBuffer>])),
    ).rejects.toThrow(
      expect.objectContaining({ name: "NoProjectError", message: expect.stringMatching(/has a project.json/) }),
    );
  });

  test("a file that is cut off, anywhere", async () => {
    for (let size = 0; size < file.size; size += 7) {
      await expect(readProjectFile(file.slice(0, size))).rejects.toThrow(
        expect.objectContaining({ name: "ImportError" }),
      );
    }
  });

  test("a file with a byte changed, anywhere: named, or read as it was but for what is named", async () => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    for (let at = 0; at < bytes.length; at += 3) {
      const other = bytes.slice();
      (other[at] as number) ^= 0x15;
      try {
        const read = await readProjectFile(new Blob([other]));
        expect(withoutIds(read.project)).toEqual(withoutIds(project));
        for (const [name, content] of (await pictures(new Blob([other]), read.pictures))[0]) {
          expect(content).toEqual([...(PICTURES[name === "a.png" ? 0 : 1] as Uint8Array)]);
        }
      } catch (error) {
        // the byte may be one of the labels' name in the zip
        expect((error as Error).name).toMatch(/^(?:ImportError|NoProjectError)$/);
      }
    }
  });
});
