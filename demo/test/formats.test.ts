/** What the demo writes: against pycocotools, and read back. */
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { decode, encode } from "fast-png";
import { unzipSync } from "fflate";
import { decodeRle, encodeRle, type Mask, maskArea, maskToPolygons, type Rle, rleArea } from "sam2-web";
import { describe, expect, test, vi } from "vitest";
import { exportProject } from "../src/formats/archive.ts";
import { fromBrush } from "../src/formats/brush-runs.ts";
import { toCoco } from "../src/formats/coco.ts";
import { joined } from "../src/formats/join.ts";
import { toLabelme } from "../src/formats/labelme.ts";
import { checkHeader, decodePicture } from "../src/formats/picture.ts";
import { toVocClasses } from "../src/formats/png.ts";
import { fromJson, readLabels } from "../src/formats/read.ts";
import { toSvg } from "../src/formats/svg.ts";
import { toYolo, toYoloDataset } from "../src/formats/yolo.ts";
import {
  EMPTY_PROJECT,
  type LabeledImage,
  newObject,
  type Project,
  withClass,
  withImage,
} from "../src/labels/annotations.ts";
import { fillPolygons } from "../src/masks/fill.ts";

const anyMask = fc
  .record({ width: fc.integer({ min: 2, max: 12 }), height: fc.integer({ min: 2, max: 12 }) })
  .chain(({ width, height }) =>
    fc
      .uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height })
      .map((data): Mask => ({ data, width, height })),
  );

function mask(...rows: string[]): Mask {
  return { data: Uint8Array.from(rows.join(""), Number), width: rows[0]?.length ?? 0, height: rows.length };
}

/** Two classes; a frame with a hole and an island in it, and a square over its corner. */
const FRAME = mask("111110", "100010", "101010", "100010", "111110", "000000");
const SQUARE = mask("110000", "110000", "000000", "000000", "000000", "000000");
const object = (className: string, given: Mask) => newObject(className, encodeRle(given));
const IMAGE: LabeledImage = {
  id: "a",
  sha256: null,
  name: "some photo.jpg",
  width: 6,
  height: 6,
  objects: [object("object", FRAME), object("cat & dog", SQUARE)],
};
const PROJECT: Project = withImage(withClass(EMPTY_PROJECT, "cat & dog"), IMAGE);

const noPicture = (): never => {
  throw new Error("not asked for");
};

const withoutIds = ({ classes, images }: Project) => ({
  classes: classes.map((each) => ({ ...each, foreign: undefined })),
  images: images.map(({ objects, ...image }) => ({
    ...image,
    id: "",
    foreign: undefined,
    objects: objects.map((each) => ({ ...each, id: "" })),
  })),
});

/** Fills a ring by the even-odd rule at the middles of pixels. */
function filled(ring: readonly (readonly [number, number])[], width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [(i % width) + 0.5, Math.floor(i / width) + 0.5];
    let crossings = 0;
    for (const [j, [x1, y1]] of ring.entries()) {
      const [x2, y2] = ring[(j + 1) % ring.length] as readonly [number, number];
      if (y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) crossings++;
    }
    return crossings % 2;
  });
}

/** Pixels of a ring as pycocotools finds them: along its outline, cell by cell of a grid five times as fine. */
function walked(ring: readonly number[], width: number, height: number): [number, number][] {
  const cells = ring.map((coordinate) => Math.trunc(5 * coordinate + 0.5));
  const path: [number, number][] = [];
  for (let i = 0; i < cells.length; i += 2) {
    let [x1, y1] = [cells[i] as number, cells[i + 1] as number];
    let [x2, y2] = [cells[(i + 2) % cells.length] as number, cells[(i + 3) % cells.length] as number];
    const [wide, high] = [Math.abs(x2 - x1), Math.abs(y2 - y1)];
    const isTurned = wide >= high ? x1 > x2 : y1 > y2;
    if (isTurned) [x1, y1, x2, y2] = [x2, y2, x1, y1];
    const steps = Math.max(wide, high);
    const edge = Array.from({ length: steps + 1 }, (_, step): [number, number] => {
      if (wide >= high) return [x1 + step, Math.trunc(y1 + (steps && (y2 - y1) / steps) * step + 0.5)];
      return [Math.trunc(x1 + ((x2 - x1) / steps) * step + 0.5), y1 + step];
    });
    path.push(...(isTurned ? edge.reverse() : edge));
  }
  const turns: number[] = [];
  for (const [i, [x, y]] of path.entries()) {
    const [lastX, lastY] = path[i - 1] ?? [x, y];
    const column = (Math.min(x, lastX) - 2) / 5;
    if (x === lastX || !Number.isInteger(column) || column < 0 || column >= width) continue;
    const row = Math.ceil((Math.min(y, lastY) + 0.5) / 5 - 0.5);
    turns.push(column * height + Math.min(Math.max(row, 0), height));
  }
  turns.sort((a, b) => a - b);
  const pixels: [number, number][] = [];
  for (let i = 0; i < turns.length; i += 2) {
    for (let at = turns[i] as number; at < (turns[i + 1] ?? width * height); at++) {
      pixels.push([Math.floor(at / height), at % height]);
    }
  }
  return pixels;
}

test("one ring through pieces and holes is the mask again", () => {
  fc.assert(
    fc.property(anyMask, (given) => {
      fc.pre(maskArea(given) > 0);
      expect(filled(joined(maskToPolygons(given)), given.width, given.height)).toEqual(given.data);
    }),
  );
});

test("thousands of pieces and holes are joined in the time of a few", () => {
  const side = 300;
  const grid = new Uint8Array(side * side).map((_, i) => Number(i % 3 > 0 || Math.floor(i / side) % 3 > 0));
  const specks = grid.map((value) => 1 - value);
  for (const data of [grid, specks]) {
    const ring = joined(maskToPolygons({ data, width: side, height: side }));
    expect(ring.length).toBeGreaterThan(37_000);
    expect(fillPolygons([ring.flat()], side, side)).toEqual(encodeRle({ data, width: side, height: side }));
  }
});

/** Why a file is refused, or what of it is left out, and why. */
const reasonOf = (text: string): Promise<string> =>
  readLabels([{ name: "labels", text }]).then(
    ({ leftOut }) => leftOut.join("\n"),
    (error: Error) => error.message,
  );

interface Filled {
  polygons: number[][];
  filled: Rle;
}

/** Polygons, and what pycocotools makes of them (models/reference/fill_polygons.py). */
async function casesOfPycocotools<Case extends Filled>(file: string): Promise<Case[]> {
  return JSON.parse(await readFile(new URL(file, import.meta.url), "utf8"));
}

describe("COCO", () => {
  test("comes back as it was", () => {
    const again = fromJson(JSON.stringify(toCoco(PROJECT, "rle")));
    expect(withoutIds(again.project)).toEqual(withoutIds(PROJECT));
  });

  test("ids count from one, boxes and areas are the masks'", () => {
    const { annotations, categories, images } = toCoco(PROJECT, "rle");
    expect(images).toEqual([{ id: 1, file_name: "some photo.jpg", width: 6, height: 6 }]);
    expect(categories.map(({ id, name }) => [id, name])).toEqual([
      [1, "object"],
      [2, "cat & dog"],
    ]);
    expect(
      annotations.map(({ id, image_id, category_id, area, bbox }) => [id, image_id, category_id, area, bbox]),
    ).toEqual([
      [1, 1, 1, 17, [0, 0, 5, 5]],
      [2, 1, 2, 4, [0, 0, 2, 2]],
    ]);
  });

  test("pycocotools fills the polygons as the masks, holes too", async () => {
    const cases = await casesOfPycocotools<Filled & { mask: Rle }>("pycocotools.json");
    expect(cases.length).toBeGreaterThan(3);
    for (const { mask: rle, polygons, filled: theirs } of cases) {
      const [height, width] = rle.size;
      const image = {
        id: "a",
        sha256: null,
        name: "a.png",
        width,
        height,
        objects: [object("object", decodeRle(rle))],
      };
      const [annotation] = toCoco(withImage(EMPTY_PROJECT, image), "polygons").annotations;
      expect(annotation?.segmentation).toEqual(polygons);
      const [ours, filledByThem] = [decodeRle(rle).data, decodeRle(theirs).data];
      const both = ours.reduce((sum, value, i) => sum + (value & (filledByThem[i] as number)), 0);
      const either = ours.reduce((sum, value, i) => sum + (value | (filledByThem[i] as number)), 0);
      expect(both / either).toBeGreaterThanOrEqual(0.99);
    }
  });

  test.each([
    ["of masks", "pycocotools.json"],
    ["that cross themselves, leave the picture or have no area", "odd-polygons.json"],
  ])("polygons %s are read to the pixel as pycocotools fills them", async (_, fixture) => {
    for (const { polygons, filled: theirs } of await casesOfPycocotools(fixture)) {
      const [height, width] = theirs.size;
      expect(fillPolygons(polygons, width, height)).toEqual(theirs);
      const file = {
        images: [{ id: 3, file_name: "a.png", width, height }],
        categories: [{ id: 9, name: "thing" }],
        annotations: [{ id: 1, image_id: 3, category_id: 9, segmentation: polygons }],
      };
      const { objects } = fromJson(JSON.stringify(file)).project.images[0] as LabeledImage;
      expect(objects.map(({ rle }) => rle)).toEqual(rleArea(theirs) === 0 ? [] : [theirs]);
    }
  });

  test("polygons of any corners are filled as walking along their cells fills them", () => {
    const coordinate = fc.oneof(
      fc.integer({ min: -20, max: 40 }),
      fc.double({ min: -20, max: 40, noNaN: true }),
      fc.constantFrom(-300, 300.25),
    );
    const ring = fc
      .array(fc.tuple(coordinate, coordinate), { minLength: 3, maxLength: 40 })
      .map((corners) => corners.flat());
    const side = fc.integer({ min: 1, max: 24 });
    fc.assert(
      fc.property(fc.array(ring, { maxLength: 3 }), side, side, (rings, width, height) => {
        const data = new Uint8Array(width * height);
        for (const each of rings) for (const [x, y] of walked(each, width, height)) data[y * width + x] = 1;
        expect(fillPolygons(rings, width, height)).toEqual(encodeRle({ data, width, height }));
      }),
      { numRuns: 300 },
    );
  });

  test.each([1e6, 1e12, 1e300])("corners %d pixels away end at the picture's edge", (far) => {
    const [width, height] = [7, 5];
    const square = [-far, -far, far, -far, far, far, -far, far];
    const triangle = [0, 0, far, 0, 0, far];
    for (const ring of [square, triangle]) {
      expect(fillPolygons([ring], width, height)).toEqual(
        encodeRle({ data: new Uint8Array(width * height).fill(1), width, height }),
      );
    }
    const left = [-far, 0, 3, 0, 3, far, -far, far];
    const data = Uint8Array.from({ length: width * height }, (_, i) => Number(i % width < 3));
    expect(fillPolygons([left], width, height)).toEqual(encodeRle({ data, width, height }));
  });

  test("polygons of 100,000 corners are read in the time that their outlines take", () => {
    const corners = 100_000;
    const start = process.cpuUsage();
    const around = Array.from({ length: corners }, (_, i) => {
      const angle = (2 * Math.PI * i) / corners;
      return [2000 + 1900 * Math.cos(angle), 1500 + 1400 * Math.sin(angle)];
    }).flat();
    const scribble = Array.from({ length: corners }, (_, i) => [i % 2 === 0 ? 5 : 200, (i * 0.37) % 290]).flat();
    expect(rleArea(fillPolygons([around], 4000, 3000)) / (Math.PI * 1900 * 1400)).toBeCloseTo(1, 3);
    expect(rleArea(fillPolygons([scribble, scribble], 300, 300))).toBeGreaterThan(1000);
    // many polygons of one object, one over the other
    const many = Array.from({ length: corners / 4 }, (_, i) => [i % 50, 0, 300, i % 30, 290, 300, 0, 290]);
    expect(rleArea(fillPolygons(many, 300, 300))).toBeGreaterThan(80_000);
    // of this process: what else the machine does takes none of it
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6).toBeLessThan(30);
  }, 240_000);

  test("it says how far it is", () => {
    const said: [number, number][] = [];
    const text = JSON.stringify(toCoco(PROJECT, "polygons", (...how) => said.push(how)));
    fromJson(text, (...how) => said.push(how));
    expect(said).toEqual([
      [1, 2],
      [2, 2],
      [1, 2],
      [2, 2],
    ]);
  });

  test("runs as numbers are read as those of text", () => {
    fc.assert(
      fc.property(anyMask, ({ data, width, height }) => {
        fc.pre(data.includes(1));
        const counts = [0];
        for (let at = 0; at < width * height; at++) {
          const value = data[(at % height) * width + Math.floor(at / height)] as number;
          if (value !== (counts.length - 1) % 2) counts.push(0);
          counts[counts.length - 1] = (counts.at(-1) as number) + 1;
        }
        const file = {
          images: [{ id: 1, file_name: "a", width, height }],
          categories: [{ id: 1, name: "a" }],
          annotations: [{ id: 1, image_id: 1, category_id: 1, segmentation: { size: [height, width], counts } }],
        };
        const rle = encodeRle({ data, width, height });
        expect(fromJson(JSON.stringify(file)).project.images[0]?.objects[0]?.rle).toEqual(rle);
      }),
    );
  });

  test("boxes without a mask are told apart; paths of Windows become those of the web", () => {
    const annotation = { image_id: 1, category_id: 0, bbox: [0, 0, 1, 1] };
    const { project, boxes } = fromJson(
      JSON.stringify({
        images: [{ id: 1, file_name: "JPEGImages\\a.jpg", width: 2, height: 2 }],
        categories: [{ id: 0, name: "a" }],
        annotations: [
          { ...annotation, id: 1, segmentation: [] },
          { ...annotation, id: 2 },
          { ...annotation, id: 4, segmentation: null },
          { ...annotation, id: 3, segmentation: [[0, 0, 1, 0, 1, 1, 0, 1]] },
        ],
      }),
    );
    expect([project.images[0]?.name, project.images[0]?.objects.length]).toEqual(["JPEGImages/a.jpg", 1]);
    const box = { className: "a", score: null, shape: [0, 0, 1, 1] };
    const size = { width: 2, height: 2 };
    expect(boxes).toEqual([{ name: "JPEGImages/a.jpg", size, unit: "pixels", detections: [box, box, box] }]);
  });

  test.each<[string, unknown, RegExp]>([
    ["no JSON", "nothing", /expected a file of annotations/],
    ["no lists", {}, /expected the annotations of COCO \(images, annotations and categories\)/],
    ["no categories", { images: [], annotations: [] }, /expected the annotations of COCO/],
    [
      "an image that is not there",
      { images: [], categories: [{ id: 1, name: "a" }], annotations: [{ id: 7, image_id: 1, category_id: 1 }] },
      /annotation 7: its image 1 is not in the file, or is left out/,
    ],
    [
      "a polygon of two corners",
      {
        images: [{ id: 1, file_name: "a", width: 2, height: 2 }],
        categories: [{ id: 1, name: "a" }],
        annotations: [{ id: 7, image_id: 1, category_id: 1, segmentation: [[0, 0, 1, 1]] }],
      },
      /annotation 7: expected polygons of three or more corners/,
    ],
    [
      "a mask that is none",
      {
        images: [{ id: 1, file_name: "a", width: 2, height: 2 }],
        categories: [{ id: 1, name: "a" }],
        annotations: [{ id: 7, image_id: 1, category_id: 1, segmentation: "0110" }],
      },
      /annotation 7: expected polygons or RLE/,
    ],
    [
      "runs that are too short",
      {
        images: [{ id: 1, file_name: "a", width: 2, height: 2 }],
        categories: [{ id: 1, name: "a" }],
        annotations: [{ id: 7, image_id: 1, category_id: 1, segmentation: { size: [2, 2], counts: [1, 2] } }],
      },
      /annotation 7: RLE: runs add up to 3, expected 4/,
    ],
    [
      "a mask of another size",
      {
        images: [{ id: 1, file_name: "a", width: 2, height: 2 }],
        categories: [{ id: 1, name: "a" }],
        annotations: [{ id: 7, image_id: 1, category_id: 1, segmentation: { size: [3, 3], counts: "9" } }],
      },
      /annotation 7: expected a mask of its image's size, 2×2, got 3×3/,
    ],
    [
      "a picture of more pixels than a mask may have",
      { images: [{ id: 3, file_name: "a", width: 100_000, height: 100_000 }], categories: [], annotations: [] },
      /image 3: expected 268435456 pixels at most, got 100000×100000/,
    ],
    [
      "a picture that is none",
      { images: [null], categories: [], annotations: [] },
      /images: expected an object, got null/,
    ],
    [
      "a category that is none",
      { images: [], categories: [7], annotations: [] },
      /categories: expected an object, got 7/,
    ],
    [
      "a picture without a size",
      { images: [{ id: 3, file_name: "a", width: 2 }], categories: [], annotations: [] },
      /image 3: expected its width and height in pixels, got 2 and undefined/,
    ],
  ])("refused, or left out with the reason: %s", async (_, file, message) => {
    expect(await reasonOf(typeof file === "string" ? file : JSON.stringify(file))).toMatch(message);
  });

  test("the rest of a file is read: what is left out is named once a reason, with how many there are", () => {
    const image = { width: 2, height: 2 };
    const [whole, none] = [
      { size: [2, 2], counts: [0, 4] },
      { size: [2, 2], counts: [1, 2] },
    ];
    const { project, leftOut } = fromJson(
      JSON.stringify({
        images: [
          { ...image, id: 1, file_name: "a" },
          { ...image, id: 1, file_name: "b" },
          { id: 2, file_name: "c" },
        ],
        categories: [
          { id: 1, name: "cat" },
          { id: 1, name: "dog" },
          { id: 2, name: "cat" },
        ],
        annotations: [
          { id: 1, image_id: 1, category_id: 1, segmentation: whole },
          { id: 1, image_id: 1, category_id: 2, segmentation: whole },
          { id: 3, image_id: 1, category_id: 1, segmentation: none },
          { id: 4, image_id: 1, category_id: 1, segmentation: none },
          { id: 5, image_id: 2, category_id: 1, segmentation: whole },
          { id: 6, image_id: 1, category_id: 9, segmentation: whole },
        ],
      }),
    );
    expect(project.classes.map(({ name }) => name)).toEqual(["cat"]);
    expect(project.images.map(({ name, objects }) => [name, objects.map(({ className }) => className)])).toEqual([
      ["a", ["cat", "cat"]],
    ]);
    expect(leftOut).toEqual([
      "category dog: cat has its id, 1",
      "image b: an image before it has its id",
      "image 2: expected its width and height in pixels, got undefined and undefined",
      "annotation 3 and 1 more: RLE: runs add up to 3, expected 4",
      "annotation 5: its image 2 is not in the file, or is left out",
      "annotation 6: its category 9 is not in the file, or is left out",
    ]);
  });

  test("what several files say of a picture comes together; an object of two of them is there once", async () => {
    const of = (name: string, file_name: string, ...classes: string[]) => ({
      name,
      text: JSON.stringify({
        images: [{ id: 1, file_name, width: 2, height: 2 }],
        categories: classes.map((name, i) => ({ id: i + 1, name })),
        annotations: classes.map((_, i) => {
          return { id: i + 1, image_id: 1, category_id: i + 1, segmentation: { size: [2, 2], counts: [0, 4] } };
        }),
      }),
    });
    const files = [
      of("cats.json", "a.jpg", "cat"),
      of("b.json", "b.jpg", "cat"),
      of("dogs.json", "a.jpg", "dog", "cat"),
    ];
    const { project } = await readLabels(files);
    expect(project.images.map(({ name, objects }) => [name, ...objects.map(({ className }) => className)])).toEqual([
      ["a.jpg", "cat", "dog"],
      ["b.jpg", "cat"],
    ]);
  });

  test("of several files, one that cannot be read is left out with its reason; of one alone it is the error", async () => {
    const good = { name: "good.json", text: JSON.stringify(toCoco(PROJECT, "rle")) };
    const bad = { name: "bad.json", text: "{" };
    const { project, leftOut } = await readLabels([bad, good]);
    expect([project.images.length, project.classes.map(({ name }) => name)]).toEqual([1, ["object", "cat & dog"]]);
    expect(leftOut).toEqual(["bad.json: expected a file of annotations, which is JSON or CVAT's XML"]);
    await expect(readLabels([bad, bad])).rejects.toThrow(/^bad.json: expected a file/);
  });
});

test("YOLO: one line an object, corners in shares of the picture, holes joined", () => {
  const lines = toYolo(IMAGE, PROJECT.classes).trim().split("\n");
  expect(lines[1]).toMatch(/^1 /);
  const rings = lines.map((line) => {
    const numbers = line.split(" ").slice(1).map(Number);
    return Array.from({ length: numbers.length / 2 }, (_, i): [number, number] => [
      6 * (numbers[2 * i] as number),
      6 * (numbers[2 * i + 1] as number),
    ]);
  });
  expect(rings.map((ring) => filled(ring, 6, 6))).toEqual([FRAME.data, SQUARE.data]);
  // without a path Ultralytics takes the folder of data.yaml; a path of "." would be where it was started (data/utils.py)
  expect(toYoloDataset(PROJECT)).not.toContain("path");
  expect(toYoloDataset(PROJECT)).toContain('names:\n  0: "object"\n  1: "cat & dog"\n');
});

test("VOC: the class's number at each pixel, the smaller object on top", () => {
  const { data, channels } = decode(toVocClasses(IMAGE, PROJECT.classes));
  expect(channels).toBe(1);
  const expected = Array.from(FRAME.data, (value, i) => (SQUARE.data[i] ? 2 : value));
  expect([...data]).toEqual(expected);
});

const classesOf = (count: number) => Array.from({ length: count }, (_, i) => `class ${i + 1}`);
const withClasses = (names: readonly string[]): Project =>
  names.reduce((project: Project, name) => withClass(project, name), { ...EMPTY_PROJECT, classes: [] });

test("VOC: of 254 classes, the most that fit, each has its value and its line", async () => {
  const names = classesOf(254);
  const project = withImage(withClasses(names), { ...IMAGE, objects: [object("class 254", SQUARE)] });
  const { blob } = await exportProject(project, "voc", noPicture);
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  const { data } = decode(files["SegmentationClass/some photo.png"] as Uint8Array);
  const lines = new TextDecoder().decode(files["labelmap.txt"]).split("\n");
  expect(lines).toEqual(["background", ...names]);
  expect(lines[data[0] as number]).toBe("class 254");
});

test.each([
  ["255 classes: that value is none", classesOf(255), /holds 254 classes at most, and there are 255/],
  ["256 classes", classesOf(256), /holds 254 classes at most, and there are 256/],
  ["a line break in a name", ["cat\ndog", "bird"], /"cat\\ndog" has a line break/],
  ["a line end that only some readers know", ["cat\u2028dog"], /has a line break/],
])("VOC refuses %s", async (_, names, message) => {
  await expect(exportProject(withClasses(names), "voc", noPicture)).rejects.toThrow(
    expect.objectContaining({ name: "ExportError", message: expect.stringMatching(message) }),
  );
});

test("labelme: an object without pixels has no shape", () => {
  const empty = object("cat & dog", mask("000000", "000000", "000000", "000000", "000000", "000000"));
  const { shapes } = toLabelme({ ...IMAGE, objects: [empty, object("object", SQUARE)] }) as {
    shapes: { label: string }[];
  };
  expect(shapes.map(({ label }) => label)).toEqual(["object"]);
});

test("labelme: a polygon where one ring is the mask, a mask in its box elsewhere", () => {
  const { shapes, imagePath, imageHeight } = toLabelme(IMAGE) as {
    shapes: { label: string; shape_type: string; points: number[][]; mask: string | null }[];
    imagePath: string;
    imageHeight: number;
  };
  expect([imagePath, imageHeight]).toEqual(["some photo.jpg", 6]);
  expect(shapes.map(({ label, shape_type }) => [label, shape_type])).toEqual([
    ["object", "mask"],
    ["cat & dog", "polygon"],
  ]);
  expect(shapes[0]?.points).toEqual([
    [0, 0],
    [4, 4],
  ]);
  const { data, width } = decode(Buffer.from(shapes[0]?.mask ?? "", "base64"));
  expect([width, [...data].join("")]).toEqual([5, "1111110001101011000111111"]);
  expect(shapes[1]?.points).toHaveLength(4);
});

test("SVG: one even-odd path an object, names escaped", () => {
  const svg = toSvg(IMAGE, PROJECT.classes);
  expect(svg.match(/<path /g)).toHaveLength(2);
  expect(svg).toContain('fill-rule="evenodd"');
  expect(svg).toContain("<title>cat &#38; dog</title>");
});

test.each([
  ["seaside/a day.jpg", "seaside/a day", "a day.jpg"],
  ["b.2024/photo", "b.2024/photo", "photo"],
  ["../../etc/passwd", "etc/passwd", "passwd"],
  ["/./a.png", "a", "a.png"],
])("in a zip, what is written for %s is %s, and names the picture beside it", async (name, path, beside) => {
  const images = [IMAGE, { ...IMAGE, id: "b", name }];
  const { blob } = await exportProject({ ...PROJECT, images }, "labelme", noPicture);
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  expect(Object.keys(files)).toEqual(["some photo.json", `${path}.json`]);
  expect(JSON.parse(new TextDecoder().decode(files[`${path}.json`]))).toMatchObject({ imagePath: beside });
});

test("YOLO's labels have their pictures' names, but for what no file may be called", async () => {
  const images = ["train/photo (1).jpg", "a:b?.png"].map((name) => ({ ...IMAGE, id: name, name }));
  const { blob } = await exportProject({ ...PROJECT, images }, "yolo", noPicture);
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  expect(Object.keys(files)).toEqual(["labels/train/photo (1).txt", "labels/a_b_.txt", "data.yaml"]);
});

test("names that meet are numbered, and what is written of each picture follows", async () => {
  const images = [IMAGE, { ...IMAGE, id: "b", objects: [] }];
  expect(toCoco({ ...PROJECT, images }, "rle").images.map(({ file_name }) => file_name)).toEqual([
    "some photo.jpg",
    "some photo-2.jpg",
  ]);
  const { blob } = await exportProject({ ...PROJECT, images }, "labelme", noPicture);
  const files = unzipSync(new Uint8Array(await blob.arrayBuffer()));
  const second = JSON.parse(new TextDecoder().decode(files["some photo-2.json"]));
  expect(second).toMatchObject({ imagePath: "some photo-2.jpg", shapes: [] });
});

test("a picture's header is looked at before it is decoded: one that is too large is refused by name", async () => {
  const header = (width: number, height: number): Blob => {
    const png = encode({ width: 1, height: 1, data: new Uint8Array(1), channels: 1, depth: 8 });
    const view = new DataView(png.buffer, png.byteOffset);
    view.setUint32(16, width);
    view.setUint32(20, height);
    return new Blob([png as Uint8Array<ArrayBuffer>]);
  };
  const refused = (message: string) => expect.objectContaining({ name: "PictureError", message });
  await expect(checkHeader(header(30_000, 20_000))).rejects.toThrow(
    refused("expected at most 100000000 pixels, got a picture of 30000×20000"),
  );
  await expect(checkHeader(header(100, 100), 9_999)).rejects.toThrow(
    refused("expected at most 9999 pixels, got a picture of 100×100"),
  );
  await expect(checkHeader(new Blob(["no picture"]))).rejects.toThrow(
    refused("expected a picture: JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC"),
  );
  await checkHeader(header(100, 100), 10_000);
  await checkHeader(header(10_000, 10_000));

  const decode = vi.fn(async () => "decoded");
  vi.stubGlobal("createImageBitmap", decode);
  try {
    await expect(decodePicture(header(30_000, 20_000))).rejects.toThrow(
      refused(expect.stringContaining("30000×20000")),
    );
    expect(decode).not.toHaveBeenCalled();
    expect(await decodePicture(header(100, 100))).toBe("decoded");
  } finally {
    vi.unstubAllGlobals();
  }
});

test("a set becomes a zip, one file stays one file; names do not collide", async () => {
  const one = await exportProject({ ...PROJECT, images: [IMAGE] }, "svg", noPicture);
  expect(one.name).toBe("some photo.svg");
  const two = await exportProject({ ...PROJECT, images: [IMAGE, { ...IMAGE, id: "b" }] }, "svg", noPicture);
  expect(two.name).toBe("svg.zip");
  const files = unzipSync(new Uint8Array(await two.blob.arrayBuffer()));
  expect(Object.keys(files)).toEqual(["some photo.svg", "some photo-2.svg"]);
});

describe.each([
  ["cvat", "annotations.xml"],
  ["label-studio", "tasks.json"],
  ["datumaro", "default.json"],
  ["geojson", "some photo.geojson"],
  ["labelme", "some photo.json"],
  ["coco", "annotations.json"],
] as const)("%s", (format, name) => {
  test("what is written is read again: classes, objects in their order, every pixel", async () => {
    const file = await exportProject(PROJECT, format, noPicture);
    expect(file.name).toBe(name);
    const { project, boxes } = await readLabels([{ name, text: await file.blob.text() }]);
    expect(boxes).toEqual([]);
    const [image] = project.images;
    expect([image?.name, image?.width, image?.height]).toEqual(["some photo.jpg", 6, 6]);
    expect(image?.objects.map(({ className, rle }) => [className, rle])).toEqual(
      IMAGE.objects.map(({ className, rle }) => [className, rle]),
    );
    expect(project.classes.map((each) => each.name)).toEqual(PROJECT.classes.map((each) => each.name));
  });

  test("any mask comes back as it was", async () => {
    await fc.assert(
      fc.asyncProperty(anyMask, async (given) => {
        fc.pre(maskArea(given) > 0);
        const { width, height } = given;
        const image = { ...IMAGE, width, height, objects: [object("object", given)] };
        const { blob } = await exportProject({ ...PROJECT, images: [image] }, format, noPicture);
        const { project } = await readLabels([{ name, text: await blob.text() }]);
        expect(project.images[0]?.objects[0]?.rle).toEqual(image.objects[0]?.rle);
      }),
      { numRuns: 40 },
    );
  });
});

test.each<[string, string, RegExp]>([
  ["XML that is cut off", "<annotations><image", /expected the XML of CVAT or of Pascal VOC/],
  ["other XML", "<svg/>", /expected the XML of CVAT \(annotations\) or of Pascal VOC \(annotation\), got/],
  [
    "a CVAT mask whose runs are too few",
    '<annotations><image name="a" width="4" height="4"><mask label="x" rle="1, 1" left="0" top="0" width="2" height="2"/></image></annotations>',
    /a mask of image a: expected runs of 4 pixels in all, got 2/,
  ],
  [
    "a CVAT mask beside its picture",
    '<annotations><image name="a" width="4" height="4"><mask label="x" rle="0, 4" left="3" top="0" width="2" height="2"/></image></annotations>',
    /expected a box in 4×4, got 2×2 at 3, 0/,
  ],
  [
    "a Datumaro mask of another size",
    JSON.stringify({
      categories: { label: { labels: [{ name: "x" }] } },
      items: [
        {
          id: "a",
          image: { path: "a.jpg", size: [4, 4] },
          annotations: [{ id: 7, type: "mask", label_id: 0, rle: { counts: "`0", size: [2, 2] } }],
        },
      ],
    }),
    /annotation 7: expected an RLE of 4×4, got one of 2×2/,
  ],
  [
    "Label Studio's runs of another size",
    JSON.stringify([
      {
        id: 3,
        data: { image: "a.jpg" },
        annotations: [
          {
            result: [
              {
                type: "brushlabels",
                original_width: 4,
                original_height: 4,
                value: { format: "rle", rle: [0, 0, 0, 8], brushlabels: ["x"] },
              },
            ],
          },
        ],
      },
    ]),
    /a result of task 3: expected runs of 64 values, got 8/,
  ],
  ["GeoJSON that names no picture", '{"type":"FeatureCollection","features":[]}', /names its picture/],
  [
    "a labelme mask that is no PNG",
    JSON.stringify({
      shapes: [{ label: "x", shape_type: "mask", points: [[0, 0]], mask: "AAAA" }],
      imagePath: "a.jpg",
      imageWidth: 4,
      imageHeight: 4,
    }),
    /shape 1 of a.jpg: /,
  ],
  ["other JSON", '{"a":1}', /expected the annotations of COCO/],
])("%s is refused or left out, with what was expected", async (_, text, message) => {
  expect(await reasonOf(text)).toMatch(message);
});

test("Label Studio: results without a size and without a value are left out, and the rest of the file is read", () => {
  const task = (id: number, ...result: object[]) => ({ id, data: { image: `${id}.jpg` }, annotations: [{ result }] });
  const size = { original_width: 2, original_height: 2 };
  const points = [
    [0, 0],
    [100, 0],
    [100, 100],
  ];
  const polygon = { ...size, type: "polygonlabels", value: { points, polygonlabels: ["cat"] } };
  const { project, leftOut } = fromJson(
    JSON.stringify([task(1, { type: "choices", value: {} }), task(2, { type: "brushlabels" }, polygon)]),
  );
  expect(project.images.map(({ name, objects }) => [name, objects.length])).toEqual([["2.jpg", 1]]);
  expect(leftOut).toEqual([
    "task 1: expected its width and height in pixels, got undefined and undefined",
    "a result of task 2: value: expected an object, got undefined",
  ]);
});

test("Label Studio: literal runs, as its converter writes them, are read", () => {
  // 2×1 pixels: the first transparent, the second not; sizes 3, 4, 8, 16; one literal run of eight values
  const bits = [
    (8).toString(2).padStart(32, "0"),
    "00111",
    "0010",
    "0011",
    "0111",
    "1111",
    "0",
    "00",
    "111",
    ...[0, 0, 0, 0, 255, 255, 255, 255].map((value) => value.toString(2).padStart(8, "0")),
  ].join("");
  const bytes = bits.match(/.{1,8}/g)?.map((byte) => Number.parseInt(byte.padEnd(8, "0"), 2)) ?? [];
  expect([...fromBrush(bytes, 2, 1).data]).toEqual([0, 1]);
});
