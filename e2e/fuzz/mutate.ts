/** Cases made of good ones: bytes and JSON with a few changes. */
import fc from "fast-check";

/** No case is longer than this. */
const MOST_BYTES = 300_000;

type ByteEdit = (bytes: Uint8Array, seeds: readonly Uint8Array[]) => Uint8Array;

/** A place in a file: anywhere, or among the first bytes, where headers are. */
const place = fc.oneof(
  fc.nat(0x7fffffff).map((n) => (length: number) => n % (length + 1)),
  fc.nat(255).map((n) => (length: number) => Math.min(n, length)),
);

const NUMBERS = [0, 1, 2, 7, 8, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

const byteEdit: fc.Arbitrary<ByteEdit> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(
    ([at, value]): ByteEdit =>
      (bytes) => {
        const copy = bytes.slice();
        if (copy.length > 0) copy[at(copy.length - 1)] = value;
        return copy;
      },
  ),
  fc.tuple(place, fc.constantFrom(...NUMBERS), fc.constantFrom(1, 2, 4, 8), fc.boolean()).map(
    ([at, value, width, little]): ByteEdit =>
      (bytes) => {
        const copy = bytes.slice();
        const start = at(copy.length);
        for (let i = 0; i < width && start + i < copy.length; i++) {
          const shift = little ? i : width - 1 - i;
          copy[start + i] = Math.floor(value / 2 ** (8 * shift)) % 256;
        }
        return copy;
      },
  ),
  fc.tuple(place, fc.nat(64)).map(
    ([at, count]): ByteEdit =>
      (bytes) => {
        const start = at(bytes.length);
        return concat(bytes.subarray(0, start), bytes.subarray(start + count));
      },
  ),
  fc.tuple(place, fc.uint8Array({ maxLength: 16 })).map(
    ([at, more]): ByteEdit =>
      (bytes) => {
        const start = at(bytes.length);
        return concat(bytes.subarray(0, start), more, bytes.subarray(start));
      },
  ),
  fc.tuple(place, fc.nat(4096), fc.integer({ min: 1, max: 20 })).map(
    ([at, count, times]): ByteEdit =>
      (bytes) => {
        const start = at(bytes.length);
        const part = bytes.subarray(start, start + count);
        return concat(bytes.subarray(0, start), ...Array<Uint8Array>(times).fill(part), bytes.subarray(start));
      },
  ),
  place.map(
    (at): ByteEdit =>
      (bytes) =>
        bytes.slice(0, at(bytes.length)),
  ),
  fc.tuple(place, place, fc.nat()).map(
    ([at, from, which]): ByteEdit =>
      (bytes, seeds) => {
        const other = seeds[which % seeds.length] as Uint8Array;
        return concat(bytes.subarray(0, at(bytes.length)), other.subarray(from(other.length)));
      },
  ),
);

/** Bytes one after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Files with up to six changes, and now and then bytes at random. */
export function mutatedBytes(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const changed = fc
    .tuple(fc.constantFrom(...seeds), fc.array(byteEdit, { maxLength: 6 }))
    .map(([seed, edits]) => edits.reduce((bytes, edit) => edit(bytes, seeds).subarray(0, MOST_BYTES), seed));
  return fc.oneof({ weight: 30, arbitrary: changed }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) });
}

/** JSON that JavaScript's own values cannot hold, put in as text: `@raw:` and one of these. */
const RAW: Readonly<Record<string, string>> = {
  infinity: "1e999",
  tiny: "1e-999",
  "minus-zero": "-0",
  long: "123456789012345678901234567890",
  deep: `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  "deep-objects": `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`,
  broken: "1,",
};

const KEYS = ["__proto__", "constructor", "toString", "length", "", "0", "id"];

const strange = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<unknown>(null, true, false, "", "x", [], {}, [[]], [null], "NaN", "\ud800") },
  { weight: 8, arbitrary: fc.constantFrom<unknown>(...NUMBERS, -1, 0.5, 3, 16, 32, 1e9, 2 ** 53, 1e308, -1e308) },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(...Object.keys(RAW).map((name) => `@raw:${name}`), ...KEYS) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 20_000 }).map((length) => "y".repeat(length)) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 5_000 }).map((length) => Array(length).fill(1)) },
  { weight: 2, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 3, arbitrary: fc.jsonValue() },
);

/** A value inside a JSON value, and how to put another in its place. */
interface Slot {
  readonly holder: Record<string, unknown> | unknown[];
  readonly key: string | number;
}

/** Every value in a JSON value, the outermost left out. */
export function slots(value: unknown): Slot[] {
  const found: Slot[] = [];
  const waiting = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next !== "object" || next === null) continue;
    const holder = next as Slot["holder"];
    const keys = Array.isArray(holder) ? holder.keys() : Object.keys(holder);
    for (const key of keys) {
      found.push({ holder, key });
      waiting.push((holder as Record<string | number, unknown>)[key] ?? null);
    }
  }
  return found;
}

/** The value in a slot. */
export function valueIn({ holder, key }: Slot): unknown {
  return (holder as Record<string | number, unknown>)[key];
}

/** Puts a value into a slot; an own field, even where it is called `__proto__`. */
export function put({ holder, key }: Slot, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Takes a slot away. */
export function take({ holder, key }: Slot): void {
  if (Array.isArray(holder)) holder.splice(key as number, 1);
  else delete holder[key];
}

/** Changes a value in place. */
type JsonEdit = (root: { value: unknown }, pick: (all: readonly Slot[]) => Slot | undefined) => void;

const jsonEdit: fc.Arbitrary<JsonEdit> = fc.oneof(
  {
    weight: 5,
    arbitrary: strange.map(
      (value): JsonEdit =>
        (root, pick) => {
          const slot = pick(slots(root.value));
          // a copy: later edits change it, and other cases are given the same value
          const copy: unknown = structuredClone(value);
          if (slot) put(slot, copy);
          else root.value = copy;
        },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constant<JsonEdit>((root, pick) => {
      const slot = pick(slots(root.value));
      if (slot) take(slot);
    }),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(0.5, 2, -1, 1.5, 10, 1e6).map(
      (factor): JsonEdit =>
        (root, pick) => {
          const slot = pick(slots(root.value).filter((each) => typeof valueIn(each) === "number"));
          if (slot) put(slot, (valueIn(slot) as number) * factor);
        },
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(-1, 1, 3, 8, 32).map(
      (step): JsonEdit =>
        (root, pick) => {
          const slot = pick(slots(root.value).filter((each) => typeof valueIn(each) === "number"));
          if (slot) put(slot, (valueIn(slot) as number) + step);
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...KEYS).map(
      (name): JsonEdit =>
        (root, pick) => {
          const slot = pick(slots(root.value).filter(({ holder }) => !Array.isArray(holder)));
          if (!slot) return;
          const value = valueIn(slot);
          take(slot);
          put({ holder: slot.holder, key: name }, value);
        },
    ),
  },
  // a part of the value in another place of it
  {
    weight: 2,
    arbitrary: fc.constant<JsonEdit>((root, pick) => {
      const [from, to] = [pick(slots(root.value)), pick(slots(root.value))];
      if (from && to) put(to, structuredClone(valueIn(from)));
    }),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 2, max: 300 }).map(
      (times): JsonEdit =>
        (root, pick) => {
          const slot = pick(slots(root.value).filter((each) => Array.isArray(valueIn(each))));
          const list = slot && (valueIn(slot) as unknown[]);
          if (list && list.length * times < 20_000)
            put(
              slot,
              Array(times)
                .fill(list)
                .flat()
                .map((each) => structuredClone(each)),
            );
        },
    ),
  },
);

/** Stands for a text of `RAW` in a value, since it cannot be the JSON of one. */
const PLACEHOLDER = /"@raw:([a-z-]+)"/g;

/** JSON values with up to five changes, as text. */
export function mutatedJson(seeds: readonly unknown[]): fc.Arbitrary<Uint8Array> {
  const encoder = new TextEncoder();
  return fc
    .tuple(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(jsonEdit, fc.array(fc.nat(), { minLength: 2, maxLength: 2 })), { maxLength: 5 }),
    )
    .map(([seed, edits]) => {
      const root = { value: structuredClone(seed) };
      for (const [edit, choices] of edits) {
        const left = [...choices];
        edit(root, (all) => all[(left.pop() ?? 0) % Math.max(1, all.length)]);
      }
      const text = JSON.stringify(root.value) ?? "";
      let length = text.length;
      for (const [whole, name = ""] of text.matchAll(PLACEHOLDER)) length += (RAW[name] ?? whole).length;
      // copies of a long one would be longer than a string may be
      if (length > MOST_BYTES) return encoder.encode(JSON.stringify(seed));
      return encoder.encode(text.replace(PLACEHOLDER, (whole, name: string) => RAW[name] ?? whole));
    });
}
