import {
  type Box,
  boxBetween,
  History,
  isEmptyPrompt,
  markAt,
  NO_PROMPTS,
  type PromptMark,
  type Prompts,
  toSegmentPrompt,
  withMarkMoved,
  withoutMark,
} from "sam2-canvas";
import { expect, test } from "vitest";

const PICTURE = { width: 100, height: 80 };
const POINT = { x: 10, y: 20, positive: true };
const OTHER = { x: 30, y: 40, positive: false };
const BOX: Box = [10, 10, 50, 60];

test.each<[string, Prompts, object]>([
  ["nothing", NO_PROMPTS, {}],
  [
    "points",
    { points: [POINT, OTHER], box: null },
    {
      point_coords: [
        [10, 20],
        [30, 40],
      ],
      point_labels: [1, 0],
    },
  ],
  ["a box", { points: [], box: BOX }, { box: BOX }],
  ["both", { points: [OTHER], box: BOX }, { point_coords: [[30, 40]], point_labels: [0], box: BOX }],
])("%s as a prompt", (_, prompts, expected) => {
  expect(toSegmentPrompt(prompts)).toEqual(expected);
  expect(isEmptyPrompt(prompts)).toBe(prompts === NO_PROMPTS);
});

test.each<[string, [number, number], [number, number], Box | null]>([
  ["down to the right", [10, 10], [50, 60], [10, 10, 50, 60]],
  ["up to the left", [50, 60], [10, 10], [10, 10, 50, 60]],
  ["beyond the picture", [-5, 10], [900, 900], [0, 10, 100, 80]],
  ["less than a pixel wide", [10, 10], [10.9, 60], null],
  ["beside the picture", [120, 0], [140, 50], null],
])("a box drawn %s", (_, [ax, ay], [bx, by], box) => {
  expect(boxBetween({ x: ax, y: ay }, { x: bx, y: by }, PICTURE)).toEqual(box);
});

const MARKS: Prompts = { points: [POINT, OTHER], box: BOX };
const VIEWPORT = { scale: 2, left: 100, top: 0 };

test.each<[string, [number, number], number, PromptMark | null]>([
  ["on the first point", [120, 40], 8, { kind: "point", index: 0 }],
  ["near the second point, with a finger", [175, 70], 22, { kind: "point", index: 1 }],
  ["near the second point, with a mouse", [175, 70], 8, null],
  ["at the lower right corner", [199, 121], 8, { kind: "corner", index: 2 }],
  ["far off", [400, 400], 22, null],
])("the mark %s", (_, [x, y], radius, mark) => {
  expect(markAt(MARKS, VIEWPORT, { x, y }, radius)).toEqual(mark);
});

test.each<[string, PromptMark, [number, number], Prompts]>([
  ["a point", { kind: "point", index: 1 }, [5, 6], { points: [POINT, { ...OTHER, x: 5, y: 6 }], box: BOX }],
  [
    "a point out of the picture",
    { kind: "point", index: 0 },
    [-9, 99],
    { points: [{ ...POINT, x: 0, y: 80 }, OTHER], box: BOX },
  ],
  ["a corner", { kind: "corner", index: 0 }, [20, 5], { points: [POINT, OTHER], box: [20, 5, 50, 60] }],
  [
    "a corner beyond the opposite one",
    { kind: "corner", index: 0 },
    [70, 70],
    { points: [POINT, OTHER], box: [50, 60, 70, 70] },
  ],
  ["a corner onto the opposite one", { kind: "corner", index: 0 }, [50, 60], MARKS],
])("%s is moved", (_, mark, [x, y], expected) => {
  expect(withMarkMoved(MARKS, mark, { x, y }, PICTURE)).toEqual(expected);
});

test("a mark is taken away", () => {
  expect(withoutMark(MARKS, { kind: "point", index: 0 })).toEqual({ points: [OTHER], box: BOX });
  expect(withoutMark(MARKS, { kind: "corner", index: 3 })).toEqual({ points: [POINT, OTHER], box: null });
});

test("undo, redo, and a new state after an undo", () => {
  const history = new History("a");
  expect([history.undo(), history.canUndo]).toEqual([false, false]);
  history.push("b");
  history.push("c");
  expect([history.undo(), history.current, history.canRedo]).toEqual([true, "b", true]);
  history.push("d");
  expect([history.redo(), history.current]).toEqual([false, "d"]);
  history.undo();
  expect(history.current).toBe("b");
});
