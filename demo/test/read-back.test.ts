/** What an export writes, Import reads: the masks of PNGs, SVG and PSD, of which no other tool's code is a judge. */
import { crc32 } from "node:zlib";
import { ZipReader } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { writePsdUint8Array } from "ag-psd";
import fc from "fast-check";
import { encode } from "fast-png";
import { strToU8, zipSync, zlibSync } from "fflate";
import { decodeRle, encodeRle, type Mask, maskArea, type Rle, rleArea } from "sam2-web";
import { afterEach, describe, expect, test, vi } from "vitest";
import { exportProject, type Format } from "../src/formats/archive.ts";
import type { BytesFile } from "../src/formats/png.ts";
import { readProjectFile } from "../src/formats/project-file.ts";
import { fromPsd, toPsd } from "../src/formats/psd.ts";
import { IS_BYTES, readLabels } from "../src/formats/read.ts";
import type { TextFile } from "../src/formats/yolo.ts";
import { unpacked } from "../src/formats/zip.ts";
import {
  EMPTY_PROJECT,
  imageOfPicture,
  type LabeledImage,
  newObject,
  type Project,
  withClass,
  withImage,
} from "../src/labels/annotations.ts";
import { placed } from "../src/labels/detections.ts";
import { merge } from "../src/labels/importing.ts";

const noPicture = (): never => {
  throw new Error("not asked for");
};

const anyMask = (width: number, height: number): fc.Arbitrary<Mask> =>
  fc
    .uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height })
    .filter((data) => data.includes(1))
    .map((data) => ({ data, width, height }));

/** Names as people and systems give them; two pictures may have one name, in folders or not, or stems that are alike. */
const anyName = fc.constantFrom(
  "a.jpg",
  "a-2.jpg",
  "a.png",
  "some photo.jpg",
  "some_photo.jpg",
  "street/4.jpg",
  "park/4.jpg",
  "ärger & co.webp",
  "x.y.jpg",
);
const anyClass = fc.constantFrom("cat", "cat & dog", "ärger/☃", "a: b", "__proto__");

/** Pictures with objects that have pixels, which some formats ask for; most masks of this size have holes and islands. */
const anyProject: fc.Arbitrary<Project> = fc
  .array(anyName, { minLength: 1, maxLength: 4 })
  .chain((names) =>
    fc.tuple(
      ...names.map((name, i) =>
        fc
          .record({ width: fc.integer({ min: 1, max: 4 }), height: fc.integer({ min: 1, max: 3 }) })
          .chain(({ width, height }) =>
            fc.array(fc.tuple(anyClass, anyMask(width, height)), { maxLength: 3 }).map(
              (objects): LabeledImage => ({
                id: `${i}`,
                sha256: `${i}`,
                name,
                width,
                height,
                objects: objects.map(([className, mask]) => newObject(className, encodeRle(mask))),
              }),
            ),
          ),
      ),
    ),
  )
  .map((images) => {
    const classes = [...new Set(images.flatMap(({ objects }) => objects.map(({ className }) => className)))];
    return images.reduce(
      withImage,
      classes.reduce<Project>((all, name) => withClass(all, name), EMPTY_PROJECT),
    );
  });

/** Reads an exported file as the page's worker does. */
async function readBack(project: Project, format: Format, only?: string) {
  const { name, blob } = await exportProject(project, format, noPicture, undefined, only);
  const files = await unpacked([{ name, blob }]);
  return readLabels(
    await Promise.all(
      files.map(
        async ({ name, blob }): Promise<TextFile | BytesFile> =>
          IS_BYTES.test(name)
            ? { name, bytes: new Uint8Array(await blob.arrayBuffer()) }
            : { name, text: await blob.text() },
      ),
    ),
  );
}

/** The set without objects, into which a file of it is then imported. */
const cleared = (project: Project): Project => ({
  ...project,
  images: project.images.map((image) => ({ ...image, objects: [] })),
});

const objectsOf = ({ images }: Project) =>
  images.map(({ name, objects }) => [name, objects.map(({ className, rle }) => [className, rle.counts])]);

describe("written, read, and merged into the set: each picture has its masks again", () => {
  test.each(["masks", "svg", "coco", "labelme", "cvat", "label-studio", "datumaro", "geojson"] as const)(
    "%s",
    async (format) => {
      await fc.assert(
        fc.asyncProperty(anyProject, async (project) => {
          fc.pre(project.images.some(({ objects }) => objects.length > 0));
          const { project: found, leftOut } = await readBack(project, format);
          expect(leftOut).toEqual([]);
          const merged = merge(cleared(project), found);
          expect(merged.added).toEqual([]);
          expect(objectsOf(merged.project)).toEqual(objectsOf(project));
          expect(merged.project.classes.map(({ name }) => name)).toEqual(project.classes.map(({ name }) => name));
        }),
      );
    },
  );

  test("Pascal VOC: an object for each class, which has what no smaller object covers", async () => {
    await fc.assert(
      fc.asyncProperty(anyProject, async (project) => {
        const { project: found, leftOut } = await readBack(project, "voc");
        expect(leftOut).toEqual([]);
        const { project: merged } = merge(cleared(project), found);
        for (const [i, { objects, width, height }] of project.images.entries()) {
          const data = new Uint8Array(width * height).fill(255);
          const sorted = objects.map(({ rle, className }) => ({ mask: decodeRle(rle), className }));
          for (const { mask, className } of sorted.sort((a, b) => maskArea(b.mask) - maskArea(a.mask))) {
            const value = project.classes.findIndex(({ name }) => name === className);
            mask.data.forEach((inside, at) => {
              if (inside) data[at] = value;
            });
          }
          const expected = project.classes.flatMap(({ name }, value): [string, string][] => {
            const mask = { width, height, data: data.map((each) => Number(each === value)) };
            return maskArea(mask) === 0 ? [] : [[name, encodeRle(mask).counts as string]];
          });
          const read = merged.images[i]?.objects.map(({ className, rle }) => [className, rle.counts]);
          expect(read).toEqual(expected);
        }
      }),
    );
  });

  test("PSD: names and what is hidden too", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom("", "Rex", "a: b"),
        fc.boolean(),
        fc.infiniteStream(fc.integer({ min: 0, max: 1 })),
        (width, height, name, hidden, bits) => {
          const data = Uint8Array.from({ length: width * height }, () => bits.next().value as number);
          fc.pre(data.includes(1));
          const object = { ...newObject("cat", encodeRle({ width, height, data })), name, hidden };
          const image: LabeledImage = { id: "a", sha256: null, name: "street/4.jpg", width, height, objects: [object] };
          const picture = { width, height, data: new Uint8ClampedArray(4 * width * height).fill(255) };
          const { project, leftOut } = fromPsd("street/4.psd", toPsd(image, picture));
          expect(leftOut).toEqual([]);
          expect(project.images.map((each) => [each.name, each.width, each.height])).toEqual([
            ["street/4", width, height],
          ]);
          expect(project.images[0]?.objects.map(({ id: _, ...each }) => each)).toEqual(
            [{ ...object, id: undefined }].map(({ id: _, ...each }) => each),
          );
        },
      ),
    );
  });
});

describe("pictures of one name, and of names that become one in a file's", () => {
  /** Pictures of one size, each with an object of its own class. */
  const anySet = fc.array(anyName, { minLength: 1, maxLength: 5 }).map((names): Project => {
    const rle = encodeRle({ width: 3, height: 2, data: new Uint8Array(6).fill(1) });
    const images = names.map((name, i): LabeledImage => {
      return { id: `${i}`, sha256: `${i}`, name, width: 3, height: 2, objects: [newObject(`of ${i}`, rle)] };
    });
    return { classes: images.map((_, i) => ({ name: `of ${i}`, color: "#000000" })), images };
  });
  const classesOf = (images: readonly LabeledImage[]): string[] =>
    images.flatMap(({ id, objects }) => objects.map(({ className }) => `${id}: ${className}`));

  test("YOLO: each has its outlines again, where some are not here too", async () => {
    await fc.assert(
      fc.asyncProperty(anySet, fc.integer({ min: 0, max: 4 }), async (project, away) => {
        const { boxes } = await readBack(project, "yolo");
        const images = project.images.map((image, i) => (i === away ? { ...image, sha256: null } : image));
        const { placed: found, leftOut } = placed(images, boxes);
        expect(found.flatMap(({ image, detections }) => detections.map((each) => [image.id, each.className]))).toEqual(
          images.flatMap(({ id, sha256 }) => (sha256 === null ? [] : [[id, `of ${id}`]])),
        );
        expect(leftOut).toHaveLength(images.length - found.length);
      }),
    );
  });

  test("YOLO of another tool: a name that two pictures have is nobody's", () => {
    const images = ["0", "1"].map((id): LabeledImage => {
      return { id, sha256: id, name: "a.jpg", width: 3, height: 2, objects: [] };
    });
    const detections = [{ className: "cat", score: null, shape: [0, 0, 1, 1] }];
    const result = placed(images, [{ name: "a.txt", size: null, unit: "shares", detections }]);
    expect(result).toEqual({ placed: [], leftOut: ["1 of a.txt: no picture here, or more than one, has this name"] });
  });

  test.each(["masks", "svg", "coco", "labelme", "cvat", "label-studio", "datumaro", "voc"] as const)(
    "%s of one of them alone: that one has its masks again",
    async (format) => {
      await fc.assert(
        fc.asyncProperty(anySet, fc.nat(), async (project, number) => {
          const { id } = project.images[number % project.images.length] as LabeledImage;
          const { project: found } = await readBack(project, format, id);
          expect(classesOf(merge(cleared(project), found).project.images)).toEqual([`${id}: of ${id}`]);
        }),
        { numRuns: 50 },
      );
    },
  );
});

test("of a zip the files of labels are read", async () => {
  const names = [
    "obj.names",
    "obj.data",
    "obj_train_data/a.txt",
    "obj_train_data/a.jpg",
    "__MACOSX/._obj.names",
    "a.JSON",
  ];
  const blob = new Blob([
    zipSync(Object.fromEntries(names.map((name) => [name, strToU8("0")]))) as Uint8Array<ArrayBuffer>,
  ]);
  const files = await unpacked([{ name: "yolo.zip", blob }]);
  expect(files.map(({ name }) => name)).toEqual(["obj.names", "obj_train_data/a.txt", "a.JSON"]);
});

test("labels that came before their picture are found by it, whatever its ending", async () => {
  const [image] = (await readLabels([{ name: "street/4.svg", text: SVG("M0 0L2 0L2 1L0 1Z") }])).project.images;
  const found = imageOfPicture([image as LabeledImage], { name: "street/4.jpg", width: 3, height: 2, sha256: "f" }, [
    "street/4.jpg",
  ]);
  expect(found).toBe(image);
});

function SVG(d: string, size = 'width="3" height="2"'): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}><path d="${d}"><title>cat</title></path></svg>`;
}

const png = (data: number[], more: object = {}): Uint8Array =>
  encode({ width: 2, height: 2, data: Uint8Array.from(data), channels: 1, depth: 8, ...more });
const counts = (...data: number[]): Rle["counts"] =>
  encodeRle({ width: 2, height: 2, data: Uint8Array.from(data) }).counts;

test("Pascal VOC as others write it: values of a palette, edges that are ignored, no list of classes", async () => {
  const palette = [
    [0, 0, 0],
    [128, 0, 0],
    [0, 128, 0],
  ];
  const bytes = png([1, 2, 255, 0], { palette: [...palette, ...Array.from({ length: 253 }, () => [224, 224, 192])] });
  const { project, leftOut } = await readLabels([{ name: "VOC/SegmentationClass/2007_000032.png", bytes }]);
  expect(leftOut).toEqual([]);
  expect(
    project.images.map(({ name, objects }) => [name, ...objects.map((each) => [each.className, each.rle.counts])]),
  ).toEqual([["2007_000032", ["class 1", counts(1, 0, 0, 0)], ["class 2", counts(0, 1, 0, 0)]]]);
});

/** A PNG of these chunks. */
const chunked = (...chunks: [name: string, data: Uint8Array][]): Uint8Array =>
  Uint8Array.from([
    ...png([0, 0, 0, 0]).slice(0, 8),
    ...chunks.flatMap(([name, data]) => {
      const body = Uint8Array.from([...strToU8(name), ...data]);
      const numbers = new DataView(new ArrayBuffer(8));
      numbers.setUint32(0, data.length);
      numbers.setUint32(4, crc32(body));
      const [length, sum] = [0, 4].map((at) => new Uint8Array(numbers.buffer, at, 4)) as [Uint8Array, Uint8Array];
      return [...length, ...body, ...sum];
    }),
  ]);
const header = (width: number, height: number): [string, Uint8Array] => [
  "IHDR",
  Uint8Array.from([0, 0, width >> 8, width, 0, 0, height >> 8, height, 8, 0, 0, 0, 0]),
];
const pixels = (...bytes: number[]): [string, Uint8Array] => ["IDAT", zlibSync(Uint8Array.from(bytes))];
const end: [string, Uint8Array] = ["IEND", new Uint8Array(0)];

test("a PNG's color profile is not looked at: it is deflated too, to any size", async () => {
  const profile: [string, Uint8Array] = ["iCCP", strToU8("name\0\0this is not deflated")];
  const bytes = chunked(header(2, 1), profile, pixels(0, 255, 0), end);
  const { project, leftOut } = await readLabels([{ name: "photo/1-cat.png", bytes }]);
  expect([leftOut, project.images[0]?.objects.map(({ rle }) => rle)]).toEqual([
    [],
    [encodeRle({ width: 2, height: 1, data: Uint8Array.of(1, 0) })],
  ]);
});

describe("PNGs beside other files of labels: what each says is read", () => {
  const coco = JSON.stringify({
    images: [{ id: 1, file_name: "street.jpg", width: 2, height: 2 }],
    categories: [{ id: 1, name: "car" }],
    annotations: [
      { id: 1, image_id: 1, category_id: 1, segmentation: { size: [2, 2], counts: [0, 1, 3] }, iscrowd: 1 },
    ],
  });
  const picture = {
    name: "images/street.png",
    bytes: encode({ width: 1, height: 1, data: new Uint8Array(3), channels: 3 }),
  };
  test.each<[string, (TextFile | BytesFile)[], string[], string[], RegExp | null]>([
    [
      "masks",
      [
        { name: "coco.json", text: coco },
        { name: "photo/1-cat.png", bytes: png([0, 0, 0, 255]) },
      ],
      ["photo: cat", "street.jpg: car"],
      [],
      null,
    ],
    [
      "pictures",
      [{ name: "coco.json", text: coco }, picture],
      ["street.jpg: car"],
      [],
      /^images\/street\.png: expected a PNG of 8 bits/,
    ],
    [
      "pictures of YOLO",
      [picture, { name: "labels/street.txt", text: "0 0.5 0.5 1 1" }],
      [],
      ["street.txt"],
      /^images\/street\.png/,
    ],
    [
      "a file that is none",
      [
        { name: "photo/1-cat.png", bytes: png([0, 0, 0, 255]) },
        { name: "a.json", text: "{" },
      ],
      ["photo: cat"],
      [],
      /^a\.json: expected a file of annotations/,
    ],
  ])("%s", async (_, files, objects, boxes, left) => {
    const read = await readLabels(files);
    const found = read.project.images.flatMap((image) =>
      image.objects.map(({ className }) => `${image.name}: ${className}`),
    );
    expect([found, read.boxes.map(({ name }) => name)]).toEqual([objects, boxes]);
    expect(read.leftOut.join("\n")).toMatch(left ?? /^$/);
  });

  test("of several files of boxes one is none: the others are read", async () => {
    const read = await readLabels([
      { name: "b.json", text: "{" },
      { name: "a.xml", text: VOC_BOX },
    ]);
    expect([read.boxes.map((each) => each.name), read.leftOut.join()]).toEqual([
      ["a.jpg"],
      expect.stringMatching(/^b\.json: expected a file of annotations/),
    ]);
  });
});

const VOC_BOX =
  "<annotation><filename>a.jpg</filename><size><width>9</width><height>9</height></size><object><name>cat</name>" +
  "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object></annotation>";

test("an interlaced PNG, as another tool wrote it", async () => {
  const base64 =
    "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAAAAAHPGAlQAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAAEklEQVQImWNgYPjP8J+BgeE/AAz9Av4yikFgAAAAAElFTkSuQmCC";
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  const { project } = await readLabels([{ name: "photo/1-cat.png", bytes }]);
  const expected = encodeRle({ width: 3, height: 2, data: Uint8Array.of(0, 1, 1, 0, 0, 1) });
  expect(project.images[0]?.objects.map(({ rle }) => rle)).toEqual([expected]);
});

test("an SVG of as many rings as a mask of noise has is read", async () => {
  const side = 1200;
  let d = "";
  for (let y = 0; y < side; y++) {
    for (let x = y % 2; x < side; x += 2) d += `M${x} ${y}L${x + 1} ${y}L${x + 1} ${y + 1}L${x} ${y + 1}Z`;
  }
  const read = await readLabels([{ name: "a.svg", text: SVG(d, `width="${side}" height="${side}"`) }]);
  expect(read.leftOut).toEqual([]);
  expect(maskArea(decodeRle(read.project.images[0]?.objects[0]?.rle as Rle))).toBe(side ** 2 / 2);
});

/** Every other row of a large picture. */
function noise(): Uint8Array {
  const [width, height] = [4096, 4200];
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 2) data.fill(1, y * width, (y + 1) * width);
  return encode({ width, height, data, channels: 1, depth: 8 });
}

/** A path of almost 2²⁰ crossings: the same row, filled an odd number of times. */
const WIDE = `<path d="${"M0 0L8192 0L8192 1L0 1Z".repeat(63)}"/>`;

/** A PSD of two layers that say they have other sides than their pixels. */
function swollen(side = 1): Uint8Array {
  const bytes = psdOf([{ side: 64 }, { side: 64 }], 100, 100);
  const view = new DataView(bytes.buffer);
  // the places where a layer's bottom and right are its sides
  for (let at = 0; at + 8 <= bytes.length; at++) {
    if (view.getUint32(at) !== 64 || view.getUint32(at + 4) !== 64) continue;
    view.setUint32(at, side);
    view.setUint32(at + 4, side);
  }
  return bytes;
}

/** A PSD of layers, opaque, which says afterwards that it is of another size. */
const psdOf = (layers: readonly { side: number; left?: number; top?: number }[], width: number, height: number) => {
  const opaque = (side: number) => ({
    width: side,
    height: side,
    data: new Uint8ClampedArray(4 * side ** 2).fill(255),
  });
  const children = [{ side: 1, left: 0, top: 0 }, ...layers].map(({ side, ...place }) => ({
    ...place,
    name: "cat",
    imageData: opaque(side),
  }));
  const bytes = writePsdUint8Array({ width: 1, height: 1, imageData: opaque(1), children }, { compress: true }).slice();
  new DataView(bytes.buffer).setUint32(14, height);
  new DataView(bytes.buffer).setUint32(18, width);
  return bytes;
};

test("a PSD's layer costs as much as its own pixels, however large the picture is", () => {
  const layers = Array.from({ length: 40 }, (_, i) => ({ side: 2, left: 100 * i, top: 8191 - (i % 2) }));
  const bytes = psdOf(layers, 8192, 8192);
  const start = process.cpuUsage();
  const { project, leftOut } = fromPsd("a.psd", bytes);
  const { user, system } = process.cpuUsage(start);
  expect(leftOut).toEqual([]);
  const areas = project.images[0]?.objects.map(({ rle }) => rleArea(rle));
  expect(areas).toEqual(layers.map((_, i) => (i % 2 === 0 ? 2 : 4)));
  expect((user + system) / 1e6).toBeLessThan(1);
});

test.each([
  [-1, -1, [1, 0, 0, 0, 0, 0]],
  [0, 0, [1, 1, 0, 1, 1, 0]],
  [0, 1, [0, 0, 0, 1, 1, 0]],
  [2, 0, [0, 0, 1, 0, 0, 1]],
  [5, 5, [0, 0, 0, 0, 0, 0]],
])("a PSD's layer at %i, %i: what of it is in the picture", (left, top, data) => {
  const { project } = fromPsd("a.psd", psdOf([{ side: 2, left, top }], 3, 2));
  const expected = encodeRle({ width: 3, height: 2, data: Uint8Array.from(data) });
  expect(project.images[0]?.objects.map(({ rle }) => rle)).toEqual(data.includes(1) ? [expected] : []);
});

describe("left out or refused, with the reason", () => {
  const changed = (change: (bytes: DataView) => void): Uint8Array => {
    const bytes = png([0, 0, 0, 255]).slice();
    change(new DataView(bytes.buffer));
    return bytes;
  };
  const mask = (bytes: Uint8Array, name = "photo/1-cat.png"): (TextFile | BytesFile)[] => [{ name, bytes }];
  const psd = (change: (bytes: DataView) => void): (TextFile | BytesFile)[] => {
    const image: LabeledImage = { id: "", sha256: null, name: "", width: 1, height: 1, objects: [] };
    const bytes = toPsd(image, { width: 1, height: 1, data: new Uint8ClampedArray(4) }).slice();
    change(new DataView(bytes.buffer));
    return [{ name: "a.psd", bytes }];
  };
  const svg = (text: string): (TextFile | BytesFile)[] => [{ name: "a.svg", text }];
  test.each<[string, (TextFile | BytesFile)[], RegExp]>([
    ["a PNG that says it is huge", mask(changed((bytes) => bytes.setUint32(16, 2 ** 30))), /1-cat\.png: expected/],
    [
      "a PNG of colors",
      mask(encode({ width: 1, height: 1, data: new Uint8Array(3), channels: 3 })),
      /expected a PNG of 8 bits a pixel/,
    ],
    ["half a PNG", mask(png([0, 0, 0, 255]).slice(0, 50)), /expected a whole PNG/],
    ["no PNG", mask(new Uint8Array(40)), /expected a PNG/],
    [
      "a PNG whose header comes after something that looks like one",
      mask(chunked(["tEXt", header(2, 1)[1]], header(3, 1), pixels(0, 255, 0, 0), end)),
      /expected a PNG/,
    ],
    [
      "a PNG of two headers",
      mask(chunked(header(2, 1), header(3, 1), pixels(0, 255, 0, 0), end)),
      /expected a whole PNG: it has two headers/,
    ],
    [
      "a PNG that unpacks to more than its pixels",
      mask(chunked(header(2, 1), pixels(0, 255, 0, ...new Uint8Array(2 ** 16)), end)),
      /expected a whole PNG: its pixels are more than it says/,
    ],
    [
      "a PNG that unpacks to less",
      mask(chunked(header(2, 2), pixels(0, 255, 0), end)),
      /expected a whole PNG: its pixels are fewer than it says/,
    ],
    ["a PNG of noise", mask(noise()), /expected masks of at most \d+ edges/],
    [
      "a PNG that is longer than its pixels",
      mask(Uint8Array.from([...png([0, 0, 0, 1]), ...new Uint8Array(2 ** 18)])),
      /expected at most \d+ bytes/,
    ],
    ["a PNG of several values", mask(png([1, 2, 3, 4])), /expected one mask, of one value/],
    [
      "a PNG of which nobody says what it is",
      mask(png([0, 0, 0, 255]), "cat.png"),
      /expected the picture and the class in its path/,
    ],
    ["a slanted path", svg(SVG("M0 0L2 1L0 1Z")), /element 1 \(path\): expected a path along the edges of pixels/],
    ["a path out of the picture", svg(SVG("M0 0L4 0L4 1L0 1Z")), /expected a path along the edges of pixels/],
    ["a curve", svg(SVG("M0 0C2 0 2 1 0 1Z")), /expected a path along the edges of pixels/],
    [
      "a path that crosses the picture again and again",
      svg(SVG("M0 0L3 0L3 1L0 1Z".repeat(9))),
      /expected a path along the edges of pixels/,
    ],
    [
      "paths that cross more columns than there is room for, all together",
      svg(SVG("", 'width="8192" height="4096"').replace(/<path.*path>/, WIDE.repeat(20))),
      /^element \d+ \(path\) and \d+ more: expected a path along the edges of pixels/,
    ],
    ...["M0 0L1 0L1 1L0 1", "M0 0L1 L1 1L0 1Z", "M0 0L1 0L1 1L0 1L1Z", "0 0L1 0Z", "M 0L0 0Z", "Z"].map(
      (d): [string, TextFile[], RegExp] => [
        `no path: ${d}`,
        [{ name: "a.svg", text: SVG(d) }],
        /expected a path along/,
      ],
    ),
    ["an SVG without a size", svg(SVG("", "")), /expected its width and height in pixels/],
    ["an SVG of a huge size", svg(SVG("", 'width="99999" height="99999"')), /pixels at most/],
    ["no SVG", svg("<html/>"), /expected an SVG, got html/],
    ["no XML", svg("<svg"), /expected an SVG/],
    [
      "a PSD whose layer unpacks to more than its pixels",
      [{ name: "a.psd", bytes: swollen() }],
      /layer 2 and 1 more: a layer's pixels are more than it says/,
    ],
    [
      "a PSD whose layers are too large together",
      [{ name: "a.psd", bytes: swollen(9_000) }],
      /layer 3: expected layers of at most \d+ bytes, unpacked/,
    ],
    ["no PSD", [{ name: "a.psd", bytes: new Uint8Array(99) }], /expected a PSD/],
    ["a PSD that says it is huge", psd((bytes) => bytes.setUint32(14, 2 ** 31)), /pixels at most|width and height/],
    [
      "half a PSD",
      [{ name: "a.psd", bytes: (psd(() => undefined)[0] as BytesFile).bytes.slice(0, 40) }],
      /expected a PSD/,
    ],
  ])("%s", async (_, files, reason) => {
    const read = await readLabels(files).then(
      ({ leftOut }) => leftOut.join("\n"),
      (error: Error) => `${error.name}: ${error.message}`,
    );
    expect(read).toMatch(reason);
    expect(read).not.toMatch(/^(?!ImportError)\w*Error/);
  });

  test("a zip: files that are no labels are passed over; one without labels, and one that is none, are refused", async () => {
    const zip = (files: Record<string, string>): Blob =>
      new Blob([
        zipSync(
          Object.fromEntries(Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)])),
        ) as Uint8Array<ArrayBuffer>,
      ]);
    const files = await unpacked([
      { name: "a.zip", blob: zip({ "x/a.json": "{}", "x/a.jpg": "", "x/._a.json": "", ".hidden/b.svg": "<svg/>" }) },
    ]);
    expect(files.map(({ name }) => name)).toEqual(["x/a.json", ".hidden/b.svg"]);
    await expect(unpacked([{ name: "a.zip", blob: zip({ "a.jpg": "" }) }])).rejects.toThrow(
      "a.zip: expected files of labels in it, got none",
    );
    await expect(unpacked([{ name: "a.zip", blob: new Blob(["no zip"]) }])).rejects.toThrow("expected a whole zip");
    await expect(
      unpacked([
        { name: "a.json", blob: new Blob(["{}"]) },
        { name: "b.zip", blob: zip({ "a.jpg": "" }) },
      ]),
    ).rejects.toThrow("b.zip: expected files of labels in it, got none");
  });
});

describe("a zip is closed, also where it is refused", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });
  const zip = (files: Record<string, string>, change = (_: Uint8Array): void => undefined): Blob => {
    const bytes = zipSync(
      Object.fromEntries(Object.entries(files).map(([name, text]) => [name, strToU8(text)])),
    ) as Uint8Array<ArrayBuffer>;
    change(bytes);
    return new Blob([bytes]);
  };
  const labels = (blob: Blob): Promise<unknown> => unpacked([{ name: "a.zip", blob }]);
  test.each<[string, (blob: Blob) => Promise<unknown>, Blob, string]>([
    ["labels", labels, zip({ "a.json": "{}" }), "read"],
    ["labels, of which there are none", labels, zip({ "a.jpg": "" }), "ImportError"],
    ["labels that are damaged", labels, zip({ "a.json": "{{{{{{{{" }, (bytes) => bytes.fill(7, 36, 42)), "ImportError"],
    ["a set that is none", readProjectFile, zip({ "a.json": "{}" }), "NoProjectError"],
    ["a set that is damaged", readProjectFile, zip({ "project.json": "{" }), "ImportError"],
    ["no zip", readProjectFile, new Blob(["no zip"]), "ImportError"],
  ])("%s", async (_, read, blob, ends) => {
    const closed = vi.spyOn(ZipReader.prototype, "close");
    const ended = read(blob).then(
      () => "read",
      (error: Error) => error.name,
    );
    expect([await ended, closed.mock.calls.length]).toEqual([ends, 1]);
  });
});
