/** The page that commands and tests drive: the library, and one function for the segment command. */
import * as sam2Hosted from "sam2-hosted";
import * as sam2 from "sam2-web";

/** The segment command's input. */
export interface SegmentJob {
  readonly image: string;
  readonly model: string;
  readonly device: sam2.DeviceChoice;
  readonly dtype: sam2.DtypeChoice;
  readonly points: readonly { x: number; y: number; positive: boolean }[];
  readonly box: [number, number, number, number] | null;
  readonly multimask: boolean;
  readonly detail: sam2.Detail;
  /** Everything mode in place of a prompt. */
  readonly everything: Pick<
    sam2.EverythingOptions,
    "points_per_side" | "pred_iou_thresh" | "stability_score_thresh"
  > | null;
}

/** The JSON that the command writes. */
export interface SegmentReport {
  readonly model: string;
  readonly device: sam2.DeviceInfo;
  readonly image: { readonly width: number; readonly height: number };
  readonly timings_ms: { readonly load: number; readonly encode: number; readonly decode: number };
  readonly masks: readonly {
    readonly score: number;
    readonly area: number;
    readonly bbox: sam2.BoxXYWH;
    readonly rle: sam2.Rle;
  }[];
}

interface Answer {
  readonly masks: SegmentReport["masks"];
  /** The masks that the overlay shows. */
  readonly shown: readonly sam2.Mask[];
  readonly decode: number;
}

async function prompted(segmenter: sam2.Segmenter, image: sam2.SegmenterImage, job: SegmentJob): Promise<Answer> {
  const request = {
    image,
    ...(job.points.length > 0
      ? {
          point_coords: job.points.map(({ x, y }) => [x, y]),
          point_labels: job.points.map(({ positive }) => (positive ? 1 : 0)),
        }
      : {}),
    ...(job.box ? { box: job.box } : {}),
    multimask_output: job.multimask,
  };
  const result = await segmenter.segment(request, { detail: job.detail });
  const count = result.scores.dims[1] as number;
  const masks = Array.from({ length: count }, (_, index) => {
    const mask = result.mask(index);
    const score = result.scores.data[index] as number;
    return { score, area: sam2.maskArea(mask), bbox: sam2.maskBox(mask), rle: sam2.encodeRle(mask) };
  });
  return { masks, shown: [result.mask()], decode: result.decodeTime };
}

async function everything(
  segmenter: sam2.Segmenter,
  image: sam2.SegmenterImage,
  options: sam2.SegmentEverythingOptions,
): Promise<Answer> {
  const start = performance.now();
  const found = await segmenter.segmentEverything(image, options);
  const decode = performance.now() - start;
  const masks = found
    .map(({ segmentation, predicted_iou, area, bbox }) => ({
      score: predicted_iou,
      area,
      bbox,
      rle: segmentation as sam2.Rle,
    }))
    .sort((a, b) => b.score - a.score);
  // draw large masks first, so that small ones stay visible
  const shown = [...masks].sort((a, b) => b.area - a.area).map(({ rle }) => sam2.decodeRle(rle));
  return { masks, shown, decode };
}

async function segmentJob(job: SegmentJob): Promise<{ report: SegmentReport; overlay: string }> {
  const start = performance.now();
  const segmenter = await sam2.createSegmenter({ model: job.model, device: job.device, dtype: job.dtype });
  const load = performance.now() - start;
  const blob = await (await fetch(job.image)).blob();
  const image = await segmenter.setImage(blob);
  const { decodeImage, preprocess, encode } = image.timings;
  const { masks, shown, decode } = job.everything
    ? await everything(segmenter, image, { ...job.everything, detail: job.detail })
    : await prompted(segmenter, image, job);
  const report: SegmentReport = {
    model: segmenter.model.id,
    device: segmenter.device,
    image: { width: image.width, height: image.height },
    timings_ms: { load, encode: decodeImage + preprocess + encode, decode },
    masks,
  };
  const picture = await createImageBitmap(blob, { imageOrientation: "from-image" });
  const canvas = sam2.drawOverlay(picture, {
    masks: shown,
    points: job.points,
    boxes: job.box ? [job.box] : [],
  });
  const overlay = await sam2.exportCanvas(canvas, "data-url");
  await segmenter.dispose();
  return { report, overlay };
}

/** One prompt of the quality benchmark, for the image that was set last. */
export interface Question {
  readonly points: readonly { x: number; y: number; positive: boolean }[];
  readonly box: [number, number, number, number] | null;
  /** Whether to refine the mask shown for the previous prompt. */
  readonly refine: boolean;
}

let asked:
  | { segmenter: sam2.Segmenter; detail: sam2.Detail; image?: sam2.SegmenterImage; shown?: sam2.Tensor }
  | undefined;

const quality = {
  async open(model: string, device: sam2.DeviceChoice, detail: sam2.Detail): Promise<void> {
    asked = { segmenter: await sam2.createSegmenter({ model, device }), detail };
  },

  async setImage(address: string): Promise<void> {
    if (!asked) throw new Error("no model is open");
    await asked.image?.release();
    asked.image = await asked.segmenter.setImage(address);
  },

  /** All three masks, and the one to show: the best-scored for a single click, else the single mask. */
  async ask({ points, box, refine }: Question): Promise<{ shown: sam2.Rle; three: sam2.Rle[]; scores: number[] }> {
    if (!asked?.image) throw new Error("no image is open");
    const { segmenter, detail, image } = asked;
    const prompt: sam2.SegmentPrompt = {
      ...(points.length > 0
        ? {
            point_coords: points.map(({ x, y }) => [x, y]),
            point_labels: points.map(({ positive }) => Number(positive)),
          }
        : {}),
      ...(box ? { box } : {}),
      ...(refine && asked.shown ? { mask_input: asked.shown } : {}),
    };
    const several = await segmenter.segment({ image, ...prompt });
    const ambiguous = points.length === 1 && box === null;
    const alone = { image, ...prompt, multimask_output: ambiguous };
    const first = ambiguous && detail === "off" ? several : await segmenter.segment(alone, { detail });
    asked.shown = first.maskInput();
    const count = several.scores.dims[1] as number;
    return {
      shown: sam2.encodeRle(first.mask()),
      three: Array.from({ length: count }, (_, index) => sam2.encodeRle(several.mask(index))),
      scores: [...several.scores.data],
    };
  },
};

declare global {
  interface Window {
    sam2: typeof sam2;
    sam2Hosted: typeof sam2Hosted;
    segmentJob: typeof segmentJob;
    quality: typeof quality;
  }
}

window.sam2 = sam2;
window.sam2Hosted = sam2Hosted;
window.segmentJob = segmentJob;
window.quality = quality;
