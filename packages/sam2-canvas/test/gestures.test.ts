import { expect, test } from "vitest";
import { Gestures, type Pointer } from "../src/gestures.ts";

type Step = [kind: "down" | "move" | "up" | "cancel", id: number, x: number, y: number];

/** Plays pointer events; what came of them, as text. */
function play(type: "mouse" | "touch" | "pen", steps: readonly Step[], more: Partial<Pointer> = {}): string[] {
  const said: string[] = [];
  const gestures = new Gestures(recorder(said));
  run(gestures, type, steps, more);
  return said;
}

function recorder(said: string[]): ConstructorParameters<typeof Gestures>[0] {
  const note =
    (name: string) =>
    ({ x, y }: { x: number; y: number }): unknown =>
      said.push(`${name} ${x},${y}`);
  return {
    hover: note("hover"),
    leave: () => said.push("leave"),
    click: note("click"),
    dragStart: note("start"),
    drag: note("drag"),
    dragEnd: note("end"),
    dragCancel: () => said.push("cancel"),
    pan: (dx, dy) => said.push(`pan ${dx},${dy}`),
    zoom: (factor, { x, y }) => said.push(`zoom ${factor} at ${x},${y}`),
  };
}

function run(gestures: Gestures, pointerType: string, steps: readonly Step[], more: Partial<Pointer> = {}): void {
  for (const [kind, pointerId, x, y] of steps) {
    if (kind === "cancel") gestures.cancel(pointerId);
    else
      gestures[kind]({
        ...{ pointerId, pointerType, x, y, button: 0, buttons: 1, altKey: false, shiftKey: false, pressure: 0.5 },
        ...more,
      });
  }
}

test.each<[string, "mouse" | "touch" | "pen", Step[], string[]]>([
  [
    "a press and release",
    "mouse",
    [
      ["down", 1, 5, 5],
      ["up", 1, 5, 5],
    ],
    ["click 5,5"],
  ],
  [
    "a press that trembles",
    "mouse",
    [
      ["down", 1, 5, 5],
      ["move", 1, 8, 8],
      ["up", 1, 8, 8],
    ],
    ["click 5,5"],
  ],
  [
    "a finger that trembles more",
    "touch",
    [
      ["down", 1, 5, 5],
      ["move", 1, 12, 9],
      ["up", 1, 12, 9],
    ],
    ["click 5,5"],
  ],
  [
    "a drag",
    "mouse",
    [
      ["down", 1, 5, 5],
      ["move", 1, 20, 5],
      ["move", 1, 30, 5],
      ["up", 1, 30, 6],
    ],
    ["start 5,5", "drag 20,5", "drag 30,5", "end 30,6"],
  ],
  ["a move without a button", "mouse", [["move", 1, 5, 5]], ["hover 5,5"]],
  ["a pen in the air", "pen", [["move", 1, 5, 5]], ["hover 5,5"]],
  [
    "two fingers apart",
    "touch",
    [
      ["down", 1, 0, 0],
      ["down", 2, 10, 0],
      ["move", 2, 20, 0],
      ["up", 1, 0, 0],
      ["up", 2, 20, 0],
    ],
    ["zoom 2 at 10,0", "pan 5,0"],
  ],
  [
    "a second finger ends a drag",
    "touch",
    [
      ["down", 1, 0, 0],
      ["move", 1, 30, 0],
      ["down", 2, 50, 0],
      ["up", 2, 50, 0],
      ["up", 1, 30, 0],
    ],
    ["start 0,0", "drag 30,0", "cancel"],
  ],
  [
    "of two fingers one stays",
    "touch",
    [
      ["down", 1, 0, 0],
      ["down", 2, 10, 0],
      ["up", 2, 10, 0],
      ["move", 1, 7, 3],
      ["up", 1, 7, 3],
    ],
    ["pan 7,3"],
  ],
  [
    "the system takes the pointer",
    "touch",
    [
      ["down", 1, 0, 0],
      ["move", 1, 30, 0],
      ["cancel", 1, 0, 0],
    ],
    ["start 0,0", "drag 30,0", "cancel"],
  ],
  ["a release without a press", "mouse", [["up", 1, 5, 5]], []],
])("%s", (_, type, steps, expected) => {
  expect(play(type, steps)).toEqual(expected);
});

test("the middle button moves the picture", () => {
  expect(
    play(
      "mouse",
      [
        ["down", 1, 0, 0],
        ["move", 1, 3, 4],
        ["up", 1, 3, 4],
      ],
      { button: 1 },
    ),
  ).toEqual(["pan 3,4"]);
});

test.each<"isPanning" | "isSpaceDown">(["isPanning", "isSpaceDown"])(
  "%s: the main button moves the picture",
  (flag) => {
    const said: string[] = [];
    const gestures = new Gestures(recorder(said));
    gestures[flag] = true;
    run(gestures, "mouse", [
      ["down", 1, 0, 0],
      ["move", 1, 3, 4],
      ["up", 1, 3, 4],
    ]);
    gestures[flag] = false;
    run(gestures, "mouse", [
      ["down", 1, 0, 0],
      ["up", 1, 0, 0],
    ]);
    expect(said).toEqual(["pan 3,4", "click 0,0"]);
  },
);

test("with a pen in use, the resting hand draws nothing and a finger moves the picture", () => {
  const said: string[] = [];
  const gestures = new Gestures(recorder(said));
  run(gestures, "touch", [
    ["down", 9, 90, 90],
    ["move", 9, 120, 90],
  ]);
  run(gestures, "pen", [["down", 1, 5, 5]]);
  run(gestures, "touch", [["move", 9, 150, 90]]);
  run(gestures, "pen", [
    ["move", 1, 40, 5],
    ["up", 1, 40, 5],
  ]);
  run(gestures, "touch", [
    ["up", 9, 150, 90],
    ["down", 3, 0, 0],
    ["move", 3, 9, 9],
    ["up", 3, 9, 9],
  ]);
  expect(said).toEqual(["start 90,90", "drag 120,90", "cancel", "start 5,5", "drag 40,5", "end 40,5", "pan 9,9"]);
});

test("leaving with a button down is no leave", () => {
  const said: string[] = [];
  const gestures = new Gestures(recorder(said));
  run(gestures, "mouse", [["down", 1, 0, 0]]);
  gestures.leave();
  run(gestures, "mouse", [["up", 1, 0, 0]]);
  gestures.leave();
  expect(said).toEqual(["click 0,0", "leave"]);
});
