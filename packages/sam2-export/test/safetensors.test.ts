/** The safetensors reader: what it takes, what it refuses, and that no bytes can make it crash otherwise. */
import { openAsBlob } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { Sam2Error } from "sam2-contract";
import { describe, expect, test } from "vitest";
import { byteSource, halvesOfFloats, readFloats, readSafetensors, type TensorEntry } from "../src/safetensors.ts";

/** A file of the given header (text or object) and data. */
function file(header: unknown, data: readonly number[] = []): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const tensor = (dtype: unknown, shape: unknown, offsets: unknown): unknown => ({ dtype, shape, data_offsets: offsets });
const read = (bytes: Uint8Array): Promise<Map<string, TensorEntry>> => readSafetensors(byteSource(bytes));

async function floats(dtype: string, bytes: readonly number[], count: number): Promise<number[]> {
  const entries = await read(file({ w: tensor(dtype, [count], [0, bytes.length]) }, bytes));
  return Array.from(await readFloats(entries.get("w") as TensorEntry));
}

describe("values", () => {
  test.each([
    ["F32", [0, 0, 128, 63, 0, 0, 0, 192], [1, -2]],
    ["BF16", [128, 63, 0, 192], [1, -2]],
    ["F16", [0, 60, 0, 192, 1, 0, 0, 4, 255, 123], [1, -2, 2 ** -24, 2 ** -14, 65504]],
  ])("%s %j", async (dtype, bytes, expected) => {
    expect(await floats(dtype, bytes, expected.length)).toEqual(expected);
  });

  test.each([0, 1, 2, 3])("in a Buffer, off alignment by %i", async (shift) => {
    const name = "w".repeat(4 + shift);
    const bytes = file({ [name]: tensor("F32", [2], [0, 8]) }, [0, 0, 128, 63, 0, 0, 0, 192]);
    const entries = await read(Buffer.from(bytes.buffer));
    expect(Array.from(await readFloats(entries.get(name) as TensorEntry))).toEqual([1, -2]);
  });

  test("half precision round trip is exact for every finite half", async () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00);
    const widened = await floats("F16", Array.from(new Uint8Array(halves.buffer)), halves.length);
    expect(halvesOfFloats(Float32Array.from(widened))).toEqual(halves);
  });

  test("rounding to half is to the nearest, ties to even", () => {
    fc.assert(
      fc.property(fc.float({ min: -65000, max: 65000, noNaN: true }), (value) => {
        const [bits = 0] = halvesOfFloats(Float32Array.of(value));
        const magnitude = (half: number): number => {
          const exponent = half >> 10;
          return exponent === 0 ? (half & 0x3ff) * 2 ** -24 : (1 + (half & 0x3ff) / 1024) * 2 ** (exponent - 15);
        };
        const half = bits & 0x7fff;
        const error = Math.abs(magnitude(half) - Math.abs(value));
        for (const other of [half - 1, half + 1].filter((bits) => bits >= 0 && bits < 0x7c00)) {
          const distance = Math.abs(magnitude(other) - Math.abs(value));
          expect(error < distance || (error === distance && half % 2 === 0)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("refusals", () => {
  const good = { a: tensor("F32", [1], [0, 4]) };
  test.each<[string, Uint8Array, RegExp]>([
    ["too short", new Uint8Array(7), /at least 8 bytes, got 7/],
    [
      "header beyond the file",
      file(good, [0, 0, 0, 0]).subarray(0, 20),
      /header ends at byte \d+, but the file has 20/,
    ],
    ["header over 4 MB", Uint8Array.of(1, 9, 0x3d, 0, 0, 0, 0, 0), /4000001, over the limit/],
    ["a zip of PyTorch", Uint8Array.of(80, 75, 3, 4, 0, 0, 8, 8), /got a zip, as PyTorch saves/],
    ["a page", new TextEncoder().encode("<!doctype html>"), /expected a safetensors file, .* begins with "<!doctyp"/],
    ["header no JSON", file("{"), /not JSON/],
    ["header no object", file("[]"), /not a JSON object/],
    ["tensor no object", file({ a: 1 }), /"a": expected an object/],
    ["a dtype that is no text", file({ a: tensor(4, [1], [0, 4]) }, [0, 0, 0, 0]), /"a": dtype 4 is no text/],
    ["negative shape", file({ a: tensor("F32", [-1], [0, 4]) }), /shape \[-1\]/],
    ["one offset", file({ a: tensor("F32", [1], [0]) }), /no pair/],
    ["offsets swapped", file({ a: tensor("F32", [1], [4, 0]) }, [0, 0, 0, 0]), /4–0 lie outside/],
    ["truncated data", file(good, [0, 0, 0]), /lie outside the file's 3 bytes/],
    [
      "size and shape differ",
      file({ a: tensor("F32", [2], [0, 4]) }, [0, 0, 0, 0]),
      /takes 8 bytes, its offsets span 4/,
    ],
    [
      "overlap",
      file({ a: tensor("F32", [1], [0, 4]), b: tensor("F16", [1], [2, 4]) }, [0, 0, 0, 0]),
      /"a" and "b" overlap/,
    ],
  ])("%s", async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toMatchObject({
      name: "InvalidSafetensorsError",
      message: expect.stringMatching(message),
    });
  });

  const hostile = `\x1b]0;owned\x07${"w".repeat(1e6)}`;
  test.each<[string, unknown, readonly number[]]>([
    ["no object", 1, []],
    ["a dtype that is no text", tensor(4, [1], [0, 4]), []],
    ["a shape of no sizes", tensor("F32", [-1], [0, 4]), []],
    ["one offset", tensor("F32", [1], [0]), []],
    ["offsets outside", tensor("F32", [1], [0, 4]), []],
    ["a size that does not fit", tensor("F32", Array(1e5).fill(2), [0, 4]), [0, 0, 0, 0]],
    ["a value that is not finite", tensor("F32", [1], [0, 4]), [0, 0, 192, 127]],
    ["a dtype that is no float", tensor(hostile, [1], [0, 4]), [0, 0, 0, 0]],
  ])("the message is short and of plain characters: %s", async (_, entry, data) => {
    const reading = read(file({ [hostile]: entry }, data)).then((entries) =>
      readFloats(entries.get(hostile) as TensorEntry),
    );
    const { message } = await reading.then(
      () => new Error("was read"),
      (error: Error) => error,
    );
    expect(message).toContain('tensor "\\u001b]0;owned\\u0007www');
    expect(message.length).toBeLessThan(500);
  });

  test.each<[string, Uint8Array<ArrayBuffer>, string]>([
    ["a File", new Uint8Array(7), "w.safetensors: expected a safetensors file of at least 8 bytes, got 7"],
    ["of no JSON", file("{"), "w.safetensors: the header is not JSON"],
    ["of a tensor that is cut off", file(good, [0]), "w.safetensors: tensor "],
  ])("the message names %s", async (_, bytes, message) => {
    await expect(readSafetensors(byteSource(new File([bytes], "w.safetensors")))).rejects.toMatchObject({
      message: expect.stringContaining(message),
    });
  });

  test.each([
    ["NaN", "F32", [0, 0, 192, 127]],
    ["infinity", "F16", [0, 124]],
    ["infinity", "BF16", [128, 255]],
  ])("%s in %s", async (_, dtype, bytes) => {
    await expect(floats(dtype, bytes, 1)).rejects.toMatchObject({ name: "TensorValueError" });
  });

  test.each(["I64", "C64", "F8_E8M0", "F4", "toString"])(
    "%s is no weight, and refused where it is read",
    async (dtype) => {
      await expect(floats(dtype, [1, 0, 0, 0, 0, 0, 0, 0], 1)).rejects.toThrow(`dtype "${dtype}" holds no weights`);
    },
  );
});

test("a file that has changed since it was opened is refused by name", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "sam2-changed-")), "w.safetensors");
  await writeFile(path, file({}));
  const blob = await openAsBlob(path);
  await writeFile(path, file({}, [1]));
  await expect(readSafetensors(byteSource(blob))).rejects.toMatchObject({
    name: "InvalidSafetensorsError",
    message: expect.stringMatching(/^expected a readable file: /),
  });
  await rm(dirname(path), { recursive: true });
});

test("a header that ends with the file holds no tensors", async () => {
  expect(await read(file({}))).toEqual(new Map());
});

test("any bytes are read or refused by name", async () => {
  const valid = file({ a: tensor("F32", [2], [0, 8]), b: tensor("F16", [1, 2], [8, 12]) }, Array(12).fill(1));
  const mutation = fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255), cut: fc.nat(valid.length) });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.array(mutation, { minLength: 1, maxLength: 4 })),
      async (input) => {
        let bytes = input as Uint8Array;
        if (Array.isArray(input)) {
          bytes = Uint8Array.from(valid);
          for (const { at, to } of input) bytes[at] = to;
          if (input.length > 3) bytes = bytes.subarray(0, input[0]?.cut);
        }
        try {
          for (const entry of (await read(bytes)).values()) await readFloats(entry);
        } catch (error) {
          expect(error).toBeInstanceOf(Sam2Error);
        }
      },
    ),
    { numRuns: 3000 },
  );
});
