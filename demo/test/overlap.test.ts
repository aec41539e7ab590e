/** Rules of classes for objects that would overlap: exact in pixels, one step. */
import { decodeRle, encodeRle, type Rle } from "sam2-web";
import { describe, expect, test } from "vitest";
import { type LabeledObject, newObject, type ObjectClass, type Overlap } from "../src/labels/annotations.ts";
import { ruled, rulesInWords } from "../src/labels/overlap.ts";

/** A row of pixels. */
const row = (text: string): Rle =>
  encodeRle({ width: text.length, height: 1, data: Uint8Array.from(text, (sign) => Number(sign === "#")) });
const shown = ({ rle }: LabeledObject): string =>
  Array.from(decodeRle(rle).data, (value) => (value ? "#" : ".")).join("");

const classes = (rules: Readonly<Record<string, Overlap | undefined>>): ObjectClass[] =>
  Object.entries(rules).map(([name, overlap]) => ({ name, color: "#000000", overlap }));
const RULES = { free: undefined, wall: "protected", floor: "gives way" } as const;

describe("a new object over another", () => {
  test.each<[string, string, readonly [string, string]]>([
    ["free", "free", ["####..", "..####"]],
    ["free", "wall", ["##....", "..####"]],
    ["free", "floor", ["####..", "....##"]],
    ["wall", "free", ["####..", "....##"]],
    ["wall", "wall", ["####..", "....##"]],
    ["wall", "floor", ["####..", "....##"]],
    ["floor", "free", ["##....", "..####"]],
    ["floor", "wall", ["##....", "..####"]],
    ["floor", "floor", ["####..", "....##"]],
  ])("%s under %s", (under, over, expected) => {
    const there = newObject(under, row("####.."));
    const { objects } = ruled([there, newObject(over, row("..####"))], [there], classes(RULES));
    expect(objects.map(shown)).toEqual(expected);
  });
});

test("a locked object loses nothing: what is new does", () => {
  const there = { ...newObject("floor", row("####..")), locked: true };
  const { objects, cut, taken } = ruled([there, newObject("wall", row("..####"))], [there], classes(RULES));
  expect([...objects.map(shown), cut, taken]).toEqual(["####..", "....##", 2, 0]);
});

test("what is not changed stays as it is, though it overlaps", () => {
  const there = [newObject("wall", row("####..")), newObject("wall", row("..####"))];
  expect(ruled([...there].reverse(), there, classes(RULES)).objects.map(shown)).toEqual(["..####", "####.."]);
});

test("an object whose class becomes another follows that class's rule", () => {
  const [wall, free] = [newObject("wall", row("####..")), newObject("free", row("..####"))];
  const { objects } = ruled([wall, { ...free, className: "floor" }], [wall, free], classes(RULES));
  expect(objects.map(shown)).toEqual(["####..", "....##"]);
});

describe("a change that leaves nothing of an object", () => {
  const [wall, free] = [newObject("wall", row("####..")), newObject("free", row(".##..."))];
  test.each<[string, readonly LabeledObject[], readonly LabeledObject[], readonly string[], number, number]>([
    ["another class", [wall, free], [wall, { ...free, className: "floor" }], ["wall ####..", "free .##..."], 2, 1],
    ["another mask", [wall, free], [wall, { ...free, rle: row("#.....") }], ["wall ####..", "free .##..."], 1, 1],
    [
      "and others that are ruled beside it",
      [wall, free, { ...free, id: "2", rle: row("..###.") }],
      [wall, { ...free, className: "floor" }, { ...free, id: "2", rle: row("..###."), className: "floor" }],
      ["wall ####..", "free .##...", "floor ....#."],
      4,
      1,
    ],
  ])("%s: it stays what it was", (_, before, after, expected, cut, refused) => {
    const result = ruled(after, before, classes(RULES));
    expect(result.objects.map((each) => `${each.className} ${shown(each)}`)).toEqual(expected);
    expect([result.cut, result.taken, result.refused]).toEqual([cut, 0, refused]);
  });
});

test("several new ones: each against those before it", () => {
  const made = ["###...", ".###..", "######"].map((text) => newObject("wall", row(text)));
  expect(ruled(made, [], classes(RULES)).objects.map(shown)).toEqual(["###...", "...#..", "....##"]);
});

test("what nothing is left of is left out, or gone, and said", () => {
  const floor = newObject("floor", row(".##..."));
  const over = ruled([floor, newObject("wall", row("####.."))], [floor], classes(RULES));
  expect([over.objects.map(shown), over.gone, over.refused]).toEqual([["####.."], 1, 0]);
  expect(rulesInWords(over)).toBe("2 pixels taken from classes that give way. 1 of their objects is gone.");
  const wall = newObject("wall", row("####.."));
  const under = ruled([wall, newObject("floor", row("..#..."))], [wall], classes(RULES));
  expect([under.objects.map(shown), under.gone, under.refused]).toEqual([["####.."], 0, 1]);
  expect(rulesInWords(under)).toBe("1 pixel stayed with other classes. 1 left out: nothing of it is free.");
});

test("what nothing is left of takes nothing from others", () => {
  const there = [newObject("floor", row("...###")), newObject("wall", row("######"))];
  const { objects, taken, refused } = ruled([...there, newObject("free", row("..##.."))], there, classes(RULES));
  expect([objects.map(shown), taken, refused]).toEqual([["...###", "######"], 0, 1]);
});

test("without rules the list is the same", () => {
  const made = ["###...", ".###.."].map((text) => newObject("free", row(text)));
  expect(ruled(made, [], classes({ free: undefined })).objects).toBe(made);
});
