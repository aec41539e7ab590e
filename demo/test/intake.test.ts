/** What becomes of files that a person drops or chooses. */
import { expect, test } from "vitest";
import { takeIn, takeInLabels } from "../src/view/intake.ts";
import type { NamedFile } from "../src/workspace/picture-set.ts";
import type { Workspace } from "../src/workspace/workspace.ts";

/** A workspace that notes what it is asked for. */
function noting(): { workspace: Workspace; asked: string[] } {
  const asked: string[] = [];
  const note =
    (what: string) =>
    async (given: NamedFile | readonly NamedFile[]): Promise<void> => {
      asked.push(`${what} ${[given].flat().map(({ name }) => name)}`);
    };
  const workspace = {
    set: { add: note("add") },
    transfer: { import: note("import"), openProject: note("open") },
    notices: { fail: (error: string) => asked.push(error) },
  } as unknown as Workspace;
  return { workspace, asked };
}

const file = (name: string): NamedFile => ({
  name,
  blob: new Blob([], { type: /\.(?:png|svg)$/i.test(name) ? `image/${name.slice(-3).toLowerCase()}` : "" }),
});

test.each([
  ["a.png", ["add a.png"]],
  ["a.svg", ["import a.svg"]],
  ["A.SVG", ["import A.SVG"]],
  ["A.PSD", ["import A.PSD"]],
  ["A.JSON", ["import A.JSON"]],
  ["obj.names", ["import obj.names"]],
  ["set.zip", ["open set.zip"]],
  ["SET.ZIP", ["open SET.ZIP"]],
  ["a.doc", ["There is no picture among these files"]],
])("dropped: %s", (name, expected) => {
  const { workspace, asked } = noting();
  takeIn(workspace, [file(name)]);
  expect(asked).toEqual(expected);
});

test.each([
  [
    ["set.zip", "a.png"],
    ["add a.png", "open set.zip"],
  ],
  [
    ["a.png", "a.json", "labels.zip"],
    ["add a.png", "import a.json", "open labels.zip"],
  ],
  [
    ["a.zip", "b.zip"],
    ["open a.zip", "open b.zip"],
  ],
  [["set.zip", "notes.doc"], ["open set.zip"]],
])("dropped together: %s", async (names, expected) => {
  const { workspace, asked } = noting();
  takeIn(workspace, names.map(file));
  await expect.poll(() => asked).toEqual(expected);
});

test.each([
  [["a.png"], ["import a.png"]],
  [["set.zip"], ["open set.zip"]],
  [["SET.ZIP"], ["open SET.ZIP"]],
  [["a.zip", "b.png"], ["import a.zip,b.png"]],
])("chosen as labels: %s", (names, expected) => {
  const { workspace, asked } = noting();
  takeInLabels(workspace, names.map(file));
  expect(asked).toEqual(expected);
});
