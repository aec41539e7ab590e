/**
 * Reads a request's fields as Pydantic does: text is taken for a number or a boolean where it can be read as one, and one
 * answer names all fields that are wrong.
 */
import { type FieldProblem, Problem } from "./problem.ts";

const TRUE = ["1", "on", "t", "true", "y", "yes"];
const FALSE = ["0", "off", "f", "false", "n", "no"];

/** Limits of a number, both allowed. */
export interface Range {
  readonly least: number;
  readonly greatest: number;
}

/** Reads the fields of one request; unknown ones are ignored. */
export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #problems: FieldProblem[] = [];

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  #refuse(name: string, msg: string, type: string): void {
    this.#problems.push({ loc: ["body", name], msg, type });
  }

  /** A field that must be there. */
  required(name: string): unknown {
    const value = this.#values[name];
    if (value === undefined || value === null) this.#refuse(name, "Field required", "missing");
    return value;
  }

  text(name: string): string | undefined {
    const value = this.#values[name] ?? undefined;
    if (value === undefined || typeof value === "string") return value;
    this.#refuse(name, "Input should be a valid string", "string_type");
    return undefined;
  }

  boolean(name: string, byDefault: boolean): boolean {
    const value = this.#values[name] ?? byDefault;
    if (typeof value === "boolean") return value;
    // other values have no text of their own, or one that may throw
    const word = typeof value === "string" || typeof value === "number" ? String(value).toLowerCase() : "";
    if (TRUE.includes(word)) return true;
    if (!FALSE.includes(word)) {
      this.#refuse(name, "Input should be a valid boolean, unable to interpret input", "bool_parsing");
    }
    return false;
  }

  number(name: string, byDefault: number, { least, greatest }: Range, whole = false): number {
    const given = this.#values[name] ?? byDefault;
    const value = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
    const kind = whole ? "integer" : "number";
    if (typeof value !== "number" || !Number.isFinite(value) || (whole && !Number.isInteger(value))) {
      this.#refuse(
        name,
        `Input should be a valid ${kind}, unable to parse input`,
        `${whole ? "int" : "float"}_parsing`,
      );
      return byDefault;
    }
    if (value < least) this.#refuse(name, `Input should be greater than or equal to ${least}`, "greater_than_equal");
    if (value > greatest) this.#refuse(name, `Input should be less than or equal to ${greatest}`, "less_than_equal");
    return value;
  }

  choice<T extends string>(name: string, byDefault: T, choices: readonly T[]): T {
    const value = this.#values[name] ?? byDefault;
    if (choices.includes(value as T)) return value as T;
    this.#refuse(name, `Input should be ${choices.map((choice) => `'${choice}'`).join(" or ")}`, "enum");
    return byDefault;
  }

  /** @throws Problem 422 that names every field that was wrong */
  check(): void {
    if (this.#problems.length > 0) throw Problem.unprocessable(this.#problems);
  }
}
