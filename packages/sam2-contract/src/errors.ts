/** The errors that the packages throw on purpose. */

/**
 * Every name of a `Sam2Error`, and when it is thrown. Besides these, an aborted call rejects with its signal's
 * reason, which is by default the platform's `AbortError` or `TimeoutError`.
 */
export const ERROR_NAMES = [
  /** Points, a box, a mask or an option of a request is not as documented. */
  "InvalidPromptError",
  /** A call has no option of this name, or no object with options was given. */
  "UnknownOptionError",
  /** The model's files cannot take this kind of prompt. */
  "UnsupportedPromptError",
  /** The image cannot be read, or is too large. */
  "InvalidImageError",
  /** A file is no embedding, or one of another model, picture or contract. */
  "InvalidEmbeddingError",
  /** A mask, an RLE or the index of a mask is not as documented. */
  "InvalidMaskError",
  /** The image was released, or lost by a restart, before the call. */
  "ImageReleasedError",
  /** No model has this name, or what was given is none. */
  "UnknownModelError",
  /** model.json or an ONNX file is not as documented. */
  "InvalidModelError",
  /** The network failed, or answered with an error; or a file in place of an address cannot be read. */
  "DownloadError",
  /** A file's size or hash is not the expected one. */
  "IntegrityError",
  /** The device cannot run the model. */
  "DeviceError",
  /** The browser lacks something that is needed, or there is no browser: the call ran on a server. */
  "UnsupportedBrowserError",
  /** The worker's script was not found, or the page's policy forbids it. */
  "WorkerStartError",
  /** onnxruntime-web did not start, not even with one thread. */
  "RuntimeStartError",
  /** The segmenter was disposed of. */
  "DisposedError",
  /** Bytes are not a safetensors file. */
  "InvalidSafetensorsError",
  /** config.json describes no model that can be converted. */
  "InvalidConfigError",
  /** The checkpoint lacks a tensor. */
  "MissingTensorError",
  /** A tensor of the checkpoint has an unexpected shape. */
  "TensorShapeError",
  /** A tensor of a checkpoint or of an embedding holds a value that cannot be used. */
  "TensorValueError",
  /** A file cannot be written, or must not be where it is asked for; or a server cannot listen. */
  "OutputError",
  /** The queue cannot be reached, or refuses. */
  "QueueError",
  /** An optional package that the call needs is not installed. */
  "MissingPackageError",
] as const;

/** Name of an error of these packages. */
export type Sam2ErrorName = (typeof ERROR_NAMES)[number];

/**
 * An error with a stable `name`. Its `message` says what was expected and what came.
 *
 * ```ts
 * throw new Sam2Error("InvalidPromptError", "box: expected x1 < x2 and y1 < y2, got [5,5,1,1]");
 * ```
 */
export class Sam2Error extends Error {
  // a field, since Comlink copies an error's own name, message and stack, but not its class
  override readonly name: Sam2ErrorName;

  constructor(name: Sam2ErrorName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
  }
}

/**
 * Whether `error` is one of these packages', and of the given name if one is given.
 *
 * The name decides, not the class: errors from the worker arrive without their class.
 *
 * @example
 * ```ts
 * try {
 *   await segmenter.setImage(file);
 * } catch (error) {
 *   if (!isSam2Error(error, "InvalidImageError")) throw error;
 *   alert(error.message);
 * }
 * ```
 */
export function isSam2Error(error: unknown, name?: Sam2ErrorName): error is Sam2Error {
  if (!(error instanceof Error)) return false;
  return name === undefined ? (ERROR_NAMES as readonly string[]).includes(error.name) : error.name === name;
}
