/** RLE as text, and masks through every codec and back. */
import fc from "fast-check";
import { decodeRle, encodeRle, expandRuns, type Mask, maskArea, maskToPolygons, type Rle, rleArea } from "sam2-web";
import { joined } from "../../../demo/src/formats/join.ts";
import { fillPolygons } from "../../../demo/src/masks/fill.ts";
import { concat, mutatedJson } from "../mutate.ts";
import { jsonCase, jsonOf, must, type Target } from "../target.ts";

/** Larger masks are not decoded here: the memory that they take is the caller's to give. */
const MOST_PIXELS = 2 ** 24;

const isSame = (a: Mask, b: Mask): boolean =>
  a.width === b.width && a.height === b.height && a.data.every((value, i) => value === b.data[i]);

/** Text of RLE's alphabet, and other. */
const counts = fc.oneof(
  fc.string({ unit: fc.integer({ min: 48, max: 111 }).map((code) => String.fromCharCode(code)), maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
);
const side = fc.oneof(fc.nat(40), fc.constantFrom(-1, 0.5, 1e9, 46_341, 65_536, 2 ** 31));

const rle: Target = {
  name: "RLE",
  isJson: true,
  cases: fc.oneof(
    fc.record({ size: fc.tuple(side, side), counts }).map(jsonCase),
    mutatedJson([
      { size: [6, 6], counts: "014021022011" },
      { size: [3, 4], counts: "12" },
      encodeRle({ width: 5, height: 7, data: Uint8Array.from({ length: 35 }, (_, i) => +(i % 3 === 0)) }),
    ]),
  ),
  check(bytes) {
    const given = jsonOf(bytes) as Rle;
    const runs = expandRuns(given);
    const [height, width] = given.size;
    must(runs.reduce((sum, run) => sum + run, 0) === width * height, "runs add up to the size");
    must(rleArea(given) <= width * height, "no more ones than pixels");
    if (width * height > MOST_PIXELS) return;
    const mask = decodeRle(given);
    must(mask.data.length === width * height, "every pixel has a value");
    must(maskArea(mask) === rleArea(given), "the area is that of the runs");
    must(isSame(decodeRle(encodeRle(mask)), mask), "encoded and decoded, it is the same");
  },
};

/** The first byte is the width; the others are pixels, with as many ones as the second says. */
const masks: Target = {
  name: "masks",
  isJson: false,
  cases: fc
    .tuple(fc.integer({ min: 1, max: 40 }), fc.nat(255), fc.uint8Array({ minLength: 1, maxLength: 900 }))
    .map(([width, share, pixels]) => concat(Uint8Array.of(width, share), pixels)),
  check([width = 1, share = 0, ...pixels]) {
    if (width === 0) return;
    const height = Math.ceil(pixels.length / width);
    const data = Uint8Array.from({ length: width * height }, (_, i) => +((pixels[i] ?? 255) < share));
    const mask: Mask = { width, height, data };
    must(isSame(decodeRle(encodeRle(mask)), mask), "RLE keeps it");
    const polygons = maskToPolygons(mask);
    const filled = polygons.map(({ outer, holes }) => joined([{ outer, holes }]).flat());
    must(isSame(decodeRle(fillPolygons(filled, width, height)), mask), "pieces as polygons of COCO keep it");
    must(isSame(decodeRle(fillPolygons([joined(polygons).flat()], width, height)), mask), "one ring keeps it");
    for (const { outer } of maskToPolygons(mask, { tolerance: 1.5 })) must(outer.length >= 3, "a ring has corners");
  },
};

export const MASKS: readonly Target[] = [rle, masks];
