/** COCO files, files of masks and project files that are read, and projects that are written in every format. */
import { createHash } from "node:crypto";
import fc from "fast-check";
import { decode } from "fast-png";
import { strToU8, unzipSync, zipSync } from "fflate";
import { decodeRle, encodeRle, rleArea } from "sam2-web";
import { exportProject, FORMATS, type Format } from "../../../demo/src/formats/archive.ts";
import { toCoco } from "../../../demo/src/formats/coco.ts";
import { toLabelme } from "../../../demo/src/formats/labelme.ts";
import { toMaskPng, toVocClasses } from "../../../demo/src/formats/png.ts";
import { readPictures, readProjectFile, writeProjectFile } from "../../../demo/src/formats/project-file.ts";
import { toPsd } from "../../../demo/src/formats/psd.ts";
import { fromJson, readLabels } from "../../../demo/src/formats/read.ts";
import { toSvg } from "../../../demo/src/formats/svg.ts";
import { newObject } from "../../../demo/src/labels/annotations.ts";
import { fillPolygons } from "../../../demo/src/masks/fill.ts";
import { mutatedBytes, mutatedJson } from "../mutate.ts";
import { jsonCase, jsonOf, must, NoCase, type Target, textOf } from "../target.ts";

type Project = Parameters<typeof exportProject>[0];

/** A refusal of the demo's formats. */
const isNamed = (error: unknown): boolean =>
  error instanceof Error && ["ImportError", "NoProjectError", "ExportError"].includes(error.name);

/** Classes and masks, without ids and names of pictures, which may be given anew. */
const essence = ({ classes, images }: Project): string =>
  JSON.stringify([
    classes.map(({ name }) => name),
    images.map(({ width, height, objects }) => [width, height, objects.map(({ className, rle }) => [className, rle])]),
  ]);

const COCO_SEEDS: readonly unknown[] = [
  {
    images: [{ id: 1, file_name: "a.jpg", width: 8, height: 6 }],
    categories: [{ id: 1, name: "cat" }],
    annotations: [
      {
        id: 1,
        image_id: 1,
        category_id: 1,
        segmentation: [[1, 1, 5, 1, 5, 4, 1.5, 4.25]],
        area: 12,
        bbox: [1, 1, 4, 3],
        iscrowd: 0,
      },
      {
        id: 2,
        image_id: 1,
        category_id: 1,
        segmentation: { size: [6, 8], counts: [10, 4, 34] },
        area: 4,
        bbox: [1, 4, 1, 2],
        iscrowd: 1,
      },
      {
        id: 3,
        image_id: 1,
        category_id: 1,
        segmentation: encodeRle({ width: 8, height: 6, data: Uint8Array.from({ length: 48 }, (_, i) => +(i > 20)) }),
      },
      { id: 4, image_id: 1, category_id: 1, bbox: [1, 1, 2, 2] },
    ],
  },
  {
    images: [
      { id: "x", file_name: "dir\\b.png", width: 640, height: 480 },
      { id: "y", file_name: "dir/c.png", width: 900, height: 700 },
    ],
    categories: [
      { id: 7, name: "tree" },
      { id: 9, name: "tree" },
    ],
    annotations: [
      {
        id: 1,
        image_id: "x",
        category_id: 7,
        segmentation: [
          [10.5, 10.5, 600, 20, 300.25, 470],
          [0, 0, 639, 0, 639, 479, 0, 479],
        ],
      },
      { id: 2, image_id: "y", category_id: 9, segmentation: [[10, 10, 890, 20, 500, 690, 20, 400]] },
    ],
  },
];

const corner = fc.oneof(
  fc.double({ min: -20, max: 60, noNaN: true }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const polygonFile = fc
  .array(fc.array(corner, { minLength: 6, maxLength: 30 }), { minLength: 1, maxLength: 4 })
  .map((segmentation) =>
    jsonCase({
      images: [{ id: 1, file_name: "a.jpg", width: 40, height: 30 }],
      categories: [{ id: 1, name: "cat" }],
      annotations: [{ id: 1, image_id: 1, category_id: 1, segmentation }],
    }),
  );

const coco: Target = {
  name: "COCO",
  isJson: true,
  cases: fc.oneof({ weight: 4, arbitrary: mutatedJson(COCO_SEEDS) }, { weight: 1, arbitrary: polygonFile }),
  isRefusal: isNamed,
  check(bytes) {
    const { project } = fromJson(textOf(bytes));
    for (const { width, height, objects } of project.images) {
      for (const { rle } of objects) {
        must(rle.size[0] === height && rle.size[1] === width, "a mask has its image's size");
        must(rleArea(rle) <= width * height, "a mask lies in its image");
      }
    }
    if (project.images.some(({ width, height }) => width * height > 2 ** 24)) return;
    // names of classes are keys in a COCO file
    const again = fromJson(JSON.stringify(toCoco(project, "rle"))).project;
    must(essence(again) === essence(project), "written and read, it is the same");
  },
};

/** A project as it is labeled: any names, and masks as rows of pixels. */
interface LabeledCase {
  readonly classes: readonly string[];
  readonly images: readonly {
    readonly name: string;
    readonly width: number;
    readonly pixels: readonly (readonly number[])[];
  }[];
}

const name = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom(
    "a/b.jpg",
    "../../etc/passwd",
    "/abs.png",
    "C:\\x.png",
    "..",
    ".",
    "",
    "a\nb",
    "con",
    "ä ö.jpg",
    "__proto__",
    "constructor",
    "x".repeat(300),
  ),
);
const anyLabels = fc.record({
  classes: fc.uniqueArray(name, { minLength: 1, maxLength: 4 }),
  images: fc.array(
    fc.record({
      name,
      width: fc.integer({ min: 1, max: 9 }),
      pixels: fc
        .integer({ min: 1, max: 60 })
        .chain((count) => fc.array(fc.array(fc.nat(1), { minLength: count, maxLength: count }), { maxLength: 4 })),
    }),
    { maxLength: 4 },
  ),
});

function isLabeled(value: unknown): value is LabeledCase {
  const { classes, images } = (value ?? {}) as { classes?: unknown; images?: unknown };
  const isText = (each: unknown): boolean => typeof each === "string";
  const isMask = (each: unknown): boolean =>
    Array.isArray(each) && each.length > 0 && each.every((pixel) => pixel === 0 || pixel === 1);
  const isImage = (image: Partial<Record<string, unknown>> | null): boolean =>
    isText(image?.name) &&
    Number.isInteger(image?.width) &&
    Number(image?.width) > 0 &&
    Array.isArray(image?.pixels) &&
    image.pixels.every(isMask);
  if (!Array.isArray(classes) || !Array.isArray(images)) return false;
  return (
    classes.length > 0 && new Set(classes).size === classes.length && classes.every(isText) && images.every(isImage)
  );
}

function projectOf(value: unknown): Project {
  if (!isLabeled(value)) throw new NoCase("the case is no labels");
  const { classes, images } = value;
  const classNames = classes.map((className) => ({ name: className, color: "#112233" }));
  return {
    classes: classNames,
    images: images.map(({ name: imageName, width, pixels }, i) => {
      const height = Math.ceil((pixels[0]?.length ?? 1) / width);
      return {
        id: `image-${i}`,
        sha256: null,
        name: imageName,
        width,
        height,
        objects: pixels.map((values, n) => ({
          id: `object-${i}-${n}`,
          className: classes[n % classes.length] as string,
          rle: encodeRle({
            width,
            height,
            data: Uint8Array.from({ length: width * height }, (_, at) => values[at] ?? 0),
          }),
          name: "",
          hidden: false,
          locked: false,
        })),
      };
    }),
  };
}

const noPicture = (): never => {
  throw new Error("no picture was asked for");
};

/** Formats that need no picture. */
const WRITTEN = (Object.keys(FORMATS) as Format[]).filter((format) => !["cutouts", "psd"].includes(format));

const labels: Target = {
  name: "labels",
  isJson: true,
  cases: anyLabels.map(jsonCase),
  isRefusal: isNamed,
  async check(bytes) {
    const project = projectOf(jsonOf(bytes));
    for (const format of WRITTEN) {
      const file = await exportProject(project, format, noPicture).catch((error: unknown) => {
        if (!isNamed(error)) throw error;
        return null;
      });
      if (!file?.name.endsWith(".zip")) continue;
      const names = Object.keys(unzipSync(new Uint8Array(await file.blob.arrayBuffer())));
      for (const path of names) {
        must(!path.startsWith("/") && !path.split(/[/\\]/).includes(".."), `${format}: ${path} stays in its folder`);
      }
      if (format === "labelme") must(names.length === project.images.length, "labelme: a file for each picture");
    }
    for (const image of project.images) {
      // labelme has no shape without pixels
      const objects = image.objects.filter(({ rle }) => rleArea(rle) > 0);
      const { shapes } = toLabelme(image) as {
        shapes: { shape_type: string; points: number[][]; mask: string | null }[];
      };
      must(shapes.length === objects.length, "labelme: a shape for each object");
      for (const [index, { shape_type, points, mask }] of shapes.entries()) {
        const { data, width, height } = decodeRle(objects[index]?.rle as Parameters<typeof decodeRle>[0]);
        const read =
          shape_type === "polygon"
            ? decodeRle(fillPolygons([points.flat()], width, height)).data
            : pasted(points, decode(Buffer.from(mask ?? "", "base64")), width, height);
        must(
          data.every((value, i) => value === read[i]),
          `labelme: a ${shape_type} is the mask`,
        );
      }
    }
    const back = fromJson(JSON.stringify(toCoco(project, "polygons"))).project;
    const areas = (of: Project): number[] =>
      of.images.map(({ objects }) => objects.reduce((sum, { rle }) => sum + rleArea(rle), 0));
    must(areas(back).join() === areas(project).join(), "COCO's polygons keep the masks");
  },
};

/** A labelme mask in its picture; its box holds its last row and column. */
function pasted(
  [first = [], last = []]: number[][],
  png: ReturnType<typeof decode>,
  width: number,
  height: number,
): Uint8Array {
  const [left = 0, top = 0] = first;
  const data = new Uint8Array(width * height);
  const columns = (last[0] ?? 0) - left + 1;
  for (let i = 0; i < png.data.length; i++) {
    data[(top + Math.floor(i / columns)) * width + left + (i % columns)] = png.data[i] as number;
  }
  return data;
}

const PROJECT = {
  format: "sam2-web project",
  version: 1,
  classes: [{ name: "cat", color: "#123456" }],
  images: [
    {
      sha256: null,
      name: "a.png",
      width: 3,
      height: 4,
      picture: null,
      objects: [{ class: "cat", name: "Tom", hidden: false, locked: true, rle: "66" }],
    },
    {
      sha256: createHash("sha256").update("picture").digest("hex"),
      name: "b.png",
      width: 2,
      height: 2,
      picture: { path: "pictures/b.png", type: "image/png" },
      objects: [],
    },
  ],
};

/** A project file with this as its labels, and one picture. */
function projectFile(labels: Uint8Array, level: 0 | 6): Uint8Array {
  return zipSync({ "project.json": labels, "pictures/b.png": strToU8("picture") }, { level });
}

async function checkProjectFile(bytes: Uint8Array): Promise<void> {
  const blob = new Blob([bytes as Uint8Array<ArrayBuffer>]);
  const { project, pictures } = await readProjectFile(blob);
  const damaged = await readPictures(blob, pictures, async (picture) => {
    must(picture.size > 0, "a picture that is taken has bytes");
  });
  must(damaged.length <= pictures.length, "no more is damaged than there is");
  const again = await writeProjectFile(project, async () => undefined);
  must(essence((await readProjectFile(again.blob)).project) === essence(project), "written and read, it is the same");
}

const projectLabels: Target = {
  name: "project.json",
  isJson: true,
  cases: mutatedJson([PROJECT]),
  isRefusal: isNamed,
  check: (bytes) => checkProjectFile(projectFile(bytes, 0)),
};

const projectFiles: Target = {
  name: "project file",
  isJson: false,
  cases: mutatedBytes([projectFile(jsonCase(PROJECT), 0), projectFile(jsonCase(PROJECT), 6)]),
  isRefusal: isNamed,
  check: checkProjectFile,
};

/** A picture with two masks, for files that hold masks as pixels or paths. */
const DRAWN: Project["images"][number] = {
  id: "a",
  sha256: null,
  name: "a.jpg",
  width: 7,
  height: 5,
  objects: ["cat", "dog"].map((className, i) =>
    newObject(
      className,
      encodeRle({ width: 7, height: 5, data: Uint8Array.from({ length: 35 }, (_, at) => +(at % (i + 3) > 1)) }),
    ),
  ),
};
const DRAWN_CLASSES = DRAWN.objects.map(({ className }) => ({ name: className, color: "#000000" }));
const DRAWN_PICTURE = { width: 7, height: 5, data: new Uint8ClampedArray(4 * 35).fill(255) };

/** Files of masks, told apart by how they begin. */
const maskFiles: Target = {
  name: "mask file",
  isJson: false,
  cases: mutatedBytes([
    toMaskPng(DRAWN.objects[0] as (typeof DRAWN.objects)[number], "a.jpg"),
    toVocClasses(DRAWN, DRAWN_CLASSES),
    strToU8(toSvg(DRAWN, DRAWN_CLASSES)),
    toPsd(DRAWN, DRAWN_PICTURE),
  ]),
  isRefusal: isNamed,
  async check(bytes) {
    const isOf = (start: string): boolean =>
      new TextDecoder("latin1").decode(bytes.subarray(0, start.length)) === start;
    const file = isOf("\x89PNG")
      ? { name: "SegmentationClass/a.png", bytes }
      : isOf("8BPS")
        ? { name: "a.psd", bytes }
        : { name: "a.svg", text: textOf(bytes) };
    const { project } = await readLabels([file]);
    for (const { width, height, objects } of project.images) {
      for (const { rle } of objects) {
        must(rle.size[0] === height && rle.size[1] === width, "a mask has its image's size");
        must(rleArea(rle) <= width * height, "a mask lies in its image");
      }
    }
  },
};

export const LABELS: readonly Target[] = [coco, labels, projectLabels, projectFiles, maskFiles];
