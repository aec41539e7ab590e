/** The names of the errors that this package throws on purpose. */
export type ExportErrorName =
  | "InvalidSafetensorsError"
  | "InvalidConfigError"
  | "MissingTensorError"
  | "TensorShapeError"
  | "TensorValueError"
  | "OutputError"
  | "RuntimeError";

/**
 * An error with a stable `name`; `message` says which tensor or field, what was expected and what came.
 *
 * `name` is an own property of plain data, so that it outlives structured cloning and Comlink.
 */
export class ExportError extends Error {
  override readonly name: ExportErrorName;

  constructor(name: ExportErrorName, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
  }
}
