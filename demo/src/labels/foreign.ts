/** What files of other tools say beyond what the page understands: kept by format, and written back in that format. */
import { isSame } from "./same.ts";

/** Fields as a file has them: plain data. */
export type Fields = Readonly<Record<string, unknown>>;

/** Fields by the name of the format that they were read from. */
export type Foreign = Readonly<Record<string, Fields>>;

/** Something that may have such fields. */
export interface WithForeign {
  readonly foreign?: Foreign | undefined;
}

/** `{ foreign }` with the fields that a format has for something; nothing where there are none. */
export function foreignOf(format: string, fields: Fields): WithForeign {
  return Object.keys(fields).length === 0 ? {} : { foreign: { [format]: fields } };
}

/** The fields that something has for a format. */
export function fieldsOf({ foreign }: WithForeign, format: string): Fields {
  return foreign?.[format] ?? {};
}

/** What is known with what a newer file says; a field of both becomes the newer one. The same value if nothing changes. */
export function withNewer(known: Foreign | undefined, newer: Foreign | undefined): Foreign | undefined {
  return merged(known, newer, (_, is) => is);
}

/** Likewise, but lists of both have the entries of both, each once. */
export function withMore(known: Foreign | undefined, more: Foreign | undefined): Foreign | undefined {
  return merged(known, more, (was, is) => {
    if (!Array.isArray(was) || !Array.isArray(is)) return is;
    return [...was, ...is.filter((each) => was.every((old) => !isSame(old, each)))];
  });
}

function merged(
  known: Foreign | undefined,
  newer: Foreign | undefined,
  both: (was: unknown, is: unknown) => unknown,
): Foreign | undefined {
  if (!newer) return known;
  const all: Record<string, Fields> = { ...known };
  for (const [format, fields] of Object.entries(newer)) {
    const was = all[format] ?? {};
    const is = Object.entries(fields).map(([name, value]) => [name, name in was ? both(was[name], value) : value]);
    all[format] = { ...was, ...Object.fromEntries(is) };
  }
  return known && isSame(all, known) ? known : all;
}
