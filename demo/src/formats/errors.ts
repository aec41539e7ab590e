/** Errors of import and export. */

/** An error in a file that is imported; the message says what was expected, and what came. */
export class ImportError extends Error {
  override readonly name = "ImportError";
}

/** A zip that is no set with its pictures; it may hold files of labels. */
export class NoProjectError extends Error {
  override readonly name = "NoProjectError";
}

/** Labels that a format cannot hold; the message says what it can hold, and what to do. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

/** Shows a value in an error message; lists and objects are only named, not walked, since they may be very deep. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value).slice(0, 80);
}
