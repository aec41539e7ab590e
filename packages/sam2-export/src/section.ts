/** Reads JSON objects of a configuration field by field, with errors that name the field. */
import { Sam2Error, shown } from "sam2-contract";

/** The longest list that is accepted. */
const MOST_ITEMS = 256;

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** One JSON object of the file, with the path to it for messages. */
export class Section {
  readonly path: string;
  readonly #fields: Record<string, unknown>;

  constructor(value: unknown, path: string) {
    if (value === undefined || value === null) {
      this.#fields = {};
    } else if (typeof value === "object" && !Array.isArray(value)) {
      this.#fields = value as Record<string, unknown>;
    } else {
      throw invalid(path, "an object", value);
    }
    this.path = path;
  }

  section(key: string): Section {
    return new Section(this.#fields[key], `${this.path}.${key}`);
  }

  #read<T>(key: string, fallback: T, expected: string, is: (value: unknown) => boolean): T {
    const value = this.#fields[key];
    if (value === undefined || value === null) return fallback;
    if (!is(value)) throw invalid(`${this.path}.${key}`, expected, value);
    return value as T;
  }

  /** A whole number from 1 to `most`. The limit prevents huge sizes, before anything of that size is made. */
  natural(key: string, fallback: number, most: number): number {
    return this.#read(key, fallback, `a whole number from 1 to ${most}`, (value) => isWhole(value, 1, most));
  }

  /** A number over 0, up to `most`. */
  positive(key: string, fallback: number, most: number): number {
    const isRight = (value: unknown): boolean => typeof value === "number" && value > 0 && value <= most;
    return this.#read(key, fallback, `a number over 0, up to ${most}`, isRight);
  }

  /** A number from 0 to 1. */
  share(key: string, fallback: number): number {
    const isRight = (value: unknown): boolean => typeof value === "number" && value >= 0 && value <= 1;
    return this.#read(key, fallback, "a number from 0 to 1", isRight);
  }

  boolean(key: string, fallback: boolean): boolean {
    return this.#read(key, fallback, "true or false", (value) => typeof value === "boolean");
  }

  /** A list of whole numbers from `least` to `most`. */
  naturals(key: string, fallback: readonly number[], least: number, most: number): readonly number[] {
    const isRight = (value: unknown): boolean =>
      Array.isArray(value) && value.length <= MOST_ITEMS && value.every((item) => isWhole(item, least, most));
    return this.#read(key, fallback, `a list of at most ${MOST_ITEMS} whole numbers from ${least} to ${most}`, isRight);
  }

  /** A size of a square: a whole number from 1 to `most`, or a list that repeats one. */
  square(key: string, fallback: number, most: number): number {
    const value = this.#fields[key];
    const side = Array.isArray(value) ? value[0] : value;
    if (Array.isArray(value) && (value.length === 0 || value.some((item) => item !== side))) {
      throw invalid(`${this.path}.${key}`, "a square size", value);
    }
    return new Section({ [key]: side }, this.path).natural(key, fallback, most);
  }

  /** Refuses any value but `expected`; `fallback` is the value of a missing field. */
  only<T extends string | number | boolean>(key: string, expected: T, fallback: T = expected): void {
    const value = this.#fields[key] ?? fallback;
    if (value !== expected) throw invalid(`${this.path}.${key}`, JSON.stringify(expected), value);
  }

  /** A text, which must be there. */
  text(key: string): string {
    const value = this.#fields[key];
    if (typeof value !== "string" || value === "") throw invalid(`${this.path}.${key}`, "a text", value);
    return value;
  }

  /** A text that is one of `names`. */
  oneOf<T extends string>(key: string, names: readonly T[]): T {
    const value = this.#fields[key];
    const known = names.find((name) => name === value);
    if (known === undefined) throw invalid(`${this.path}.${key}`, alternatives(names), value);
    return known;
  }

  /** Refuses fields that are not among `names`: an unknown one could change the model. */
  noOthers(names: readonly string[]): void {
    for (const [key, value] of Object.entries(this.#fields)) {
      if (!names.includes(key)) throw invalid(`${this.path}.${key}`, `no field but ${names.join(", ")}`, value);
    }
  }
}

function alternatives(names: readonly string[]): string {
  const quoted = names.map((name) => JSON.stringify(name));
  return `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
}

/** The error for a field: where, what was expected and what came. */
export function invalid(path: string, expected: string, came: unknown): Sam2Error {
  return new Sam2Error("InvalidConfigError", `${path}: expected ${expected}, got ${shown(came)}`);
}
