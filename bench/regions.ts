/**
 * Photographs with regions to find: a folder with `prompts.json`, as bench/README.md says, picture by picture or all of
 * them on one large picture; and how well a mask meets a region.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decode } from "fast-png";
import type { Mask } from "sam2-web";
import sharp from "sharp";

/** A line of prompts.json. */
export interface Prompt {
  readonly image: string;
  readonly labels: string;
  readonly label: number;
  readonly point: readonly [number, number];
  readonly box: readonly [number, number, number, number];
}

/** A region, with a click and a box (XYXY), in pixels of its picture. */
export interface Region {
  readonly point: readonly [number, number];
  readonly box: readonly [number, number, number, number];
  /** Makes its mask, of the picture's size. */
  readonly truth: () => Mask;
}

/** A picture and the regions in it. */
export interface Photo {
  readonly picture: Blob;
  readonly regions: readonly Region[];
}

export async function readPrompts(set: string): Promise<readonly Prompt[]> {
  return JSON.parse(await readFile(join(set, "prompts.json"), "utf8"));
}

/** Where `labels` have the value `label`. */
export async function readTruth(set: string, { labels, label }: Prompt): Promise<Mask> {
  const { data, width, height } = decode(await readFile(join(set, labels)));
  return { data: Uint8Array.from(data, (value) => Number(value === label)), width, height };
}

/** The prompts of each picture, in the order of the file. */
function byPicture(prompts: readonly Prompt[]): Map<string, Prompt[]> {
  const found = new Map<string, Prompt[]>();
  for (const prompt of prompts) found.set(prompt.image, [...(found.get(prompt.image) ?? []), prompt]);
  return found;
}

/** The pictures of a set, one after the other. */
export async function* photosOf(set: string): AsyncGenerator<Photo> {
  for (const [name, prompts] of byPicture(await readPrompts(set))) {
    const regions: Region[] = [];
    for (const prompt of prompts) {
      const truth = await readTruth(set, prompt);
      regions.push({ ...prompt, truth: () => truth });
    }
    yield { picture: new Blob([await readFile(join(set, name))]), regions };
  }
}

/** Where a picture lies on a sheet, and how much it is enlarged. */
interface Place {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly scale: number;
}

/** Places for pictures in a grid on a sheet of 4 to 3, as large as they fit. */
function placesOn(
  sheet: { width: number; height: number },
  sizes: readonly { width: number; height: number }[],
): Place[] {
  const grid = (columns: number): Place[] => {
    const [width, height] = [sheet.width / columns, sheet.height / Math.ceil(sizes.length / columns)];
    return sizes.map((size, i) => {
      const scale = Math.min(width / size.width, height / size.height);
      return {
        left: Math.ceil((i % columns) * width),
        top: Math.ceil(Math.floor(i / columns) * height),
        width: Math.floor(size.width * scale),
        height: Math.floor(size.height * scale),
        scale,
      };
    });
  };
  const covered = (places: readonly Place[]): number => places.reduce((sum, { scale }) => sum + scale, 0);
  const grids = sizes.map((_, i) => grid(i + 1));
  return grids.reduce((best, each) => (covered(each) > covered(best) ? each : best));
}

/** A mask on a sheet, by the nearest pixel of its picture. */
function placed(mask: Mask, { left, top, width, height }: Place, sheet: { width: number; height: number }): Mask {
  const data = new Uint8Array(sheet.width * sheet.height);
  for (let y = 0; y < height; y++) {
    const from = Math.floor(((y + 0.5) * mask.height) / height) * mask.width;
    const to = (top + y) * sheet.width + left;
    for (let x = 0; x < width; x++) {
      data[to + x] = mask.data[from + Math.floor(((x + 0.5) * mask.width) / width)] as number;
    }
  }
  return { data, ...sheet };
}

/** All pictures of a set on one of so many megapixels: small things in a large picture. */
export async function sheetOf(set: string, megapixels: number): Promise<Photo> {
  const width = Math.round(Math.sqrt((megapixels * 1e6 * 4) / 3));
  const sheet = { width, height: Math.round((width * 3) / 4) };
  const pictures = [...byPicture(await readPrompts(set))];
  const files = await Promise.all(pictures.map(([name]) => readFile(join(set, name))));
  const sizes = await Promise.all(files.map(async (file) => sharp(file).metadata()));
  const places = placesOn(sheet, sizes);
  const regions: Region[] = [];
  for (const [i, [, prompts]] of pictures.entries()) {
    const place = places[i] as Place;
    const onSheet = (x: number, y: number): [number, number] => [
      place.left + x * place.scale,
      place.top + y * place.scale,
    ];
    for (const prompt of prompts) {
      const truth = await readTruth(set, prompt);
      const [x, y] = prompt.point;
      const [x1, y1, x2, y2] = prompt.box;
      regions.push({
        point: onSheet(x + 0.5, y + 0.5),
        box: [...onSheet(x1, y1), ...onSheet(x2, y2)],
        truth: () => placed(truth, place, sheet),
      });
    }
  }
  const layers = await Promise.all(
    files.map(async (file, i) => {
      const { left, top, width, height } = places[i] as Place;
      return { input: await sharp(file).resize(width, height, { fit: "fill" }).png().toBuffer(), left, top };
    }),
  );
  const picture = await sharp({ create: { ...sheet, channels: 3, background: "gray" } })
    .composite(layers)
    .jpeg({ quality: 95 })
    .toBuffer();
  return { picture: new Blob([new Uint8Array(picture)]), regions };
}

/** The pixel of the mask that is farthest from its edge (chamfer distance 3-4); null if the mask is empty. */
export function innerPoint({ data, width, height }: Mask): { x: number; y: number } | null {
  const wide = width + 2;
  const depth = new Int32Array(wide * (height + 2));
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) depth[(y + 1) * wide + x + 1] = data[y * width + x] ? 1 << 20 : 0;
  }
  const relax = (at: number, steps: readonly (readonly [number, number])[]): void => {
    for (const [step, cost] of steps) depth[at] = Math.min(depth[at] as number, (depth[at + step] as number) + cost);
  };
  const before = [
    [-1, 3],
    [-wide, 3],
    [-wide - 1, 4],
    [-wide + 1, 4],
  ] as const;
  const after = before.map(([step, cost]) => [-step, cost] as const);
  for (let y = 1; y <= height; y++) for (let x = 1; x <= width; x++) relax(y * wide + x, before);
  for (let y = height; y >= 1; y--) for (let x = width; x >= 1; x--) relax(y * wide + x, after);
  let best = 0;
  for (let at = 0; at < depth.length; at++) if ((depth[at] as number) > (depth[best] as number)) best = at;
  return depth[best] === 0 ? null : { x: (best % wide) - 1, y: Math.floor(best / wide) - 1 };
}

/** Steps to the pixels within 2 of one. */
const NEAR = [-2, -1, 0, 1, 2].flatMap((y) =>
  [-2, -1, 0, 1, 2].filter((x) => x * x + y * y <= 4).map((x) => [x, y] as const),
);

/** The pixels of a mask that touch one outside of it, marked; the picture's border does not count. */
function boundaryOf({ data, width, height }: Mask): { marked: Uint8Array; pixels: number[] } {
  const marked = new Uint8Array(data.length);
  const pixels: number[] = [];
  const touchesOutside = (x: number, y: number): boolean => {
    for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
      for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
        if (!data[ny * width + nx]) return true;
      }
    }
    return false;
  };
  for (let at = 0; at < data.length; at++) {
    if (!data[at] || !touchesOutside(at % width, Math.floor(at / width))) continue;
    marked[at] = 1;
    pixels.push(at);
  }
  return { marked, pixels };
}

/**
 * F of the shares of each boundary that lie within 2 pixels of the other (Martin et al. 2004, without matching), from
 * 0 to 1, as models/sam2-mini/evaluate.py measures it.
 */
export function boundaryF(found: Mask, truth: Mask): number {
  const [ours, theirs] = [boundaryOf(found), boundaryOf(truth)];
  if (ours.pixels.length === 0 || theirs.pixels.length === 0) {
    return Number(ours.pixels.length === theirs.pixels.length);
  }
  const { width, height } = truth;
  const share = (pixels: readonly number[], marked: Uint8Array): number => {
    const isNear = (at: number): boolean => {
      const [x, y] = [at % width, Math.floor(at / width)];
      return NEAR.some(([dx, dy]) => {
        const [nx, ny] = [x + dx, y + dy];
        return nx >= 0 && nx < width && ny >= 0 && ny < height && marked[ny * width + nx] === 1;
      });
    };
    return pixels.filter(isNear).length / pixels.length;
  };
  const [precision, recall] = [share(ours.pixels, theirs.marked), share(theirs.pixels, ours.marked)];
  return (2 * precision * recall) / Math.max(precision + recall, 1e-9);
}
