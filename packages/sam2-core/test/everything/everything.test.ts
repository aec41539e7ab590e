/** Everything mode on a stand-in that finds discs around each point: batches, forms of masks, filters, crops. */
import { expect, test } from "vitest";
import {
  type EverythingMask,
  type EverythingProgress,
  type PointDecoder,
  segmentEverything,
} from "../../src/everything/everything.ts";
import type { EverythingOptions } from "../../src/everything/options.ts";
import type { BoxXYXY } from "../../src/everything/suppression.ts";
import { maskArea, maskBox } from "../../src/mask/mask.ts";
import { maskToPolygons } from "../../src/mask/polygon.ts";
import { decodeRle, type Rle } from "../../src/mask/rle.ts";
import type { Tensor } from "../../src/prompt/prompt.ts";

const [WIDTH, HEIGHT, SIDE] = [96, 64, 32];
/** Radii of the three discs, in pixels. The largest is predicted to be the best. */
const RADII = [5, 9, 14];
const ALL = { pred_iou_thresh: 0, stability_score_thresh: 0 };

/** Finds discs; counts how many points it was asked for at once, and which parts of the image are open. */
class Discs {
  readonly batches: number[] = [];
  readonly opened: BoxXYXY[] = [];
  open = 0;

  readonly decoder = async ([x0, y0, x1, y1]: BoxXYXY): Promise<PointDecoder> => {
    this.opened.push([x0, y0, x1, y1]);
    this.open++;
    const [width, height] = [x1 - x0, y1 - y0];
    return {
      decode: async (points: Tensor, masks: Tensor | null, multimask: boolean) => {
        const [batch = 0] = points.dims;
        this.batches.push(batch);
        const radii = multimask ? RADII : RADII.slice(0, 1);
        const logits = new Float32Array(batch * radii.length * SIDE ** 2);
        for (let i = 0; i < logits.length; i++) {
          const [plane, at] = [Math.floor(i / SIDE ** 2), i % SIDE ** 2];
          const point = Math.floor(plane / radii.length);
          const dx = (((at % SIDE) + 0.5) * width) / SIDE - (points.data[2 * point] as number);
          const dy = ((Math.floor(at / SIDE) + 0.5) * height) / SIDE - (points.data[2 * point + 1] as number);
          // what is given back as a mask prompt grows by a pixel
          const radius = (radii[plane % radii.length] as number) + (masks ? 1 : 0);
          logits[i] = 2 * (radius - Math.hypot(dx, dy));
        }
        const scores = Float32Array.from({ length: batch * radii.length }, (_, i) => 0.5 + 0.1 * (i % radii.length));
        return {
          logits: { data: logits, dims: [batch, radii.length, SIDE, SIDE] },
          scores: { data: scores, dims: [batch, radii.length] },
        };
      },
      release: async () => void this.open--,
    };
  };
}

async function everything(
  options: EverythingOptions,
  onProgress: (progress: EverythingProgress) => void = () => undefined,
): Promise<{ masks: EverythingMask[]; discs: Discs }> {
  const discs = new Discs();
  const size = { width: WIDTH, height: HEIGHT };
  const masks = await segmentEverything(size, { ...ALL, ...options }, discs.decoder, async (each) => onProgress(each));
  expect(discs.open).toBe(0);
  return { masks, discs };
}

const area = ({ segmentation }: EverythingMask): number => maskArea(decodeRle(segmentation as Rle));

test("masks stream in as the batches finish; the batch size does not matter", async () => {
  const seen: number[][] = [];
  const options = { points_per_side: 4, box_nms_thresh: 0.3 };
  const { masks, discs } = await everything({ ...options, points_per_batch: 5 }, ({ done, total, masks }) =>
    seen.push([done, total, masks.length]),
  );
  expect(discs.batches).toEqual([5, 5, 5, 1]);
  expect(seen.map(([done, total]) => [done, total])).toEqual([
    [5, 16],
    [10, 16],
    [15, 16],
    [16, 16],
  ]);
  expect(seen.at(-1)?.[2]).toBe(masks.length);
  expect((await everything({ ...options, points_per_batch: 16 })).masks).toEqual(masks);
});

test("masks come in the form asked for", async () => {
  const forms = ["coco_rle", "binary_mask", "polygon"] as const;
  const [rle, binary, polygons] = await Promise.all(
    forms.map(async (output_mode) => {
      const { masks } = await everything({ points_per_side: 2, output_mode });
      return masks.map(({ segmentation }) => segmentation);
    }),
  );
  const decoded = rle?.map((each) => decodeRle(each as Rle)) ?? [];
  expect(decoded.length).toBeGreaterThan(3);
  expect(binary).toEqual(decoded);
  expect(polygons).toEqual(decoded.map((mask) => maskToPolygons(mask)));
});

test("a mask's area, box and point are those of its pixels and of its click", async () => {
  const { masks } = await everything({ points_per_side: 2 });
  for (const mask of masks) {
    expect(mask.area).toBe(area(mask));
    expect(mask.bbox).toEqual(maskBox(decodeRle(mask.segmentation as Rle)));
    expect(mask.crop_box).toEqual([0, 0, WIDTH, HEIGHT]);
  }
  const points = new Set(masks.map(({ point_coords }) => point_coords.join()));
  expect([...points].sort()).toEqual(["24,16", "24,48", "72,16", "72,48"]);
});

test.each<[string, EverythingOptions, number[]]>([
  ["all three", {}, [14, 9, 5]],
  ["those over a predicted IoU", { pred_iou_thresh: 0.55 }, [14, 9]],
  ["those that are stable", { stability_score_thresh: 0.84 }, [14]],
  ["one for a point", { multimask_output: false }, [5]],
  ["those refined by a mask prompt", { use_m2m: true }, [6]],
  ["those that do not overlap the best", { box_nms_thresh: 0.1 }, [14]],
])("of a click's discs: %s", async (_, options, radii) => {
  const { masks } = await everything({ point_grids: [[[0.5, 0.5]]], ...options });
  expect(masks).toHaveLength(radii.length);
  for (const [i, radius] of radii.entries()) {
    expect(Math.sqrt(area(masks[i] as EverythingMask) / Math.PI)).toBeCloseTo(radius, 0);
  }
});

test("crops: their masks are in the image's pixels; a mask that a crop cuts off is dropped", async () => {
  const options = { points_per_side: 2, crop_n_layers: 1, crop_overlap_ratio: 0.5 };
  const { masks, discs } = await everything(options);
  expect(discs.opened).toHaveLength(5);
  expect(discs.opened[0]).toEqual([0, 0, WIDTH, HEIGHT]);
  for (const mask of masks) {
    const [x, y, width, height] = mask.bbox;
    const [cx, cy] = mask.point_coords[0] as [number, number];
    expect([x <= cx, cx <= x + width, y <= cy, cy <= y + height]).toEqual([true, true, true, true]);
    expect(mask.area).toBe(area(mask));
    const [left, top, cropWidth, cropHeight] = mask.crop_box;
    const edges = [x, y, x + width - 1, y + height - 1];
    const near = ([...others]: number[]): boolean[] =>
      others.map((other, i) => Math.abs((edges[i] as number) - other) <= 20);
    // Meta's tolerance is 20 pixels; at the image's own edges nothing is cut off
    const ofImage = near([0, 0, WIDTH, HEIGHT]);
    const cutOff = near([left, top, left + cropWidth, top + cropHeight]).map((is, i) => is && !ofImage[i]);
    expect(cutOff).toEqual([false, false, false, false]);
  }
  // of equals, the mask of the smaller crop is kept
  expect(masks.some(({ crop_box }) => crop_box[2] < WIDTH)).toBe(true);
});

test("second looks that change nothing are told of too, one by one, and can be stopped", async () => {
  const told = async (stopAfter: number): Promise<number> => {
    const discs = new Discs();
    let looks = 0;
    const look = async (): Promise<null> => {
      looks++;
      return null;
    };
    const listen = async (): Promise<void> => {
      if (looks === stopAfter) throw new Error("enough");
    };
    const options = { ...ALL, points_per_side: 2, points_per_batch: 4 };
    const size = { width: WIDTH, height: HEIGHT };
    const found = segmentEverything(size, options, discs.decoder, listen, look);
    if (stopAfter === Number.POSITIVE_INFINITY) expect((await found).length).toBe(looks);
    else await expect(found).rejects.toThrow("enough");
    return looks;
  };
  expect(await told(Number.POSITIVE_INFINITY)).toBeGreaterThan(3);
  for (const looks of [1, 2]) expect(await told(looks)).toBe(looks);
});

test("what the listener throws ends it, and nothing stays open", async () => {
  const discs = new Discs();
  const stopped = segmentEverything(
    { width: WIDTH, height: HEIGHT },
    { points_per_batch: 1 },
    discs.decoder,
    async () => {
      throw new Error("enough");
    },
  );
  await expect(stopped).rejects.toThrow("enough");
  expect([discs.open, discs.batches]).toEqual([0, [1]]);
});
