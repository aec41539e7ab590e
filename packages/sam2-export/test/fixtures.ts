/** Reads the committed reference fixtures; see models/reference/make_fixtures.py. */
import { readFile } from "node:fs/promises";
import { byteSource, readFloats, readSafetensors } from "../src/safetensors.ts";
import type { Numbers } from "./tensors.ts";

/** Folder of a fixture's checkpoint. */
export function fixtureFolder(name: string): string {
  return new URL(`../../../models/reference/fixtures/${name}`, import.meta.url).pathname;
}

/** What the reference answered, by name. */
export async function readExpected(name: string, file = "expected"): Promise<Map<string, Numbers>> {
  const source = byteSource(new Uint8Array(await readFile(`${fixtureFolder(name)}/${file}.safetensors`)));
  const entries = [...(await readSafetensors(source)).values()];
  return new Map(
    await Promise.all(
      entries.map(async (entry) => [entry.name, { dims: entry.shape, data: await readFloats(entry) }] as const),
    ),
  );
}
