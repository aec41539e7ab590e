/** What files of other tools say that the page does not read, or that others would not read: it is said, or left out. */
import { crc32 } from "node:zlib";
import { type Layer, writePsdUint8Array } from "ag-psd";
import { encode } from "fast-png";
import { decodeRle, encodeRle, rleArea } from "sam2-web";
import { describe, expect, test } from "vitest";
import { toCoco } from "../src/formats/coco.ts";
import { toDatumaro } from "../src/formats/datumaro.ts";
import { toLabelStudio } from "../src/formats/label-studio.ts";
import type { BytesFile } from "../src/formats/png.ts";
import { readLabels } from "../src/formats/read.ts";
import type { TextFile } from "../src/formats/yolo.ts";
import { EMPTY_PROJECT, newObject, withImage } from "../src/labels/annotations.ts";

const size = { width: 6, height: 6 };

const labelme = (...shapes: object[]): string =>
  JSON.stringify({
    imagePath: "a.jpg",
    imageWidth: 6,
    imageHeight: 6,
    shapes: shapes.map((shape) => ({ label: "cat", ...shape })),
  });
const cvat = (element: string): string =>
  `<annotations><image name="a.jpg" width="6" height="6">${element}</image></annotations>`;
const result = (type: string, value: object) => ({
  type,
  original_width: 6,
  original_height: 6,
  value: { [type]: ["cat"], ...value },
});
const task = (...annotations: object[]): string => JSON.stringify([{ id: 1, data: { image: "a.jpg" }, annotations }]);
/** A layer of a PSD, as opaque as that. */
const pixels = (alpha: number): Layer => {
  const data = Uint8ClampedArray.from({ length: 4 * 36 }, (_, i) => (i % 4 === 3 ? alpha : 9));
  return { name: "cat", imageData: { ...size, data } };
};
const speck = [
  [2, 2],
  [2.1, 2],
  [2.1, 2.1],
];

/** Pixels of the objects that are read, and what is left out. */
async function read(text: string): Promise<[areas: number[], leftOut: readonly string[]]> {
  const { project, leftOut } = await readLabels([{ name: "labels", text }]);
  return [project.images.flatMap(({ objects }) => objects.map(({ rle }) => rleArea(rle))), leftOut];
}

describe("a mask without a pixel is left out, and said", () => {
  const why = "expected a mask, got one without a pixel";
  test.each<[string, string, string]>([
    [
      "COCO",
      JSON.stringify({
        images: [{ id: 1, file_name: "a.jpg", ...size }],
        categories: [{ id: 1, name: "cat" }],
        annotations: [{ id: 7, image_id: 1, category_id: 1, segmentation: [speck.flat()] }],
      }),
      "annotation 7",
    ],
    ["CVAT", cvat(`<polygon label="cat" points="${speck.join(";")}"/>`), "a polygon of image a.jpg"],
    ["labelme", labelme({ shape_type: "polygon", points: speck }), "shape 1 of a.jpg"],
    [
      "Label Studio",
      task({ result: [result("polygonlabels", { points: speck.map((at) => at.map((value) => (100 * value) / 6)) })] }),
      "a result of task 1",
    ],
    [
      "Datumaro",
      JSON.stringify({
        categories: { label: { labels: [{ name: "cat" }] } },
        items: [
          {
            id: "a",
            image: { path: "a.jpg", size: [6, 6] },
            annotations: [{ id: 7, type: "polygon", label_id: 0, points: speck.flat() }],
          },
        ],
      }),
      "annotation 7",
    ],
  ])("%s", async (_, text, what) => {
    expect(await read(text)).toEqual([[], [`${what}: ${why}`]]);
  });

  test.each<[string, TextFile | BytesFile, string]>([
    [
      "SVG",
      { name: "a.svg", text: '<svg xmlns="http://www.w3.org/2000/svg" width="6" height="6"><path d=""/></svg>' },
      "element 1 (path)",
    ],
    [
      "a PNG",
      { name: "a/1-cat.png", bytes: encode({ ...size, data: new Uint8Array(36), channels: 1, depth: 8 }) },
      "a/1-cat.png",
    ],
    ["PSD", { name: "a.psd", bytes: writePsdUint8Array({ ...size, children: [pixels(255), pixels(0)] }) }, "layer 2"],
  ])("%s", async (_, file, what) => {
    const { project, leftOut } = await readLabels([file]);
    expect([project.images.flatMap(({ objects }) => objects), leftOut]).toEqual([[], [`${what}: ${why}`]]);
  });

  // pycocotools' annToMask takes an empty list for polygons, and fails at the first of them
  test.each(["rle", "polygons"] as const)("none is written to COCO, %s", (how) => {
    const [none, one] = [0, 1].map((value) =>
      newObject("object", encodeRle({ ...size, data: new Uint8Array(36).fill(value) })),
    );
    const image = { id: "a", sha256: null, name: "a.jpg", ...size, objects: [none, one] as never };
    const { annotations } = toCoco(withImage(EMPTY_PROJECT, image), how);
    expect(annotations.map(({ id, area }) => [id, area])).toEqual([[1, 36]]);
  });
});

describe("areas that are kept for an export, and are no objects here, are said", () => {
  const why = "is kept for an export, but not shown: only polygons, masks and boxes are";
  test.each<[string, string, string[]]>([
    [
      "a circle of labelme",
      labelme({
        shape_type: "circle",
        points: [
          [3, 3],
          [3, 5],
        ],
      }),
      [`shape 1 of a.jpg: circle ${why}`],
    ],
    ["a point of labelme", labelme({ shape_type: "point", points: [[3, 3]] }), []],
    [
      "an ellipse of CVAT",
      cvat('<ellipse label="cat" cx="3" cy="3" rx="2" ry="2"/>'),
      [`a shape of image a.jpg: ellipse ${why}`],
    ],
    ["points of CVAT", cvat('<points label="cat" points="1,1"/>'), []],
    [
      "an ellipse of Label Studio",
      task({ result: [result("ellipselabels", { x: 50, y: 50, radiusX: 20, radiusY: 20 })] }),
      [`a result of task 1: ellipselabels ${why}`],
    ],
    ["a choice of Label Studio", task({ result: [result("choices", {})] }), []],
  ])("%s", async (_, text, leftOut) => {
    expect(await read(text)).toEqual([[], leftOut]);
  });
});

// labelme 3 knew polygons alone, and wrote no shape_type
test("a shape of labelme without a kind is a polygon", async () => {
  expect(
    await read(
      labelme({
        points: [
          [0, 0],
          [6, 0],
          [6, 6],
          [0, 6],
        ],
      }),
    ),
  ).toEqual([[36], []]);
});

// labelme takes whatever PNG there is for a mask, by whether its values are zero (_label_file.py)
test.each([1, 2, 4, 8, 16] as const)("a mask of labelme with %d bits a pixel", async (depth) => {
  // ten pixels a row, of which the first, the fourth and the last are full
  const row = Array.from({ length: 10 }, (_, x) => Number([0, 3, 9].includes(x)));
  const perByte = Math.max(1, 8 / depth);
  const packed = Array.from({ length: Math.ceil(10 / perByte) }, (_, at) =>
    Array.from({ length: perByte }, (_, i) => row[at * perByte + i] ?? 0).reduce((all, bit) => (all << depth) | bit, 0),
  );
  const data = [...packed, ...packed];
  const bytes = encode({
    width: depth < 8 ? packed.length : 10,
    height: 2,
    data: depth === 16 ? Uint16Array.from(data) : Uint8Array.from(data),
    channels: 1,
    depth: depth === 16 ? 16 : 8,
  });
  const png = depth < 8 ? withHeader(bytes, 10, depth) : bytes;
  const text = JSON.stringify({
    imagePath: "a.jpg",
    imageWidth: 12,
    imageHeight: 3,
    shapes: [
      {
        label: "cat",
        shape_type: "mask",
        points: [
          [1, 1],
          [10, 2],
        ],
        mask: Buffer.from(png).toString("base64"),
      },
    ],
  });
  const { project } = await readLabels([{ name: "a.json", text }]);
  const rle = project.images[0]?.objects[0]?.rle;
  const rows =
    rle &&
    Array.from({ length: 3 }, (_, y) =>
      decodeRle(rle)
        .data.slice(12 * y, 12 * y + 12)
        .join(""),
    );
  expect(rows).toEqual(["000000000000", "010010000010", "010010000010"]);
});

/** A PNG whose header says another width and depth: its rows have as many bytes. */
function withHeader(png: Uint8Array, width: number, depth: number): Uint8Array {
  const bytes = png.slice();
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  bytes[24] = depth;
  view.setUint32(29, crc32(bytes.slice(12, 29)));
  return bytes;
}

test("a video of CVAT is refused by name", async () => {
  const text =
    '<annotations><track id="0" label="cat"><box frame="0" xtl="0" ytl="0" xbr="2" ybr="2"/></track></annotations>';
  await expect(read(text)).rejects.toThrow(
    expect.objectContaining({
      name: "ImportError",
      message: expect.stringMatching(/expected images, got tracks of a video/),
    }),
  );
});

// Label Studio's converter skips what was cancelled (converter/converter.py)
test("what was cancelled in Label Studio makes no objects, and is written again", async () => {
  const cancelled = { id: 5, was_cancelled: true, result: [result("brushlabels", { rle: [1, 2, 3] })] };
  const done = {
    id: 6,
    result: [
      result("polygonlabels", {
        points: [
          [0, 0],
          [100, 0],
          [100, 100],
          [0, 100],
        ],
      }),
    ],
  };
  const { project, leftOut } = await readLabels([{ name: "tasks.json", text: task(cancelled, done) }]);
  expect([leftOut, project.images[0]?.objects.length]).toEqual([[], 1]);
  const [written] = toLabelStudio(project) as { annotations: { id: number; result: unknown[] }[] }[];
  expect(written?.annotations.map(({ id, result: results }) => [id, results.length])).toEqual([
    [5, 1],
    [6, 1],
  ]);
  expect(written?.annotations[0]).toEqual(cancelled);
});

// Ultralytics writes the score last, behind the corners (engine/results.py), and refuses coordinates far over 1 (data/utils.py)
test.each<[string, string, [number | null, number[]][], string[]]>([
  ["a score behind the corners", "0 0 0 1 0 1 1 0.75", [[0.75, [0, 0, 1, 0, 1, 1]]], []],
  [
    "a box with a score and the number of a track",
    "0 0.5 0.5 0.2 0.4 0.9 3",
    [],
    ["a.txt, line 1: expected shares of the picture's sides, got 3"],
  ],
  ["corners in pixels", "0 0 0 90 0 90 90", [], ["a.txt, line 1: expected shares of the picture's sides, got 90"]],
  ["a box in pixels", "0 50 50 20 20", [], ["a.txt, line 1: expected shares of the picture's sides, got 50"]],
  ["corners a little outside", "0 0 0 1.1 0 1.1 1", [[null, [0, 0, 1.1, 0, 1.1, 1]]], []],
])("YOLO: %s", async (_, line, expected, reasons) => {
  const { boxes, leftOut } = await readLabels([{ name: "a.txt", text: line }]);
  const found = boxes.flatMap(({ detections }) => detections.map(({ score, shape }) => [score, shape]));
  expect([found, leftOut]).toEqual([expected, reasons]);
});

// as Datumaro and CVAT write labelmap.txt: with colors, or none, and more columns
test.each([
  [
    "with colors",
    "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:128,0,0::\ndog: big:0,128,0:ear,tail:run\n",
  ],
  ["without colors", "# label:color_rgb:parts:actions\nbackground:::\ncat:::\ndog: big:::\n"],
  ["without the line above", "background:0,0,0::\ncat:128,0,0::\ndog: big:0,128,0::"],
  ["as a list", "background\ncat\ndog: big"],
])("labelmap.txt %s names the classes in their order", async (_, text) => {
  const bytes = encode({ width: 2, height: 1, data: Uint8Array.of(1, 2), channels: 1, depth: 8 });
  const files = [
    { name: "labelmap.txt", text },
    { name: "SegmentationClass/a.png", bytes },
  ];
  const { project } = await readLabels(files);
  expect(project.classes.map(({ name }) => name)).toEqual(["cat", "dog: big"]);
  expect(project.images[0]?.objects.map(({ className }) => className)).toEqual(["cat", "dog: big"]);
});

describe("Datumaro", () => {
  const square = { type: "mask", rle: { counts: "0T1", size: [6, 6] } };
  const file = (...items: object[]): string =>
    JSON.stringify({ categories: { label: { labels: [{ name: "low" }, { name: "high" }] } }, items });
  const item = (...annotations: object[]) => ({ id: "a", image: { path: "a.jpg", size: [6, 6] }, annotations });

  test("what has a higher z_order lies over the others", async () => {
    const text = file(
      item({ ...square, id: 1, label_id: 1, z_order: 5 }, { ...square, id: 2, label_id: 0, z_order: 1 }),
    );
    const { project } = await readLabels([{ name: "a.json", text }]);
    expect(project.images[0]?.objects.map(({ className }) => className)).toEqual(["low", "high"]);
  });

  test("an attribute called name that is no text is kept as it is", async () => {
    const text = file(item({ ...square, id: 1, label_id: 1, attributes: { name: 7 } }));
    const { project } = await readLabels([{ name: "a.json", text }]);
    const { items } = toDatumaro(project) as { items: { annotations: { attributes: object }[] }[] };
    expect(items[0]?.annotations[0]?.attributes).toEqual({ name: 7 });
  });

  test("an attribute called name is kept of boxes too", async () => {
    const text = file(item({ id: 1, type: "bbox", label_id: 1, bbox: [0, 0, 2, 2], attributes: { name: "Rex" } }));
    const { boxes } = await readLabels([{ name: "a.json", text }]);
    expect(boxes[0]?.detections[0]?.foreign).toEqual({ datumaro: { attributes: { name: "Rex" } } });
  });

  test.each([
    ["without a picture", { id: "b", annotations: [] }, "b: image: expected an object, got undefined"],
    [
      "without a size",
      { id: "b", image: { path: "b.jpg" } },
      "b: expected its width and height in pixels, got undefined and undefined",
    ],
  ])("an item %s is left out, and the others are read", async (_, other, why) => {
    const text = file(other, item({ ...square, id: 1, label_id: 1 }));
    expect(await read(text)).toEqual([[36], [`item ${why}`]]);
  });
});
