/** How files of annotations name their pictures, and the pictures of the set that are found by these names. */
import { unzipSync } from "fflate";
import { encodeRle } from "sam2-web";
import { describe, expect, test } from "vitest";
import { exportProject, type Format } from "../src/formats/archive.ts";
import { readLabels } from "../src/formats/read.ts";
import { imageOfPicture, type LabeledImage, newObject, type Project } from "../src/labels/annotations.ts";
import { placed } from "../src/labels/detections.ts";
import { merge } from "../src/labels/importing.ts";

const size = { width: 4, height: 3 };
const opened = (name: string): LabeledImage => ({ id: name, sha256: name, name, ...size, objects: [] });
const setOf = (...names: string[]): Project => ({ classes: [], images: names.map(opened) });

/** Imports files into a set: the objects of each picture by their classes, those that it did not have too. */
async function imported(set: Project, files: Record<string, string>): Promise<Record<string, string[]>> {
  const read = await readLabels(Object.entries(files).map(([name, text]) => ({ name, text })));
  expect(read.leftOut).toEqual([]);
  const { placed: found, leftOut } = placed(set.images, read.boxes);
  expect(leftOut).toEqual([]);
  const { images } = merge(set, read.project).project;
  return Object.fromEntries(
    images.map(({ id, name, objects }) => {
      const boxes = found.filter(({ image }) => image.id === id).flatMap(({ detections }) => detections);
      return [name, [...objects, ...boxes].map(({ className }) => className)];
    }),
  );
}

const labelme = (imagePath: string, label: string, more: object = {}): string =>
  JSON.stringify({
    imagePath,
    imageWidth: 4,
    imageHeight: 3,
    shapes: [
      {
        label,
        shape_type: "polygon",
        points: [
          [0, 0],
          [4, 0],
          [4, 3],
        ],
      },
    ],
    ...more,
  });
const voc = (filename: string, name: string): string =>
  `<annotation><filename>${filename}</filename><size><width>4</width><height>3</height></size><object><name>${name}</name>
    <bndbox><xmin>0</xmin><ymin>0</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></object></annotation>`;

// labelme writes imagePath relative to its JSON's folder, and joins both to open it (_label_file.py); VOC has the file's name alone
describe("a picture's path is relative to the file that names it", () => {
  const set = setOf("train/a.jpg", "val/a.jpg");
  test.each<[string, Project, Record<string, string>, Record<string, string[]>]>([
    [
      "labelme, two pictures of one name",
      set,
      { "train/a.json": labelme("a.jpg", "cat"), "val/a.json": labelme("a.jpg", "dog") },
      { "train/a.jpg": ["cat"], "val/a.jpg": ["dog"] },
    ],
    [
      "labelme, in a folder beside that of the pictures",
      set,
      { "json/a.json": labelme("../val/a.jpg", "cat"), "json/b.json": labelme("..\\train\\a.jpg", "dog") },
      { "train/a.jpg": ["dog"], "val/a.jpg": ["cat"] },
    ],
    [
      "labelme, one file alone",
      set,
      { "a.json": labelme("../val/a.jpg", "cat") },
      { "train/a.jpg": [], "val/a.jpg": ["cat"] },
    ],
    [
      "labelme, in a zip with a folder around all",
      set,
      { "set/val/a.json": labelme("./a.jpg", "cat") },
      { "train/a.jpg": [], "val/a.jpg": ["cat"] },
    ],
    ["labelme, a whole path", setOf("a.jpg"), { "x/a.json": labelme("/home/me/a.jpg", "cat") }, { "a.jpg": ["cat"] }],
    [
      "labelme, a whole path of Windows",
      setOf("a.jpg"),
      { "x/a.json": labelme("C:\\me\\a.jpg", "cat") },
      { "a.jpg": ["cat"] },
    ],
    [
      "labelme, as this page writes it",
      set,
      { "labelme/a.json": labelme("a.jpg", "cat", { "sam2-web": { picture: "val/a.jpg" } }) },
      { "train/a.jpg": [], "val/a.jpg": ["cat"] },
    ],
    [
      "Pascal VOC, two pictures of one name",
      set,
      { "train/a.xml": voc("a.jpg", "cat"), "val/a.xml": voc("a.jpg", "dog") },
      { "train/a.jpg": ["cat"], "val/a.jpg": ["dog"] },
    ],
    [
      "Pascal VOC, in a folder beside that of the pictures",
      setOf("JPEGImages/a.jpg", "JPEGImages/b.jpg"),
      { "VOC/Annotations/a.xml": voc("a.jpg", "cat"), "VOC/Annotations/b.xml": voc("b.jpg", "dog") },
      { "JPEGImages/a.jpg": ["cat"], "JPEGImages/b.jpg": ["dog"] },
    ],
    [
      "Pascal VOC, without the picture's ending, as in ImageNet",
      setOf("n01440764_10040.JPEG"),
      { "n01440764_10040.xml": voc("n01440764_10040", "cat") },
      { "n01440764_10040.JPEG": ["cat"] },
    ],
  ])("%s", async (_, pictures, files, expected) => {
    expect(await imported(pictures, files)).toEqual(expected);
  });
});

// Label Studio writes addresses quoted, and its converter unquotes them (label_studio_sdk/converter/utils.py); local files are
// named by the parameter d (core/utils/io.py)
describe("Label Studio: the picture in a task's data", () => {
  const task = (data: object): string =>
    JSON.stringify([
      {
        id: 1,
        data,
        annotations: [
          {
            result: [
              {
                type: "polygonlabels",
                original_width: 4,
                original_height: 3,
                value: {
                  points: [
                    [0, 0],
                    [100, 0],
                    [100, 100],
                  ],
                  polygonlabels: ["cat"],
                },
              },
            ],
          },
        ],
      },
    ]);
  test.each<[string, string, object]>([
    ["a local file", "a.jpg", { image: "/data/local-files/?d=a.jpg" }],
    [
      "a local file in a folder, quoted",
      "my set/Müller.jpg",
      { image: "/data/local-files/?d=my%20set/M%C3%BCller.jpg" },
    ],
    [
      "a local file by a whole address",
      "set/a.jpg",
      { image: "http://localhost:8080/data/local-files/?d=set%2Fa.jpg" },
    ],
    ["an upload with a space", "my photo.jpg", { image: "/data/upload/1/0badcafe-my%20photo.jpg" }],
    ["an address with a space", "my photo.jpg", { image: "https://example.org/set/my%20photo.jpg" }],
    [
      "a signed address",
      "a.jpg",
      { image: "https://bucket.s3.amazonaws.com/a.jpg?X-Amz-Signature=a/b&X-Amz-Expires=9" },
    ],
    ["an address that is quoted wrongly", "100%.jpg", { image: "https://example.org/100%.jpg" }],
    ["a bucket, whose names are not quoted", "50%25 #1?.jpg", { image: "s3://bucket/set/50%25 #1?.jpg" }],
    ["a name as this page writes it", "50%25 #1?.jpg", { image: "50%25 #1?.jpg" }],
    ["beside other texts", "a.jpg", { caption: "a cat", image: "a.jpg" }],
    ["under another name, beside other texts", "a.jpg", { caption: "a cat", photo: "/data/upload/1/0badcafe-a.jpg" }],
    [
      "an address without an ending, beside other texts",
      "17",
      { caption: "a cat", url: "https://example.org/photos/17" },
    ],
    ["the only text", "cat 17", { which: "cat 17" }],
  ])("%s: %s", async (_, name, data) => {
    expect(await imported(setOf(name, "other.jpg"), { "tasks.json": task(data) })).toEqual({
      [name]: ["cat"],
      "other.jpg": [],
    });
  });
});

// macOS keeps names as they were made, often decomposed; most tools write them composed
describe("a name of one Unicode form finds its picture of another", () => {
  const [composed, decomposed] = ["M\u00fcller.jpg", "Mu\u0308ller.jpg"];
  const coco = (file_name: string): string =>
    JSON.stringify({
      images: [{ id: 1, file_name, ...size }],
      categories: [{ id: 1, name: "cat" }],
      annotations: [{ id: 1, image_id: 1, category_id: 1, segmentation: [[0, 0, 4, 0, 4, 3]] }],
    });
  const yolo = (name: string): Record<string, string> => ({
    [`labels/${name.replace(/jpg$/, "txt")}`]: "0 0.5 0.5 1 1",
    "classes.txt": "cat",
  });
  test.each<[string, string, Record<string, string>]>([
    ["COCO, composed", decomposed, { "coco.json": coco(composed) }],
    ["COCO, decomposed", composed, { "coco.json": coco(decomposed) }],
    ["COCO, in a folder", `set/${decomposed}`, { "coco.json": coco(composed) }],
    ["YOLO, composed", decomposed, yolo(composed)],
    ["YOLO, decomposed", `images/${composed}`, yolo(decomposed)],
    ["Pascal VOC, composed", decomposed, { "a.xml": voc(composed, "cat") }],
  ])("%s", async (_, name, files) => {
    expect(await imported(setOf(name), files)).toEqual({ [name]: ["cat"] });
  });

  test.each([composed, "M\u00fcller"])("a picture that is opened after its labels, %s", (name) => {
    const waiting = { ...opened(name), sha256: null };
    const picture = { name: decomposed, ...size, sha256: "f" };
    expect(imageOfPicture([waiting], picture, [decomposed])).toBe(waiting);
  });
});

// labelme looks for the picture's name with the ending .json (app.py), trainers for the same with .png
describe("files of a picture are called as it is, but for what no file's name may hold", () => {
  const rle = encodeRle({ ...size, data: new Uint8Array(12).fill(1) });
  const labeled = (name: string): LabeledImage => ({ ...opened(name), objects: [newObject("cat", rle)] });
  const filesOf = async (format: Format, ...names: string[]): Promise<string[]> => {
    const set = { classes: [{ name: "cat", color: "#000000" }], images: names.map(labeled) };
    const { name, blob } = await exportProject(set, format, () => Promise.reject(new Error("not asked for")));
    return name.endsWith(".zip") ? Object.keys(unzipSync(new Uint8Array(await blob.arrayBuffer()))) : [name];
  };
  test.each<[Format, string]>([
    ["labelme", "NAME.json"],
    ["voc", "SegmentationClass/NAME.png"],
    ["yolo", "labels/NAME.txt"],
    ["svg", "NAME.svg"],
    ["geojson", "NAME.geojson"],
    ["masks", "NAME/1-cat.png"],
  ])("%s: %s", async (format, path) => {
    const names = ["IMG (1).jpg", "tr ain/Mu\u0308ller & co.jpg", "a:b?.jpg"];
    const stems = ["IMG (1)", "tr ain/Mu\u0308ller & co", "a_b_"];
    expect(await filesOf(format, ...names)).toEqual(
      expect.arrayContaining(stems.map((stem) => path.replace("NAME", stem))),
    );
  });

  test.each(["IMG_1_", "IMG (1)"])("%s, as this page wrote and writes it, finds its picture", (name) => {
    const found: Project = { classes: [], images: [{ ...labeled(name), sha256: null }] };
    const { project, added } = merge(setOf("IMG (1).jpg", "b.jpg"), found);
    expect([project.images.map(({ objects }) => objects.length), added]).toEqual([[1, 0], []]);
    const waiting = { ...opened(name), sha256: null };
    expect(imageOfPicture([waiting], { name: "IMG (1).jpg", ...size, sha256: "f" }, [])).toBe(waiting);
  });
});
