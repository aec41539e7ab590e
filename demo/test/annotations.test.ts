/** Which pictures a file of annotations speaks of, and what becomes of the labels that are there. */
import { encodeRle } from "sam2-web";
import { describe, expect, test } from "vitest";
import {
  EMPTY_PROJECT,
  findImage,
  imageOfPicture,
  type LabeledImage,
  newObject,
  type Project,
  withClass,
  withClassRenamed,
  withoutClass,
} from "../src/labels/annotations.ts";
import { merge } from "../src/labels/importing.ts";

const object = (className: string, ...data: number[]) =>
  newObject(className, encodeRle({ width: 2, height: 2, data: Uint8Array.from(data) }));
const image = (name: string, objects: LabeledImage["objects"] = [], width = 2): LabeledImage => ({
  sha256: null,
  id: `id of ${name}`,
  name,
  width,
  height: 2,
  objects,
});

describe("an image is found by its name and size, or by where its path ends", () => {
  test.each<[why: string, there: string[], wanted: string, together: string[], found: string | undefined]>([
    ["the same name", ["1.jpg", "2.jpg"], "2.jpg", ["2.jpg"], "2.jpg"],
    ["the file names the folder", ["1.jpg"], "images/1.jpg", ["images/1.jpg"], "1.jpg"],
    ["the folder is part of the set", ["seaside/1.jpg"], "1.jpg", ["1.jpg"], "seaside/1.jpg"],
    ["the same name goes before a path", ["a/1.jpg", "1.jpg"], "1.jpg", ["1.jpg"], "1.jpg"],
    ["the end of a name is not a path", ["21.jpg"], "1.jpg", ["1.jpg"], undefined],
    ["other folders", ["a/1.jpg"], "b/1.jpg", ["b/1.jpg"], undefined],
    ["one of two that are there", ["a/1.jpg", "b/1.jpg"], "1.jpg", ["1.jpg"], undefined],
    ["one of two that come", ["1.jpg"], "a/1.jpg", ["a/1.jpg", "b/1.jpg"], undefined],
  ])("%s", (_, there, wanted, together, found) => {
    const images = there.map((name) => image(name));
    expect(findImage(images, image(wanted), together)?.name).toBe(found);
  });

  test("not by another size", () => {
    expect(findImage([image("1.jpg")], image("1.jpg", [], 3), ["1.jpg"])).toBeUndefined();
    expect(findImage([image("1.jpg")], image("a/1.jpg", [], 3), ["a/1.jpg"])).toBeUndefined();
  });
});

describe("a picture is the image", () => {
  const [one, two] = [
    { ...image("1.jpg"), sha256: "1" },
    { ...image("2.jpg"), sha256: "2" },
  ];
  const waiting = image("set/1.jpg", [object("cat", 1, 0, 0, 0)]);
  const [exactly, sideways] = [image("1.jpg"), image("1.jpg", [], 3)];

  test.each<[why: string, there: LabeledImage[], sha256: string, found: LabeledImage | undefined]>([
    ["of its bytes, whatever its name", [one, two], "2", two],
    ["of no other bytes, though its name is the same", [one, two], "3", undefined],
    ["that waits for one of its name", [one, exactly], "1", exactly],
    ["that waits for one whose path ends alike", [waiting], "3", waiting],
    ["of its bytes before one whose path ends alike", [waiting, one], "1", one],
    ["of its size only", [sideways], "3", undefined],
  ])("%s", (_, there, sha256, found) => {
    expect(imageOfPicture(there, { name: "1.jpg", width: 2, height: 2, sha256 }, ["1.jpg"])).toBe(found);
  });
});

describe("merging", () => {
  const [one, same, other] = [object("cat", 1, 0, 0, 0), object("cat", 1, 0, 0, 0), object("cat", 1, 1, 0, 0)];
  const dog = object("dog", 1, 0, 0, 0);

  test.each<
    [why: string, there: LabeledImage["objects"], found: LabeledImage["objects"], LabeledImage["objects"], number]
  >([
    ["labels of a picture without any", [], [one], [one], 0],
    ["no labels leave those that are there", [one], [], [one], 0],
    ["the same labels leave those that are there", [one], [same], [one], 0],
    ["another mask replaces", [one], [other], [other], 1],
    ["another class replaces", [one], [dog], [dog], 1],
    ["more objects replace", [one], [same, other], [same, other], 1],
  ])("%s", (_, there, found, expected, replaced) => {
    const before = { ...EMPTY_PROJECT, images: [image("a/1.jpg", there), image("2.jpg", [other])] };
    const result = merge(before, { classes: [{ name: "dog", color: "#000000" }], images: [image("1.jpg", found)] });
    expect(result.project.images).toEqual([image("a/1.jpg", expected), image("2.jpg", [other])]);
    expect(result.project.images[0]?.objects[0]?.id).toBe(expected[0]?.id);
    expect(result.changed).toEqual(before.images.slice(0, replaced));
    expect(result.project.classes.map(({ name }) => name)).toEqual(["object", "dog"]);
  });

  test.each<[string, LabeledImage[], LabeledImage, string]>([
    [
      "of the same bytes, not of the same name",
      [
        { ...image("1.jpg"), sha256: "1" },
        { ...image("2.jpg"), id: "two", sha256: "2" },
      ],
      { ...image("1.jpg", [one]), sha256: "2" },
      "two",
    ],
    [
      "by the name that it was exported under",
      [image("1.jpg"), { ...image("1.jpg"), id: "two" }],
      image("1-2.jpg", [one]),
      "two",
    ],
  ])("labels are those of the picture %s", (_, images, found, id) => {
    const { project, added } = merge({ ...EMPTY_PROJECT, images }, { classes: [], images: [found] });
    expect(added).toEqual([]);
    expect(project.images.filter(({ objects }) => objects.length > 0).map((each) => each.id)).toEqual([id]);
  });

  test.each<[string, LabeledImage["objects"], LabeledImage[], "replace" | "add"]>([
    ["a picture", [], [image("1.jpg", [one]), image("1", [dog, same])], "replace"],
    ["a picture with labels", [other], [image("1.jpg", [one]), image("1.jpg", [dog])], "replace"],
    ["a picture with one of them", [one], [image("1.jpg", [dog]), image("1.jpg", [same])], "add"],
  ])("all that a file says of %s in several places comes to it, the same object once", (_, there, found, how) => {
    const before = { ...EMPTY_PROJECT, images: [image("1.jpg", there)] };
    const named = found.map((each, i) => ({ ...each, id: `found ${i}` }));
    const { project, changed } = merge(before, { classes: [], images: named }, how);
    expect(project.images.map(({ objects }) => objects.map(({ className }) => className))).toEqual([["cat", "dog"]]);
    expect(changed).toEqual(there.length > 0 ? before.images : []);
  });

  test.each<[string, Partial<LabeledImage>, Partial<LabeledImage>, Partial<LabeledImage>]>([
    ["comes", {}, { review: "done", seconds: 7 }, { review: "done", seconds: 7 }],
    ["does not replace what is there", { review: "done", seconds: 1 }, { review: "needs a look", seconds: 7 }, {}],
  ])("how far the review of a picture is in a file %s, with objects and without", (_, there, found, changed) => {
    const images = [image("1.jpg", [one]), { ...image("2.jpg"), id: "two" }];
    const before = { ...EMPTY_PROJECT, images: images.map((each) => ({ ...each, ...there })) };
    const { project, same } = merge(before, { classes: [], images: images.map((each) => ({ ...each, ...found })) });
    expect([project.images, same]).toEqual([before.images.map((each) => ({ ...each, ...changed })), 2]);
  });

  test("pictures that are not there wait at the end", () => {
    const result = merge(
      { ...EMPTY_PROJECT, images: [image("1.jpg")] },
      { classes: [], images: [image("2.jpg", [one])] },
    );
    expect(result.added.map(({ name }) => name)).toEqual(["2.jpg"]);
    expect(result.project.images.map(({ name }) => name)).toEqual(["1.jpg", "2.jpg"]);
  });
});

describe("classes", () => {
  const three = ["cat", "dog"].reduce((project: Project, name) => withClass(project, name), EMPTY_PROJECT);
  const [object0, cat, dog] = three.classes as [
    (typeof three.classes)[0],
    (typeof three.classes)[0],
    (typeof three.classes)[0],
  ];
  const labeled = { ...three, images: [image("1.jpg", [object("cat", 1, 0, 0, 0)]), image("2.jpg")] };

  test("another name keeps place, color and what is not of the class", () => {
    const renamed = withClassRenamed(labeled, "cat", "lynx");
    expect(renamed.classes).toEqual([object0, { ...cat, name: "lynx" }, dog]);
    expect(renamed.images[0]?.objects).toEqual([{ ...labeled.images[0]?.objects[0], className: "lynx" }]);
    expect(renamed.images[1]).toBe(labeled.images[1]);
  });

  test("the name of another makes them one", () => {
    const renamed = withClassRenamed(labeled, "cat", "dog");
    expect(renamed.classes).toEqual([object0, dog]);
    expect(renamed.images[0]?.objects.map(({ className }) => className)).toEqual(["dog"]);
  });

  test("a color that became free is taken again, and no other's", () => {
    const next = withClass(withoutClass(three, "cat"), "lynx");
    expect(next.classes).toEqual([object0, dog, { name: "lynx", color: cat.color }]);
    const many = Array.from({ length: 12 }, (_, i) => `class ${i}`).reduce(
      (project: Project, name) => withClass(project, name),
      EMPTY_PROJECT,
    );
    expect(new Set(many.classes.slice(0, 9).map(({ color }) => color)).size).toBe(9);
  });
});
