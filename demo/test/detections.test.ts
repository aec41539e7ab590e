/** Boxes that are read from files of detectors, and the pictures that they find. */
import { describe, expect, test } from "vitest";
import { readLabels } from "../src/formats/read.ts";
import { EMPTY_PROJECT, type LabeledImage, newObject, type Project } from "../src/labels/annotations.ts";
import { type DetectedImage, placed } from "../src/labels/detections.ts";
import { merge, withOutlines } from "../src/labels/importing.ts";

const image = (name: string, width = 100, height = 50): LabeledImage => {
  return { id: name, sha256: name, name, width, height, objects: [] };
};
const box = (className: string, score: number | null, ...shape: number[]) => ({ className, score, shape });
const size = { width: 100, height: 50 };

describe("what is read", () => {
  const VOC = `<annotation><filename>a.jpg</filename><size><width>100</width><height>50</height></size>
    <object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30.5</xmax><ymax>40</ymax></bndbox></object></annotation>`;
  const CVAT = `<annotations><image name="a.jpg" width="100" height="50">
    <box label="cat" xtl="1" ytl="2" xbr="30.5" ybr="40"/></image></annotations>`;
  const read = { name: "a.jpg", size, unit: "pixels", detections: [box("cat", null, 1, 2, 30.5, 40)] } as const;
  const scored = { ...read, detections: [box("cat", 0.75, 1, 2, 30.5, 40)] };
  const csv = { ...read, size: null };

  test.each<[string, Record<string, string>, DetectedImage[]]>([
    ["Pascal VOC", { "a.xml": VOC }, [read]],
    ["CVAT", { "a.xml": CVAT }, [read]],
    [
      "COCO with scores",
      {
        "a.json": JSON.stringify({
          images: [{ id: 7, file_name: "a.jpg", ...size }],
          categories: [{ id: 1, name: "cat" }],
          annotations: [{ id: 1, image_id: 7, category_id: 1, bbox: [1, 2, 29.5, 38], score: 0.75 }],
        }),
      },
      [scored],
    ],
    [
      "labelme",
      {
        "a.json": JSON.stringify({
          imagePath: "a.jpg",
          imageWidth: 100,
          imageHeight: 50,
          shapes: [
            {
              label: "cat",
              shape_type: "rectangle",
              points: [
                [1, 2],
                [30.5, 40],
              ],
            },
          ],
        }),
      },
      [read],
    ],
    [
      "Label Studio",
      {
        "a.json": JSON.stringify([
          {
            id: 1,
            data: { image: "/data/upload/1/12345678-a.jpg" },
            annotations: [
              {
                result: [
                  {
                    type: "rectanglelabels",
                    original_width: 100,
                    original_height: 50,
                    score: 0.5,
                    value: { x: 10, y: 20, width: 50, height: 60, rectanglelabels: ["cat"] },
                  },
                ],
              },
            ],
          },
        ]),
      },
      [{ ...read, detections: [box("cat", 0.5, 10, 10, 60, 40)] }],
    ],
    [
      "Datumaro",
      {
        "a.json": JSON.stringify({
          categories: { label: { labels: [{ name: "cat" }] } },
          items: [
            {
              id: "a",
              image: { path: "a.jpg", size: [50, 100] },
              annotations: [{ id: 1, type: "bbox", label_id: 0, bbox: [1, 2, 29.5, 38], attributes: { score: 0.75 } }],
            },
          ],
        }),
      },
      [scored],
    ],
    [
      "CSV with corners",
      { "a.csv": "image,xmin,ymin,xmax,ymax,class,score\na.jpg,1,2,30.5,40,cat,0.75\n" },
      [{ ...csv, detections: scored.detections }],
    ],
    ["CSV with sides", { "a.csv": "Filename;x;y;Width;Height;Label\na.jpg;1;2;29.5;38;cat\n" }, [csv]],
    [
      "a table with tabs, without classes",
      { "a.tsv": "path\tx1\ty1\tx2\ty2\na.jpg\t1\t2\t30.5\t40\n" },
      [{ ...csv, detections: [box("object", null, 1, 2, 30.5, 40)] }],
    ],
    [
      "YOLO: boxes, boxes with scores, outlines, with names from data.yaml",
      {
        "labels/a.txt": "1 0.5 0.5 0.2 0.4\n0 0.5 0.5 1 1 0.75\n1 0 0 1 0 1 1\n",
        "data.yaml": "names:\n  0: dog\n  1: cat\n",
      },
      [
        {
          name: "a.txt",
          size: null,
          unit: "shares",
          detections: [
            box("cat", null, 0.4, 0.3, 0.6, 0.7),
            box("dog", 0.75, 0, 0, 1, 1),
            box("cat", null, 0, 0, 1, 0, 1, 1),
          ],
        },
      ],
    ],
    [
      "YOLO with classes.txt, and a class without a name",
      { "a.txt": "0 0.5 0.5 1 1\n3 0.5 0.5 1 1", "classes.txt": "dog\ncat" },
      [
        {
          name: "a.txt",
          size: null,
          unit: "shares",
          detections: [box("dog", null, 0, 0, 1, 1), box("class 3", null, 0, 0, 1, 1)],
        },
      ],
    ],
    [
      // as CVAT and Datumaro write it
      "YOLO 1.1, of Darknet, with obj.names",
      {
        "obj_train_data/a.txt": "1 0.5 0.5 1 1",
        "obj.names": "dog\r\ncat\r\n",
        "train.txt": "data/obj_train_data/a.jpg",
      },
      [{ name: "obj_train_data/a.txt", size: null, unit: "shares", detections: [box("cat", null, 0, 0, 1, 1)] }],
    ],
  ])("%s", async (_, files, expected) => {
    const { boxes, project } = await readLabels(Object.entries(files).map(([name, text]) => ({ name, text })));
    // what else a file says of its boxes is the matter of foreign.test.ts
    const shapes = boxes.map(({ detections, ...image }) => ({
      ...image,
      detections: detections.map(({ foreign: _, ...each }) => each),
    }));
    expect(shapes).toEqual(expected);
    expect(project.images.flatMap(({ objects }) => objects)).toEqual([]);
  });

  // Label Studio turns about the top left corner (label_studio_sdk/converter/utils.py), CVAT about the middle (Datumaro's
  // cvat/base.py); both clockwise, in degrees
  test.each<[string, number, number[]]>([
    ["Label Studio", 90, [42, 40, 50, 60]],
    ["Label Studio", -90, [50, 20, 58, 40]],
    ["Label Studio", 0, [50, 40, 70, 48]],
    ["CVAT", 90, [56, 34, 64, 54]],
    ["CVAT", 180, [50, 40, 70, 48]],
    ["CVAT", 0, [50, 40, 70, 48]],
  ])("%s: of a box that is turned by %d° the upright one around it", async (tool, turn, expected) => {
    const value = { x: 50, y: 40, width: 20, height: 8, rotation: turn, rectanglelabels: ["cat"] };
    const result = [{ type: "rectanglelabels", original_width: 100, original_height: 100, value }];
    const text =
      tool === "CVAT"
        ? `<annotations><image name="a.jpg" width="100" height="100">
            <box label="cat" xtl="50" ytl="40" xbr="70" ybr="48" rotation="${turn}"/></image></annotations>`
        : JSON.stringify([{ id: 1, data: { image: "a.jpg" }, annotations: [{ result }] }]);
    const [found] = (await readLabels([{ name: "labels", text }])).boxes;
    const [detection] = found?.detections ?? [];
    expect(detection?.shape.map((value) => Math.round(1e6 * value) / 1e6)).toEqual(expected);
    expect(detection?.foreign).toBeUndefined();
  });

  test.each<[string, Record<string, string>, RegExp]>([
    [
      "a table without boxes",
      { "a.csv": "image,class\na.jpg,cat\n" },
      /expected a table with the columns image, x1.*got image, class/,
    ],
    [
      "a box that is no number",
      { "a.csv": "image,x1,y1,x2,y2\na.jpg,1,2,wide,4\n" },
      /line 2: expected four numbers, got 1, 2, wide, 4/,
    ],
    ["a YOLO line with too little", { "a.txt": "0 0.5 0.5" }, /a.txt, line 1: expected a class with a box/],
    [
      "data.yaml without names",
      { "a.txt": "0 0.5 0.5 1 1", "data.yaml": "path: ." },
      /data.yaml: expected names of classes/,
    ],
    ["data.yaml that is none", { "a.txt": "0 0.5 0.5 1 1", "data.yaml": "names: [" }, /data.yaml: /],
    ["VOC without a box", { "a.xml": VOC.replace(/<bndbox>.*<\/bndbox>/, "") }, /expected a box/],
  ])("%s is refused or left out, with what was expected", async (_, files, message) => {
    const reading = readLabels(Object.entries(files).map(([name, text]) => ({ name, text })));
    const reason = await reading.then(
      ({ leftOut }) => leftOut.join(),
      (error: Error) => error.message,
    );
    expect(reason).toMatch(message);
  });

  test("several files are one set of labels", async () => {
    const files = ["a", "b"].map((name) => ({ name: `${name}.xml`, text: VOC.replace("a.jpg", `${name}.jpg`) }));
    expect((await readLabels(files)).boxes.map(({ name }) => name)).toEqual(["a.jpg", "b.jpg"]);
  });
});

describe("classes have the numbers that YOLO's files give them, for an export to write", () => {
  const lines = { "a.txt": "1 0.5 0.5 1 1\n0 0.5 0.5 1 1" };
  const names = "names: [cat, dog, bird]";
  const object = newObject("object", { size: [1, 1], counts: "01" });
  const used = { ...EMPTY_PROJECT, images: [{ ...image("b.jpg", 1, 1), objects: [object] }] };
  const own = { ...EMPTY_PROJECT, classes: [{ name: "object", color: "#000000" }] };

  test.each<[string, Record<string, string>, Project, string[]]>([
    ["data.yaml", { "data.yaml": names }, EMPTY_PROJECT, ["cat", "dog", "bird"]],
    ["data.yaml by numbers", { "data.yaml": "names: {1: dog, 0: cat}" }, EMPTY_PROJECT, ["cat", "dog"]],
    ["classes.txt", { "classes.txt": "cat\ndog\nbird\n" }, EMPTY_PROJECT, ["cat", "dog", "bird"]],
    ["a class called object", { "classes.txt": "cat\nobject" }, EMPTY_PROJECT, ["cat", "object"]],
    [
      "beside labels of another format",
      { "data.yaml": names, "b.csv": "image,x1,y1,x2,y2" },
      EMPTY_PROJECT,
      ["cat", "dog", "bird"],
    ],
    ["no names", {}, EMPTY_PROJECT, ["object"]],
    ["the class to start with is used", { "data.yaml": names }, used, ["object", "cat", "dog", "bird"]],
    ["that class has another color", { "data.yaml": names }, own, ["object", "cat", "dog", "bird"]],
  ])("%s", async (_, files, before, expected) => {
    const given = Object.entries({ ...lines, ...files }).map(([name, text]) => ({ name, text }));
    const { project, classes } = merge(before, (await readLabels(given)).project);
    expect(project.classes.map(({ name }) => name)).toEqual(expected);
    expect(classes).toEqual(expected.filter((name) => name !== "object"));
  });
});

describe("text files beside labels of another format", () => {
  const VOC = `<annotation><filename>a.jpg</filename><size><width>100</width><height>50</height></size>
    <object><name>cat</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>`;
  const why = "expected a class with a box, or with the corners of an outline, as numbers";

  test.each<[string, Record<string, string>, string[], string[]]>([
    ["a note", { "README.txt": "Cats.", "a.xml": VOC }, ["a.jpg"], []],
    [
      "lists",
      { "Annotations/a.xml": VOC, "ImageSets/Main/train.txt": "a\n", "labels.txt": "__ignore__\ncat\n" },
      ["Annotations/a.jpg"],
      [`labels.txt, all 2 lines: ${why}, got __ignore__`],
    ],
    [
      "settings",
      { "a.xml": VOC, "compose.yml": "services: {}" },
      ["a.jpg"],
      ["compose.yml: expected names of classes"],
    ],
    [
      "labels of YOLO",
      { "a.xml": VOC, "b.txt": "0 0.5 0.5 1 1\n0 0.5\n", "classes.txt": "dog" },
      ["a.jpg", "b.txt"],
      [`b.txt, line 2: ${why}, got 0 0.5`],
    ],
  ])("%s: all is read", async (_, files, expected, reasons) => {
    const { boxes, leftOut } = await readLabels(Object.entries(files).map(([name, text]) => ({ name, text })));
    expect(boxes.filter(({ detections }) => detections.length > 0).map(({ name }) => name)).toEqual(expected);
    expect(leftOut).toEqual(reasons);
  });

  test("a note does not hide why the only file is refused", async () => {
    const files = ["note.txt", "a.json", "README.txt"].map((name) => ({ name, text: "{" }));
    await expect(readLabels(files)).rejects.toThrow(/^a\.json: expected a file of annotations/);
  });
});

describe("the pictures of detections", () => {
  const found = (name: string, ...shape: number[]): DetectedImage => {
    return { name, size: null, unit: "pixels", detections: [box("cat", null, ...shape)] };
  };
  const images = [image("street/a.jpg"), image("park/b.jpg"), image("park/c.jpg"), image("zoo/c.jpg")];

  test.each<[string, DetectedImage, string | RegExp, number[]?]>([
    ["a name without its folder and ending", found("a.txt", 1, 2, 30, 40), "street/a.jpg", [1, 2, 30, 40]],
    ["a box beyond the picture is cut", found("a.jpg", -10, -10, 500, 40), "street/a.jpg", [0, 0, 100, 40]],
    ["corners in any order", found("a.jpg", 30, 40, 1, 2), "street/a.jpg", [1, 2, 30, 40]],
    ["shares of the sides", { ...found("a.txt", 0.1, 0.2, 0.5, 1), unit: "shares" }, "street/a.jpg", [10, 10, 50, 50]],
    ["of two pictures of a name the one in that folder", found("park/c.jpg", 0, 0, 9, 9), "park/c.jpg", [0, 0, 9, 9]],
    [
      "of two pictures of a name none, without a folder",
      found("c.jpg", 0, 0, 9, 9),
      /1 of c.jpg: no picture here, or more than one, has this name/,
    ],
    [
      "another size",
      { ...found("a.jpg", 0, 0, 9, 9), size: { width: 9, height: 9 } },
      /1 of a.jpg: the picture here has 100×50 pixels/,
    ],
    ["a box outside", found("a.jpg", 200, 0, 300, 9), /1 of a.jpg: empty, or outside of the picture/],
    ["no number", found("a.jpg", Number.NaN, 0, 9, 9), /empty, or outside/],
  ])("%s", (_, detected, expected, shape) => {
    const result = placed(images, [detected]);
    if (typeof expected === "string") {
      expect(result.placed.map(({ image: { name }, detections }) => [name, detections[0]?.shape])).toEqual([
        [expected, shape],
      ]);
      expect(result.leftOut).toEqual([]);
    } else {
      expect(result.placed).toEqual([]);
      expect(result.leftOut).toEqual([expect.stringMatching(expected)]);
    }
  });

  test.each<[string, string[], string[], Record<string, string>, number]>([
    [
      "labels/ beside images/",
      ["images/train/1.jpg", "images/val/1.jpg"],
      ["labels/train/1.txt", "labels/val/1.txt"],
      { "images/train/1.jpg": "labels/train/1.txt", "images/val/1.jpg": "labels/val/1.txt" },
      0,
    ],
    [
      "of two files the one in that folder",
      ["val/1.jpg"],
      ["labels/train/1.txt", "labels/val/1.txt"],
      { "val/1.jpg": "labels/val/1.txt" },
      1,
    ],
    [
      "the name that an export gave it",
      ["some (1).jpg", "b.jpg"],
      ["labels/some_1_.txt"],
      { "some (1).jpg": "labels/some_1_.txt" },
      0,
    ],
    ["the same name in two files", ["a.jpg"], ["a.txt", "a.txt"], { "a.jpg": "a.txt" }, 0],
  ])("paths: %s", (_, pictures, files, expected, left) => {
    const each = files.map((name) => ({ ...found(name, 0, 0, 9, 9), detections: [box(name, null, 0, 0, 9, 9)] }));
    const result = placed(
      pictures.map((name) => image(name)),
      each,
    );
    const came = result.placed.map(({ image: { name }, detections }) => [name, detections[0]?.className]);
    expect(Object.fromEntries(came)).toEqual(expected);
    expect(result.leftOut).toHaveLength(left);
  });

  test("an outline becomes an object; one without a pixel inside is left out, and said", () => {
    const slanted = box("cat", 0.5, 0, 0, 3, 3, 6, 6);
    const whole = box("cat", 0.5, 0, 0, 6, 0, 6, 6);
    const { found: all, leftOut } = withOutlines({ classes: [], images: [] }, [
      { image: image("a.jpg"), detections: [whole, slanted] },
      { image: image("b.jpg"), detections: [slanted] },
    ]);
    expect(all.images.map(({ name, objects }) => [name, objects.length])).toEqual([["a.jpg", 1]]);
    expect(leftOut).toEqual(["a.jpg", "b.jpg"].map((name) => `1 of ${name}: there is no pixel inside`));
  });

  test("two files of one name and size are of one picture", () => {
    const each = { ...found("a.jpg", 0, 0, 9, 9), size };
    const result = placed([image("street/a.jpg")], [each, each]);
    expect(result.placed.map(({ image: { name }, detections }) => [name, detections.length])).toEqual([
      ["street/a.jpg", 2],
    ]);
  });
});
