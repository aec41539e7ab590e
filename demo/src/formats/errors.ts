/** What is wrong with a file that is read, or with labels that a format cannot hold. */

/** An error in a file that is imported; the message says what was expected, and what came. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

/** Labels that a format cannot hold; the message says what it can hold, and what to do. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/** A value of a file, for a message: lists and objects are only named, however deep they are. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value).slice(0, 80);
}
