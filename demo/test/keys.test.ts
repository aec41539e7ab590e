/** Keys on keyboards of several countries: the same key does the same thing. */
import { expect, test, vi } from "vitest";

vi.stubGlobal("navigator", { platform: "" });
const { keyOf } = await import("../src/panels/keys.ts");

const event = (key: string, code: string, held: Partial<KeyboardEvent> = {}): KeyboardEvent =>
  ({ key, code, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...held }) as KeyboardEvent;

test.each<[string, KeyboardEvent, string]>([
  ["a digit", event("2", "Digit2"), "2"],
  ["a digit's key with Shift", event("@", "Digit2", { shiftKey: true }), "shift+2"],
  ["a digit's key, French", event("é", "Digit2"), "2"],
  ["a digit's key with Shift, French", event("2", "Digit2", { shiftKey: true }), "shift+2"],
  ["a digit of the number pad", event("2", "Numpad2"), "2"],
  ["undo", event("z", "KeyZ", { ctrlKey: true }), "ctrl+z"],
  ["undo, German: the letter counts, not its place", event("z", "KeyY", { ctrlKey: true }), "ctrl+z"],
  ["undo, Russian", event("я", "KeyZ", { ctrlKey: true }), "ctrl+z"],
  ["redo, Greek", event("Ζ", "KeyZ", { ctrlKey: true, shiftKey: true }), "ctrl+shift+z"],
  ["undo on a Mac", event("z", "KeyZ", { metaKey: true }), "ctrl+z"],
  ["a letter in capitals", event("B", "KeyB", { shiftKey: true }), "shift+b"],
  ["a letter of its own key, German", event("ö", "Semicolon"), "ö"],
  ["a bracket", event("[", "BracketLeft"), "["],
  ["a bracket, German on Windows", event("[", "Digit8", { ctrlKey: true, altKey: true }), "["],
  ["a bracket, German on a Mac", event("[", "Digit5", { altKey: true }), "["],
  ["a question mark", event("?", "Slash", { shiftKey: true }), "?"],
  ["the next picture", event("PageDown", "PageDown"), "pagedown"],
])("%s", (_, given, expected) => {
  expect(keyOf(given)).toBe(expected);
});
