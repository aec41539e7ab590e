/** Reads the committed reference fixtures; see models/reference/make_fixtures.py. */
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { byteSource, readFloats, readSafetensors } from "../src/safetensors.ts";
import { seededWeights } from "./seeded.ts";
import type { Numbers } from "./tensors.ts";

/** Folder of a fixture's checkpoint. */
export function fixtureFolder(name: string): string {
  return new URL(`../../../models/reference/fixtures/${name}`, import.meta.url).pathname;
}

/** Folder of a fixture's checkpoint; one that holds no weights is made under `scratch`, with seeded ones. */
export async function checkpointFolder(name: string, scratch: string): Promise<string> {
  const folder = fixtureFolder(name);
  if (["model.safetensors", "model.safetensors.index.json"].some((file) => existsSync(join(folder, file))))
    return folder;
  const config = await readFile(join(folder, "config.json"), "utf8");
  const made = join(scratch, name);
  await mkdir(made, { recursive: true });
  await writeFile(join(made, "config.json"), config);
  await writeFile(join(made, "model.safetensors"), seededWeights(JSON.parse(config)));
  return made;
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
