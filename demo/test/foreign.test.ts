/** What other tools say in their files beyond what the page understands comes back in the same format. */
import { encodeRle } from "sam2-web";
import { describe, expect, test } from "vitest";
import { exportProject, type Format } from "../src/formats/archive.ts";
import { toCoco } from "../src/formats/coco.ts";
import { readProjectFile, writeProjectFile } from "../src/formats/project-file.ts";
import { readLabels } from "../src/formats/read.ts";
import { EMPTY_PROJECT, newObject, type Project, withClass, withImage } from "../src/labels/annotations.ts";
import { applied, changesBetween } from "../src/labels/changes.ts";
import { merge } from "../src/labels/importing.ts";
import { reconciled } from "../src/labels/reconcile.ts";

const noPicture = (): never => {
  throw new Error("not asked for");
};

const square = (from: number) =>
  encodeRle({ width: 4, height: 4, data: Uint8Array.from({ length: 16 }, (_, i) => Number(i >= from)) });

/** As a person works: into a set, over the log, one more object, the first one's mask another, into a project file and back. */
async function workedOn(found: Project): Promise<Project> {
  const { project } = merge(EMPTY_PROJECT, found);
  const logged = applied(EMPTY_PROJECT, changesBetween(EMPTY_PROJECT, project));
  expect(logged).toEqual(project);
  const [image] = logged.images;
  if (!image) throw new Error("expected an image");
  const [first, ...others] = image.objects;
  const edited = [...(first ? [{ ...first, rle: square(6) }] : []), ...others, newObject("new", square(12))];
  const { blob } = await writeProjectFile(
    withImage(withClass(logged, "new"), { ...image, objects: edited }),
    noPicture,
  );
  return (await readProjectFile(blob)).project;
}

const COCO = {
  info: { year: 2026, description: "fish", contributor: "a lab" },
  licenses: [{ id: 4, name: "CC BY", url: "https://example.org" }],
  images: [
    { id: 70, file_name: "a.jpg", width: 4, height: 4, license: 4, date_captured: "2026-01-02", coco_url: "" },
    { id: 9, file_name: "b.jpg", width: 4, height: 4 },
  ],
  categories: [
    { id: 18, name: "dog", supercategory: "animal", keypoints: ["nose", "tail"], skeleton: [[1, 2]] },
    { id: 3, name: "car", supercategory: "vehicle" },
  ],
  annotations: [
    {
      id: 11,
      image_id: 70,
      category_id: 18,
      segmentation: [[0, 0, 3, 0, 3, 3, 0, 3]],
      bbox: [0, 0, 3, 3],
      area: 9,
      iscrowd: 0,
      keypoints: [1, 1, 2, 3, 3, 1],
      num_keypoints: 2,
      attributes: { occluded: true, "id of the animal": [7, { nested: null }] },
    },
    {
      id: 12,
      image_id: 70,
      category_id: 3,
      segmentation: { size: [4, 4], counts: [4, 4, 8] },
      iscrowd: 1,
      score: 0.5,
    },
  ],
};

const CVAT = `<?xml version="1.0"?>
<annotations>
  <meta><task><labels>
    <label><name>dog</name><color>#aabbcc</color><type>any</type><attributes>
      <attribute><name>age &amp; sex</name><mutable>False</mutable><values>old\nyoung</values></attribute>
    </attributes></label>
  </labels></task></meta>
  <image id="7" name="a.jpg" width="4" height="4" subset="Train">
    <polygon label="dog" source="manual" occluded="1" points="0,0;3,0;3,3;0,3" z_order="0" group_id="5">
      <attribute name="age &amp; sex">old</attribute>
    </polygon>
    <points label="dog" points="1,1;2,2"><attribute name="age &amp; sex">young</attribute></points>
    <tag label="dog" source="manual"></tag>
  </image>
</annotations>`;

const LABELME = {
  version: "5.5.0",
  flags: { night: true },
  reviewer: "R",
  imagePath: "a.jpg",
  imageData: "AAAA",
  imageWidth: 4,
  imageHeight: 4,
  shapes: [
    {
      label: "dog",
      points: [
        [0, 0],
        [3, 0],
        [3, 3],
        [0, 3],
      ],
      shape_type: "polygon",
      group_id: 3,
      description: "asleep",
      flags: { old: true },
      attributes: { fur: "white" },
    },
    { label: "nose", points: [[1, 1]], shape_type: "point", group_id: 3, flags: {} },
  ],
};

const TASK = {
  id: 41,
  meta: { batch: 2 },
  data: { photo: "/data/upload/1/0badcafe-a.jpg", weather: { rain: true } },
  annotations: [
    {
      id: 1,
      completed_by: 5,
      result: [
        { type: "relation", from_id: "x1", to_id: "c", direction: "right", labels: ["of"] },
        {
          id: "x1",
          type: "polygonlabels",
          from_name: "poly",
          to_name: "photo",
          original_width: 4,
          original_height: 4,
          image_rotation: 0,
          value: {
            points: [
              [0, 0],
              [75, 0],
              [75, 75],
            ],
            polygonlabels: ["dog", "pet"],
          },
          meta: { text: ["asleep"] },
        },
        { id: "c", type: "choices", from_name: "quality", to_name: "photo", value: { choices: ["good"] } },
      ],
    },
    {
      id: 2,
      ground_truth: true,
      result: [
        {
          type: "rectanglelabels",
          original_width: 4,
          original_height: 4,
          value: { x: 0, y: 0, width: 50, height: 50, rectanglelabels: ["dog"] },
        },
      ],
    },
  ],
};

const DATUMARO = {
  dm_format_version: "1.0",
  media_type: 2,
  infos: { author: "A" },
  categories: {
    label: {
      labels: [{ name: "cat" }, { name: "dog", parent: "animal", attributes: ["fur"] }],
      label_groups: [{ name: "g", group_type: "exclusive", labels: ["dog"] }],
      attributes: ["is_crowd"],
    },
    points: { items: [{ label_id: 0, labels: ["nose"], joints: [] }] },
  },
  items: [
    {
      id: "a",
      attr: { frame: 12 },
      image: { path: "a.jpg", size: [4, 4] },
      annotations: [
        {
          id: 5,
          type: "polygon",
          label_id: 1,
          group: 9,
          points: [0, 0, 3, 0, 3, 3, 0, 3],
          attributes: { fur: "white", name: "Rex" },
        },
        { id: 6, type: "points", label_id: 1, points: [1, 1], visibility: [2], group: 9 },
        { id: 7, type: "caption", caption: "a dog" },
      ],
    },
  ],
};

const GEOJSON = {
  type: "FeatureCollection",
  crs: "none",
  picture: { name: "a.jpg", width: 4, height: 4 },
  features: [
    {
      type: "Feature",
      id: "f1",
      geometry: {
        type: "Polygon",
        coordinates: [
          [
            [0, 0],
            [3, 0],
            [3, 3],
            [0, 0],
          ],
        ],
      },
      properties: { objectType: "detection", classification: { name: "dog" }, measurements: { area: 4.5 } },
    },
    { type: "Feature", geometry: { type: "Point", coordinates: [1, 1] }, properties: { name: "nose" } },
  ],
};

describe("comes back, in the same format", () => {
  test.each<[Format, string, unknown, unknown]>([
    [
      "coco",
      "annotations.json",
      COCO,
      {
        info: COCO.info,
        licenses: COCO.licenses,
        images: COCO.images,
        categories: [...COCO.categories, { id: 1, name: "new" }],
        annotations: [
          { id: 1, image_id: 70, category_id: 18, keypoints: [1, 1, 2, 3, 3, 1], num_keypoints: 2, iscrowd: 0 },
          { id: 2, image_id: 70, category_id: 3, iscrowd: 1, score: 0.5 },
          { id: 3, image_id: 70, category_id: 1, iscrowd: 0 },
        ],
      },
    ],
    [
      "labelme",
      "a.json",
      LABELME,
      {
        flags: { night: true },
        reviewer: "R",
        imageData: null,
        shapes: [
          {
            label: "dog",
            group_id: 3,
            description: "asleep",
            flags: { old: true },
            attributes: { fur: "white" },
          },
          { label: "new", group_id: null, description: "", flags: {} },
          LABELME.shapes[1],
        ],
      },
    ],
    [
      "label-studio",
      "tasks.json",
      [TASK],
      [
        {
          meta: { batch: 2 },
          data: { photo: "a.jpg", weather: { rain: true } },
          annotations: [
            {
              id: 1,
              completed_by: 5,
              result: [
                {
                  id: "x1",
                  type: "brushlabels",
                  from_name: "tag",
                  to_name: "photo",
                  meta: { text: ["asleep"] },
                  value: { brushlabels: ["dog", "pet"] },
                },
                { type: "brushlabels", value: { brushlabels: ["new"] } },
                TASK.annotations[0]?.result[0],
                TASK.annotations[0]?.result[2],
              ],
            },
            { id: 2, ground_truth: true, result: [] },
          ],
        },
      ],
    ],
    [
      "datumaro",
      "default.json",
      DATUMARO,
      {
        infos: { author: "A" },
        categories: {
          points: { items: [{ label_id: 0, labels: ["nose"], joints: [] }] },
          label: {
            labels: [{ name: "cat" }, { name: "dog", parent: "animal", attributes: ["fur"] }, { name: "new" }],
            label_groups: DATUMARO.categories.label.label_groups,
            attributes: ["is_crowd"],
          },
        },
        items: [
          {
            id: "a",
            attr: { frame: 12 },
            annotations: [
              { type: "mask", label_id: 1, group: 9, attributes: { fur: "white", name: "Rex" } },
              { type: "mask", label_id: 2, group: 0, attributes: {} },
              { type: "points", label_id: 1, points: [1, 1], visibility: [2], group: 9 },
              { type: "caption", label_id: null, caption: "a dog" },
            ],
          },
        ],
      },
    ],
    [
      "geojson",
      "a.geojson",
      GEOJSON,
      {
        crs: "none",
        features: [
          {
            id: "f1",
            properties: { objectType: "detection", classification: { name: "dog" }, measurements: { area: 4.5 } },
          },
          { properties: { objectType: "annotation", classification: { name: "new" } } },
          GEOJSON.features[1],
        ],
      },
    ],
  ])("%s", async (format, name, file, expected) => {
    const { project } = await readLabels([{ name, text: JSON.stringify(file) }]);
    const { blob } = await exportProject(onlyFirst(await workedOn(project), format), format, noPicture);
    expect(JSON.parse(await blob.text())).toMatchObject(expected as object);
  });

  test("cvat", async () => {
    const { project } = await readLabels([{ name: "annotations.xml", text: CVAT }]);
    const { blob } = await exportProject(await workedOn(project), "cvat", noPicture);
    const lines = (await blob.text()).split("\n").map((line) => line.trim());
    const definition = "<name>age &#38; sex</name><mutable>False</mutable><values>old&#10;young</values>";
    expect(lines).toContain(
      `<label><name>dog</name><color>#1d6ed8</color><type>any</type><attributes><attribute>${definition}</attribute></attributes></label>`,
    );
    expect(lines).toContain('<image id="0" subset="Train" name="a.jpg" width="4" height="4">');
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^<mask source="manual" occluded="1" group_id="5" label="dog".*><attribute name="age &#38; sex">old<\/attribute><\/mask>$/,
      ),
    );
    expect(lines).toContain(
      '<points label="dog" points="1,1;2,2"><attribute name="age &#38; sex">young</attribute></points>',
    );
    expect(lines).toContain('<tag label="dog" source="manual"></tag>');
  });
});

/** COCO's is one file with all pictures; of the others the first picture's is looked at. */
function onlyFirst(project: Project, format: Format): Project {
  return format === "coco" ? project : { ...project, images: project.images.slice(0, 1) };
}

test("boxes that become masks keep what the file said of them", async () => {
  const annotation = {
    id: 1,
    image_id: 70,
    category_id: 18,
    bbox: [0, 0, 2, 2],
    keypoints: [1, 1, 2],
    num_keypoints: 1,
  };
  const { boxes } = await readLabels([
    { name: "a.json", text: JSON.stringify({ ...COCO, annotations: [annotation] }) },
  ]);
  expect(boxes[0]?.detections[0]?.foreign).toEqual({ coco: { keypoints: [1, 1, 2], num_keypoints: 1 } });
});

describe("numbers of a COCO file", () => {
  const numbersOf = (project: Project): unknown[] => {
    const { images, categories } = toCoco(project, "rle");
    return [images.map(({ id }) => id), categories.map(({ id }) => id)];
  };
  const image = (name: string, id?: unknown) => ({
    id: name,
    sha256: null,
    name,
    width: 4,
    height: 4,
    objects: [],
    ...(id !== undefined && { foreign: { coco: { id } } }),
  });

  test.each<[string, readonly unknown[], readonly number[]]>([
    ["new ones count from 1", [undefined, undefined], [1, 2]],
    ["those of a file stay, and others take what is free", [undefined, 1, undefined, 3], [2, 1, 4, 3]],
    ["of two that are the same, the first stays", [5, 5], [5, 1]],
    ["no number is none", ["x", -1, 0.5], [1, 2, 3]],
  ])("%s", (_, given, expected) => {
    const images = given.map((id, i) => image(`${i}.jpg`, id));
    expect(numbersOf({ ...EMPTY_PROJECT, images })).toEqual([expected, [1]]);
  });
});

test("two windows: a change of the file's fields by one of them stays", () => {
  const foreign = { coco: { info: { year: 1 } } };
  const base: Project = { ...EMPTY_PROJECT, foreign };
  const newer: Project = { ...base, foreign: { coco: { info: { year: 2 } } } };
  expect(reconciled(base, newer, { ...base, classes: [] }).foreign).toEqual(newer.foreign);
  expect(reconciled(base, { ...base, classes: [] }, newer).foreign).toEqual(newer.foreign);
});

test("a file whose objects are there already brings what it says of them", async () => {
  const plain = { ...COCO, annotations: COCO.annotations.map(({ keypoints: _, num_keypoints: __, ...each }) => each) };
  const read = async (file: unknown) => (await readLabels([{ name: "a.json", text: JSON.stringify(file) }])).project;
  const before = merge(EMPTY_PROJECT, await read(plain)).project;
  const { project, same } = merge(before, await read(COCO));
  expect(same).toBe(1);
  expect(project.images[0]?.objects[0]?.foreign?.coco).toMatchObject({ num_keypoints: 2 });
  expect(merge(project, await read(COCO)).project).toEqual(project);
});

test.each([
  ["coco", (deep: unknown) => ({ ...COCO, info: deep })],
  ["labelme", (deep: unknown) => ({ ...LABELME, flags: deep })],
  ["label-studio", (deep: unknown) => [{ ...TASK, meta: deep }]],
  ["datumaro", (deep: unknown) => ({ ...DATUMARO, infos: deep })],
  ["geojson", (deep: unknown) => ({ ...GEOJSON, crs: deep })],
])("%s: data that is nested too deep to be kept is refused", async (_, fileWith) => {
  const deep = Array.from({ length: 41 }).reduce<unknown>((inner) => [inner], 0);
  const text = JSON.stringify(fileWith(deep));
  await expect(readLabels([{ name: "a.json", text }])).rejects.toThrow(/expected data of 40 levels at most/);
});
