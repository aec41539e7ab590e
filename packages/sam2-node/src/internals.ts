/**
 * Parts of the command line, for this repository's own commands. Not a public API: any version may change it.
 *
 * @module
 */
export { number, numbers } from "./command/arguments.ts";
export { checkWritable, writeWhole } from "./storage/whole-file.ts";
