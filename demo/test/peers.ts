/**
 * A set of labels, and the files that the page exports of it. models/reference/peers.py has other tools' own code read
 * them: `npx tsx demo/test/peers.ts FOLDER` writes them there.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { unzipSync } from "fflate";
import { encodeRle } from "sam2-web";
import { exportProject, type Format } from "../src/formats/archive.ts";
import { type LabeledImage, newObject, type Project } from "../src/labels/annotations.ts";

const SIZE = { width: 48, height: 36 };

type Inside = (x: number, y: number) => boolean;

const disk =
  (cx: number, cy: number, radius: number): Inside =>
  (x, y) =>
    Math.hypot(x + 0.5 - cx, y + 0.5 - cy) <= radius;
const rectangle =
  (left: number, top: number, right: number, bottom: number): Inside =>
  (x, y) =>
    x >= left && x < right && y >= top && y < bottom;

function object(className: string, inside: Inside) {
  const { width, height } = SIZE;
  const data = Uint8Array.from({ length: width * height }, (_, i) => Number(inside(i % width, Math.floor(i / width))));
  return newObject(className, encodeRle({ data, width, height }));
}

const image = (name: string, ...objects: LabeledImage["objects"]): LabeledImage => {
  return { id: name, sha256: null, name, ...SIZE, objects };
};

/** A disk, a ring, two pieces, an L, a square over the disk, the whole picture, and a picture without objects. */
export const PEERS_PROJECT: Project = {
  classes: [
    { name: "cat", color: "#1d6ed8" },
    { name: "traffic light", color: "#c2410c" },
    { name: "ärger & co", color: "#15803d" },
  ],
  images: [
    image(
      "one.png",
      object("cat", disk(14, 14, 9.3)),
      object("traffic light", (x, y) => disk(34, 18, 11)(x, y) && !disk(34, 18, 5)(x, y)),
      object("traffic light", rectangle(10, 10, 16, 22)),
      object("ärger & co", (x, y) => rectangle(2, 28, 8, 34)(x, y) || rectangle(20, 30, 30, 35)(x, y)),
    ),
    image(
      "two.png",
      object("cat", (x, y) => rectangle(5, 5, 25, 11)(x, y) || rectangle(5, 5, 11, 30)(x, y)),
      object("ärger & co", rectangle(0, 0, 48, 36)),
    ),
    image("none.png"),
  ],
};

/** Formats that other tools read. */
export const PEERS_FORMATS: readonly Format[] = [
  "coco",
  "coco-polygons",
  "yolo",
  "voc",
  "labelme",
  "cvat",
  "label-studio",
  "datumaro",
];

/** The files of each format, by their paths. Ids that are made by chance are left out. */
export async function peersFiles(): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const noPicture = (): never => {
    throw new Error("not asked for");
  };
  for (const format of PEERS_FORMATS) {
    const { name, blob } = await exportProject(PEERS_PROJECT, format, noPicture);
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const inside = name.endsWith(".zip") ? Object.entries(unzipSync(bytes)) : [[name, bytes] as const];
    for (const [path, content] of inside) files.set(`${format}/${path}`, withoutChance(content));
  }
  return files;
}

function withoutChance(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(bytes);
  return text.startsWith("[") ? new TextEncoder().encode(text.replaceAll(/"id":"[0-9a-f-]{10}"/g, '"id":"0"')) : bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? "peers";
  for (const [path, content] of await peersFiles()) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}
