/** What is no picture is refused in the same words everywhere. */
import { Sam2Error } from "sam2-contract";

function kindOf(value: unknown): string {
  if (value === null) return "null";
  // the name of a class, also of another window: HTMLBodyElement, Promise, Object
  return typeof value === "object" ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
}

/**
 * The error for what is no picture.
 *
 * @param came what was given
 * @param expected what a platform takes for a picture
 */
export function noPicture(came: unknown, expected = "a picture", cause?: Error): Sam2Error {
  const reason = cause === undefined ? "" : `: ${cause.message}`;
  return new Sam2Error(
    "InvalidImageError",
    `expected ${expected}, got ${kindOf(came)}${reason}`,
    cause === undefined ? undefined : { cause },
  );
}
