/** Keys, by what has the focus: those that belong to it are left to it. */
import { afterEach, expect, test } from "vitest";
import type { Command } from "../src/panels/commands.ts";
import { listenToKeys } from "../src/panels/keys.ts";
import type { Workspace } from "../src/workspace/workspace.ts";

const KEYS = ["ctrl+k", "ctrl+o", "ctrl+s", "ctrl+z", "pagedown", "p", "enter"];

afterEach(() => document.body.replaceChildren());

test.each<[string, string, readonly string[]]>([
  ["the page", "<div>", KEYS],
  ["a text field", "<input>", ["ctrl+k", "ctrl+o", "ctrl+s"]],
  ["a list", "<div role='listbox'>", ["ctrl+k", "ctrl+o", "ctrl+s"]],
  ["a slider", "<input type='range'>", ["ctrl+k", "ctrl+o", "ctrl+s", "ctrl+z", "p"]],
  ["a button", "<button>", KEYS.filter((key) => key !== "enter")],
  ["a dialog", "<div role='dialog'>", []],
])("with the focus in %s", (_, html, expected) => {
  document.body.innerHTML = html;
  const ran: string[] = [];
  const commands = KEYS.map((key) => ({ id: key, keys: [key], run: () => ran.push(key) }) as unknown as Command);
  const end = listenToKeys(commands, { state: { get: () => ({}) } } as unknown as Workspace, () => false);
  const prevented = KEYS.filter((each) => {
    const [key = "", held] = each.split("+").reverse();
    const event = new KeyboardEvent("keydown", { key, ctrlKey: held === "ctrl", bubbles: true, cancelable: true });
    return document.body.firstElementChild?.dispatchEvent(event) === false;
  });
  end();
  expect([ran, prevented]).toEqual([expected, expected]);
});
