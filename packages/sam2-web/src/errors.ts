/** The errors that this library throws on purpose. */

/** Every name; `AbortError` and `TimeoutError` are the platform's own and come as they are. */
export const ERROR_NAMES = [
  "InvalidPromptError",
  "InvalidImageError",
  "UnknownModelError",
  "InvalidModelError",
  "UnsupportedPromptError",
  "DownloadError",
  "IntegrityError",
  "DeviceError",
  "ImageReleasedError",
  "DisposedError",
] as const;

/** Name of an error of this library. */
export type Sam2ErrorName = (typeof ERROR_NAMES)[number];

/** An error with a stable `name`; `message` says what was expected and what came. */
export class Sam2Error extends Error {
  /** What went wrong, for programs. */
  override readonly name: Sam2ErrorName;

  constructor(name: Sam2ErrorName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
  }
}

/**
 * Whether `error` is one of this library's, and of the given name if one is given.
 *
 * Errors that came from the worker have lost their class, so the name decides.
 */
export function isSam2Error(error: unknown, name?: Sam2ErrorName): error is Sam2Error {
  if (!(error instanceof Error)) return false;
  return name === undefined ? (ERROR_NAMES as readonly string[]).includes(error.name) : error.name === name;
}
