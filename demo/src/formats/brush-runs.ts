/**
 * A mask as the runs of Label Studio's brush.
 *
 * They are bits: the number of values (32 bits), the bits of a value less one (5), four sizes of run lengths, less one (4
 * bits each); then for each run a bit that says whether all its values are the same, which of the four sizes follows (2),
 * the length less one, and the values. Each pixel is four values, as in a canvas: 0 or 255.
 */
import type { Mask } from "sam2-web";
import { rowRuns } from "./rows.ts";

/** Bits of a value, and of the four kinds of run lengths. */
const VALUE = 8;
const LENGTHS = [3, 4, 8, 16] as const;

/** Writes numbers bit by bit, the highest bit first. */
class BitWriter {
  readonly bytes: number[] = [];
  #free = 0;

  write(value: number, bits: number): void {
    for (let bit = bits - 1; bit >= 0; bit--) {
      if (this.#free === 0) {
        this.bytes.push(0);
        this.#free = 8;
      }
      this.#free--;
      if (Math.floor(value / 2 ** bit) % 2 === 1) this.bytes[this.bytes.length - 1] = this.#last() | (1 << this.#free);
    }
  }

  #last(): number {
    return this.bytes.at(-1) as number;
  }
}

/** Reads them. */
class BitReader {
  readonly #bytes: readonly number[];
  #at = 0;

  constructor(bytes: readonly number[]) {
    this.#bytes = bytes;
  }

  /** @throws Error when there are no more */
  read(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++, this.#at++) {
      const byte = this.#bytes[this.#at >> 3];
      if (byte === undefined) throw new Error("the runs end too early");
      value = 2 * value + ((byte >> (7 - (this.#at & 7))) & 1);
    }
    return value;
  }
}

/** A mask as Label Studio's bytes. */
export function toBrush({ data }: Mask): number[] {
  const writer = new BitWriter();
  writer.write(4 * data.length, 32);
  writer.write(VALUE - 1, 5);
  for (const size of LENGTHS) writer.write(size - 1, 4);
  for (const [index, run] of rowRuns(data).entries()) {
    for (let left = 4 * run; left > 0; ) {
      const kind = LENGTHS.findIndex((size) => left <= 2 ** size);
      const [at, size] = kind < 0 ? [3, 16] : [kind, LENGTHS[kind] as number];
      const length = Math.min(left, 2 ** size);
      writer.write(1, 1);
      writer.write(at, 2);
      writer.write(length - 1, size);
      writer.write(index % 2 === 1 ? 255 : 0, VALUE);
      left -= length;
    }
  }
  return writer.bytes;
}

/** The mask in Label Studio's bytes: pixels that are not transparent. @throws Error */
export function fromBrush(bytes: readonly number[], width: number, height: number): Mask {
  const reader = new BitReader(bytes);
  const count = reader.read(32);
  if (count !== 4 * width * height) {
    throw new Error(`expected runs of ${4 * width * height} values, got ${count}`);
  }
  const value = reader.read(5) + 1;
  const lengths = LENGTHS.map(() => reader.read(4) + 1);
  const data = new Uint8Array(width * height);
  const set = (at: number, given: number): void => {
    // of the four values of a pixel, the last is its opacity
    if (at % 4 === 3 && given > 0) data[at >> 2] = 1;
  };
  for (let at = 0; at < count; ) {
    const isSame = reader.read(1) === 1;
    const end = at + reader.read(lengths[reader.read(2)] as number) + 1;
    if (end > count) throw new Error(`expected runs of ${count} values in all`);
    if (isSame) for (const same = reader.read(value); at < end; at++) set(at, same);
    else for (; at < end; at++) set(at, reader.read(value));
  }
  return { data, width, height };
}
