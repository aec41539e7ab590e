/** Everything mode with a second look, with a model that finds what is bright. */
import { expect, test } from "vitest";
import { segmentImage } from "../../src/everything/crops.ts";
import type { EverythingMask } from "../../src/everything/everything.ts";
import { type Mask, maskIou } from "../../src/mask/mask.ts";
import { decodeRle, type Rle } from "../../src/mask/rle.ts";
import { disc, looking, open, pictureOf } from "../detail/bright-sessions.ts";

const OPTIONS = { points_per_side: 2, pred_iou_thresh: 0, stability_score_thresh: 0 };

const overlap = ({ segmentation }: EverythingMask, truth: Mask): number =>
  maskIou(decodeRle(segmentation as Rle), truth);

test.each([
  ["off", 12, false],
  ["auto", 12, true],
  ["auto", 130, false],
  ["always", 130, true],
] as const)("%s, a disc of radius %i of 400×300: drawn again %s", async (detail, radius, isCloser) => {
  const { pixels, truth } = disc(400, 300, 210, 140, radius);
  const { predictor, looks, sessions } = await looking(pixels);
  const [once] = await segmentImage({ predictor, looks }, "a", null, OPTIONS, "off", async () => undefined);
  const reports: number[] = [];
  const picture = pictureOf(pixels);
  const found = await segmentImage({ predictor, looks }, "a", picture, OPTIONS, detail, async ({ masks }) => {
    reports.push(overlap(masks[0] as EverythingMask, truth));
  });
  picture.close();
  expect(found).toHaveLength(1);
  const [mask] = found as [EverythingMask];
  const gain = overlap(mask, truth) - overlap(once as EverythingMask, truth);
  if (isCloser && radius < 100) expect(gain).toBeGreaterThan(0.03);
  if (!isCloser) expect(mask).toEqual(once);
  expect(reports.at(-1)).toBe(overlap(mask, truth));
  expect(sessions.encoded).toBe(isCloser ? 2 : 1);
  expect(mask.crop_box[2] < 400).toBe(isCloser);
  const { data } = decodeRle(mask.segmentation as Rle);
  expect(mask.area).toBe(data.reduce((sum, value) => sum + value, 0));
  expect(open).toBe(0);
});

test("a second look that is doubtful, or finds something else, changes nothing", async () => {
  const { pixels } = disc(400, 300, 210, 140, 12);
  for (const spoil of ["score", "flip"] as const) {
    const { predictor, looks, sessions } = await looking(pixels);
    const [once] = await segmentImage({ predictor, looks }, "a", null, OPTIONS, "off", async () => undefined);
    const asked = sessions.asked.length;
    // what is asked after the points of the grid is the first look, then the second
    if (spoil === "score") sessions.score = (look) => (look === asked + 3 ? 0.5 : 0.8);
    else sessions.flip = (look) => (look === asked + 3 ? -1 : 1);
    const picture = pictureOf(pixels);
    expect(
      await segmentImage({ predictor, looks }, "a", picture, OPTIONS, "auto", async () => undefined),
      spoil,
    ).toEqual([once]);
    picture.close();
  }
});

test.each([
  ["crops", { crop_n_layers: 1 }, "off"],
  ["second looks", {}, "always"],
] as const)(
  "an image that may be dropped outlives its %s, also where one embedding is all there is room for",
  async (_, options, detail) => {
    const { pixels } = disc(400, 300, 210, 140, 12);
    const { predictor, looks, sessions } = await looking(pixels, { budget: 10, isDisposable: true });
    const picture = pictureOf(pixels);
    await segmentImage({ predictor, looks }, "a", picture, { ...OPTIONS, ...options }, detail, async () => undefined);
    picture.close();
    expect(predictor.sizeOf("a")).toMatchObject({ width: 400, height: 300 });
    await looks.release("a");
    await predictor.releaseImage("a");
    expect([sessions.held, open]).toEqual([0, 0]);
  },
);

test.each<[string, object, number, boolean]>([
  ["a score that is over its threshold", { pred_iou_thresh: 0.7 }, 0.75, true],
  ["a score that is not", { pred_iou_thresh: 0.78 }, 0.75, false],
  ["too little stability", { stability_score_thresh: 0.1 }, 0.8, false],
])("a second look with %s is held to the thresholds", async (_, options, score, isCloser) => {
  const { pixels } = disc(400, 300, 210, 140, 12);
  const { predictor, looks, sessions } = await looking(pixels);
  const picture = pictureOf(pixels);
  // one batch of points, the first look and the second
  sessions.score = (look) => (look === 3 ? score : 0.8);
  sessions.flip = (look) => (look === 3 ? 0.05 : 1);
  const asked = { ...OPTIONS, ...options };
  const [mask] = await segmentImage({ predictor, looks }, "a", picture, asked, "auto", async () => undefined);
  picture.close();
  expect((mask as EverythingMask).crop_box[2] < 400).toBe(isCloser);
});

test("stops between two looks", async () => {
  const { pixels } = disc(400, 300, 210, 140, 12);
  const { predictor, looks, sessions } = await looking(pixels);
  const picture = pictureOf(pixels);
  const stop = async (): Promise<void> => {
    if (sessions.encoded > 1) throw new DOMException("stopped", "AbortError");
  };
  await expect(segmentImage({ predictor, looks }, "a", picture, OPTIONS, "auto", stop)).rejects.toThrow("stopped");
  picture.close();
  await looks.release("a");
  await predictor.releaseImage("a");
  expect([sessions.held, open]).toEqual([0, 0]);
});
