/** Keys: how they are written, and what they do. */
import type { Workspace } from "../workspace/workspace.ts";
import { type Command, isEnabled } from "./commands.ts";

/** Whether the Command key does what the Control key does elsewhere. */
const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.platform);

const SHOWN: Readonly<Record<string, string>> = {
  ctrl: IS_APPLE ? "⌘" : "Ctrl",
  shift: IS_APPLE ? "⇧" : "Shift",
  escape: "Esc",
  pageup: "Page Up",
  pagedown: "Page Down",
  enter: "Enter",
  delete: "Delete",
  backspace: "Backspace",
};

/** A key as people read it: `ctrl+z` is `Ctrl Z`. */
export function shownKey(key: string): string {
  if (key === "+") return key;
  return key
    .split("+")
    .map((part) => SHOWN[part] ?? part.toUpperCase())
    .join(" ");
}

/** A key event, written as in the table of commands. */
export function keyOf({ key, code, ctrlKey, metaKey, shiftKey, altKey }: KeyboardEvent): string {
  const typed = key.toLowerCase();
  // a sign that needs AltGr or Option on this keyboard is that sign
  if (altKey && /^[^\p{L}\d]$/u.test(typed)) return typed;
  // digits by their place: on some keyboards they need Shift, on others Shift makes signs of them
  const digit = /^Digit(\d)$/.exec(code)?.[1];
  // letters of another script by the Latin ones in their place
  const latin = /^[^a-z]$/.test(typed) && /\p{L}/u.test(typed) ? /^Key([A-Z])$/.exec(code)?.[1] : undefined;
  const name = digit ?? latin?.toLowerCase() ?? typed;
  const isText = name.length === 1 && !digit && !/[a-z]/.test(name);
  const held = [
    ctrlKey || metaKey ? "ctrl" : "",
    altKey ? "alt" : "",
    // a sign that needs Shift on this keyboard is that sign
    shiftKey && !isText ? "shift" : "",
  ];
  return [...held.filter(Boolean), name].join("+");
}

/** Where keys belong to what has the focus: text is typed there, or a list is walked. */
const TYPING = "input:not([type=radio], [type=checkbox], [type=range]), textarea, select, [role=menu], [role=listbox]";

/** Runs commands by their keys. @returns a function that ends that */
export function listenToKeys(
  commands: readonly Command[],
  workspace: Workspace,
  isPicture: (target: Element) => boolean,
): () => void {
  const listener = (event: KeyboardEvent): void => {
    const target = event.target as Element;
    const key = keyOf(event);
    const state = workspace.state.get();
    // a key may do one thing with a mask, and another with objects
    const command = commands.find((each) => each.keys?.includes(key) && isEnabled(each, state));
    const isTyping = target.matches(TYPING) || target.closest("[role=menu], [role=listbox]") !== null;
    if (event.defaultPrevented || target.closest("[role=dialog], [role=alertdialog]")) return;
    if (isTyping && !/^ctrl\+[kos]$/.test(key)) return;
    // a slider goes by them in large steps
    if (/^page/.test(key) && target.matches("input[type=range]")) return;
    // a button that has the focus is pressed by these
    if (/^(enter| )$/.test(key) && target.closest("button, a, summary, input, [role=radio]")) return;
    if (key === "escape") workspace.escape();
    else if (/^[1-9]$/.test(key)) workspace.chooseClass(Number(key) - 1);
    else if (command && (!command.isOfPicture || isPicture(target))) {
      // with a crosshair, a box is begun and ended by the same key
      if (command.id === "box" && state.crosshair && isPicture(target)) return;
      command.run();
    } else return;
    event.preventDefault();
  };
  addEventListener("keydown", listener, { capture: true });
  return () => removeEventListener("keydown", listener, { capture: true });
}
