/** What an export writes, Import reads: the masks of PNGs, SVG and PSD, of which no other tool's code is a judge. */

import fc from "fast-check";
import { encode } from "fast-png";
import { zipSync } from "fflate";
import { decodeRle, encodeRle, type Mask, maskArea, type Rle } from "sam2-web";
import { describe, expect, test } from "vitest";
import { exportProject, type Format } from "../src/formats/archive.ts";
import type { BytesFile } from "../src/formats/png.ts";
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
import { merge } from "../src/labels/importing.ts";

const noPicture = (): never => {
  throw new Error("not asked for");
};

const anyMask = (width: number, height: number): fc.Arbitrary<Mask> =>
  fc
    .uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height })
    .filter((data) => data.includes(1))
    .map((data) => ({ data, width, height }));

/** Names as people and systems give them; two pictures may have stems that are alike. */
const anyName = fc.constantFrom(
  "a.jpg",
  "b.png",
  "a.png",
  "some photo.jpg",
  "street/4.jpg",
  "ärger & co.webp",
  "x.y.jpg",
);
const anyClass = fc.constantFrom("cat", "cat & dog", "ärger/☃", "a: b", "__proto__");

/** Pictures with objects that have pixels, which some formats ask for; most masks of this size have holes and islands. */
const anyProject: fc.Arbitrary<Project> = fc
  .uniqueArray(anyName, { minLength: 1, maxLength: 4 })
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        fc
          .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }) })
          .chain(({ width, height }) =>
            fc.array(fc.tuple(anyClass, anyMask(width, height)), { maxLength: 3 }).map(
              (objects): LabeledImage => ({
                id: name,
                sha256: name,
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
async function readBack(project: Project, format: Format) {
  const { name, blob } = await exportProject(project, format, noPicture);
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

describe("left out or refused, with the reason", () => {
  const header = (change: (bytes: DataView) => void): Uint8Array => {
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
    ["a PNG that says it is huge", mask(header((bytes) => bytes.setUint32(16, 2 ** 30))), /1-cat\.png: expected/],
    [
      "a PNG of colors",
      mask(encode({ width: 1, height: 1, data: new Uint8Array(3), channels: 3 })),
      /expected a PNG of 8 bits a pixel/,
    ],
    ["half a PNG", mask(png([0, 0, 0, 255]).slice(0, 50)), /expected a whole PNG/],
    ["no PNG", mask(new Uint8Array(40)), /expected a PNG/],
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
    ["an SVG without a size", svg(SVG("", "")), /expected its width and height in pixels/],
    ["an SVG of a huge size", svg(SVG("", 'width="99999" height="99999"')), /pixels at most/],
    ["no SVG", svg("<html/>"), /expected an SVG, got html/],
    ["no XML", svg("<svg"), /expected an SVG/],
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
  });
});
