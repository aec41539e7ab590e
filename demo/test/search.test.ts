/** What the palette finds for what is typed, in which order. */
import { expect, test } from "vitest";
import { found } from "../src/panels/search.ts";

const COMMANDS = [
  { name: "Paint", words: "Tools" },
  { name: "Next candidate", words: "Mask" },
  { name: "Copy to the next picture", words: "Shape" },
  { name: "Next to look at", words: "Objects" },
  { name: "Export labels…", words: "Objects zip" },
  { name: "Save the project", words: "Pictures zip" },
  { name: "Keys and help", words: "Page shortcuts" },
  { name: "Class: Äpfel" },
];

test.each<[string, string[]]>([
  ["", COMMANDS.map(({ name }) => name)],
  ["ex", ["Export labels…", "Next candidate", "Copy to the next picture", "Next to look at"]],
  ["n", ["Next candidate", "Next to look at", "Copy to the next picture", "Paint", "Keys and help"]],
  ["next", ["Next candidate", "Next to look at", "Copy to the next picture"]],
  ["pict", ["Copy to the next picture", "Save the project"]],
  [" Save the ", ["Save the project"]],
  ["zip", ["Export labels…", "Save the project"]],
  ["SHORTCUT", ["Keys and help"]],
  ["apfel", ["Class: Äpfel"]],
  ["quit", []],
])("%j finds %j", (text, names) => {
  expect(found(COMMANDS, text).map(({ name }) => name)).toEqual(names);
});
