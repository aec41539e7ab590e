/** Filters, the queue of what is to be looked at, and what a set holds in numbers. */
import { encodeRle } from "sam2-web";
import { describe, expect, test } from "vitest";
import { type LabeledObject, newObject, type Project } from "../src/labels/annotations.ts";
import { merge } from "../src/labels/importing.ts";
import { ALL_OBJECTS, isWanted, type ObjectFilter, overviewOf, reviewQueue } from "../src/labels/review.ts";

/** An object of so many of the picture's hundred pixels, from a place on. */
const object = (className: string, area: number, fields: Partial<LabeledObject> = {}, from = 0): LabeledObject => {
  const data = new Uint8Array(100).fill(1, from, from + area);
  return { ...newObject(className, encodeRle({ width: 10, height: 10, data })), ...fields };
};
const facts = { sha256: null, width: 10, height: 10 };

test.each<[string, Partial<ObjectFilter>, string[]]>([
  ["all", {}, ["a", "b", "c"]],
  ["text", { text: " FRO " }, ["a"]],
  ["a class", { className: "wheel" }, ["b", "c"]],
  ["to look at", { state: "unchecked" }, ["b"]],
  ["hidden", { state: "hidden" }, ["a"]],
  ["a score", { mostScore: 0.8 }, ["b"]],
  ["a size", { mostShare: 0.1 }, ["a", "c"]],
  ["both", { className: "wheel", mostShare: 0.1 }, ["c"]],
])("objects by %s", (_, filter, expected) => {
  const objects = {
    a: object("door", 5, { name: "front", hidden: true }),
    b: object("wheel", 50, { score: 0.6 }),
    c: object("wheel", 10, { score: 0.9, checked: true }),
  };
  const wanted = Object.entries(objects).filter(([, each]) => isWanted(each, { ...ALL_OBJECTS, ...filter }));
  expect(wanted.map(([name]) => name)).toEqual(expected);
});

const PROJECT: Project = {
  classes: [
    { name: "door", color: "#111111" },
    { name: "wheel", color: "#222222" },
    { name: "unused", color: "#333333" },
  ],
  images: [
    {
      ...facts,
      id: "1",
      name: "1",
      review: "done",
      seconds: 20,
      objects: [object("door", 30), object("wheel", 3, { id: "x", score: 0.9 })],
    },
    {
      ...facts,
      id: "2",
      name: "2",
      review: "needs a look",
      seconds: 60,
      objects: [object("wheel", 1, { id: "y", score: 0.2 }), object("wheel", 9, { score: 0.1, checked: true })],
    },
    { ...facts, id: "3", name: "3", objects: [] },
  ],
};

test("the most doubtful object comes first, and what was looked at not at all", () => {
  expect(reviewQueue(PROJECT).map(({ image, object: id }) => [image, id])).toEqual([
    ["2", "y"],
    ["1", "x"],
  ]);
});

test("what a set holds", () => {
  expect(overviewOf(PROJECT)).toEqual({
    states: { "to do": 1, "needs a look": 1, done: 1 },
    objects: 4,
    unchecked: 2,
    classes: [
      { name: "door", color: "#111111", count: 1 },
      { name: "wheel", color: "#222222", count: 3 },
      { name: "unused", color: "#333333", count: 0 },
    ],
    sizes: [
      { name: "under 1 %", count: 0 },
      { name: "1 to 5 %", count: 2 },
      { name: "5 to 20 %", count: 1 },
      { name: "over 20 %", count: 1 },
    ],
    seconds: 80,
    medianSeconds: 60,
  });
});

describe("an import that is added to what is there", () => {
  const there = object("door", 30);
  const project: Project = {
    classes: [{ name: "door", color: "#111111" }],
    images: [{ ...facts, id: "1", name: "1.jpg", objects: [there] }],
  };
  const found = (...objects: LabeledObject[]): Project => {
    return { classes: [{ name: "wheel", color: "#222222" }], images: [{ ...facts, id: "f", name: "1.jpg", objects }] };
  };

  test.each<[string, LabeledObject[], number, number]>([
    ["one like it is left out", [object("door", 29)], 0, 1],
    ["one that agrees too little comes", [object("door", 20)], 1, 0],
    ["one of another class comes", [object("wheel", 30)], 1, 0],
    ["both", [object("wheel", 30), object("door", 30)], 1, 1],
  ])("%s", (_, objects, added, alike) => {
    const merged = merge(project, found(...objects), "add");
    expect(merged.objects).toEqual({ added, alike, gone: 0 });
    expect(merged.project.images[0]?.objects).toHaveLength(1 + added);
    expect(merged.project.images[0]?.objects[0]).toBe(there);
    expect(merged.classes).toEqual(["wheel"]);
  });

  test("beside it, what replacing would do", () => {
    expect(merge(project, found(object("wheel", 30), object("door", 29)), "replace").objects).toEqual({
      added: 2,
      alike: 0,
      gone: 1,
    });
  });
});
