/** Good files that cases are made of. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FIXTURES = "models/reference/fixtures";

/** A file of the repository. */
export function fileAt(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(ROOT, path)));
}

/** A JSON file of the repository. */
export function jsonAt(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8"));
}

/** config.json of checkpoints of all kinds. */
export function configs(): unknown[] {
  const edgeTam = readdirSync(join(ROOT, FIXTURES, "edgetam")).map((name) => `${FIXTURES}/edgetam/${name}`);
  return ["models/sam2-mini", `${FIXTURES}/toy`, `${FIXTURES}/toy-sharded`, `${FIXTURES}/toy-video`, ...edgeTam].map(
    (folder) => jsonAt(`${folder}/config.json`),
  );
}

/** A safetensors file of a header and the bytes behind it. */
export function safetensors(header: string, data: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

/** Header and data of a safetensors file. */
export function headerAndData(file: Uint8Array): { header: unknown; data: Uint8Array } {
  const end = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return { header: JSON.parse(new TextDecoder().decode(file.subarray(8, end))), data: file.subarray(end) };
}
