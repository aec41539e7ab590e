/** Headers of pictures: a size, or none, of whatever file. */
import { readFileSync } from "node:fs";
import { readImageHeader } from "sam2-web";
import { mutatedBytes } from "../mutate.ts";
import { fileAt } from "../seeds.ts";
import { must, type Target } from "../target.ts";

interface Sample {
  readonly base64: string;
}

/** A small picture of each format, and the first bytes of a photograph. */
function samples(): Uint8Array[] {
  const path = new URL("../../../models/reference/fixtures/headers.json", import.meta.url);
  const small = JSON.parse(readFileSync(path, "utf8")) as readonly Sample[];
  return [
    ...small.map(({ base64 }) => new Uint8Array(Buffer.from(base64, "base64"))),
    fileAt("demo/public/samples/cars.jpg").slice(0, 2000),
  ];
}

const pictures: Target = {
  name: "picture",
  isJson: false,
  cases: mutatedBytes(samples()),
  async check(bytes) {
    const header = await readImageHeader(new Blob([bytes as Uint8Array<ArrayBuffer>]));
    if (header === null) return;
    const { width, height } = header;
    must(Number.isSafeInteger(width) && Number.isSafeInteger(height), `${width}×${height} is a whole size`);
    must(width > 0 && height > 0, `${width}×${height} has pixels`);
  },
};

export const PICTURES: readonly Target[] = [pictures];
