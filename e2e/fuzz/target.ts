/** What a fuzz target is, and how one case of it is tried. */
import type fc from "fast-check";
import { isSam2Error } from "sam2-contract";

/** A reader or a handler that takes whatever comes. */
export interface Target {
  readonly name: string;
  /** Cases to try: the bytes of a file. Every case is a function of fast-check's seed. */
  readonly cases: fc.Arbitrary<Uint8Array>;
  /** Whether cases are JSON, of which a smaller case keeps the form. */
  readonly isJson: boolean;
  /**
   * Takes a case. It returns when all that must hold has held, throws a named error to refuse the case, and throws
   * anything else where there is a fault.
   */
  check(bytes: Uint8Array): unknown;
  /** Whether an error is a refusal as documented; those of the packages by default. */
  readonly isRefusal?: (error: unknown) => boolean;
}

/** How a case ended. */
export type Outcome =
  | { readonly kind: "held" | "refused" }
  /** Something that must hold did not, or an error came that is not one of the documented. */
  | { readonly kind: "failed"; readonly error: string; readonly stack: string }
  /** Nothing came back in time. */
  | { readonly kind: "hung" }
  /** The process ended, as it does when memory runs out. */
  | { readonly kind: "crashed"; readonly error: string };

/** A case that is not of the form that the target takes: nothing to try. */
export class NoCase extends Error {}

/** A case's JSON. @throws NoCase */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(bytes));
  } catch (cause) {
    throw new NoCase("the case is no JSON", { cause });
  }
}

/** Tries one case in this process. */
export async function attempt(target: Target, bytes: Uint8Array): Promise<Outcome> {
  try {
    await target.check(bytes);
    return { kind: "held" };
  } catch (error) {
    if (error instanceof NoCase || (target.isRefusal ?? isSam2Error)(error)) return { kind: "refused" };
    const { name, message, stack } = error instanceof Error ? error : new Error(`thrown: ${String(error)}`);
    return { kind: "failed", error: `${name}: ${message}`.slice(0, 400), stack: String(stack).slice(0, 4000) };
  }
}

/** JSON as a case. */
export function jsonCase(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** A case's text. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Says that something that must hold does not. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`does not hold: ${what}`);
}
