/** The page that commands and tests drive: the library, and one function for the segment command. */
import * as sam2 from "sam2-web";

/** What the segment command asks for. */
export interface SegmentJob {
  readonly image: string;
  readonly model: string;
  readonly device: sam2.DeviceChoice;
  readonly points: readonly { x: number; y: number; positive: boolean }[];
  readonly box: [number, number, number, number] | null;
  readonly multimask: boolean;
}

/** What it writes as JSON. */
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

async function toBase64(blob: Blob): Promise<string> {
  const url = await new Promise<string>((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
  return url.slice(url.indexOf(",") + 1);
}

async function segmentJob(job: SegmentJob): Promise<{ report: SegmentReport; overlay: string }> {
  const start = performance.now();
  const segmenter = await sam2.createSegmenter({ model: job.model, device: job.device });
  const load = performance.now() - start;
  const blob = await (await fetch(job.image)).blob();
  const image = await segmenter.setImage(blob);
  const { decodeImage, preprocess, encode } = image.timings;
  const result = await segmenter.segment({
    image,
    ...(job.points.length > 0
      ? {
          point_coords: job.points.map(({ x, y }) => [x, y]),
          point_labels: job.points.map(({ positive }) => (positive ? 1 : 0)),
        }
      : {}),
    ...(job.box ? { box: job.box } : {}),
    multimask_output: job.multimask,
  });
  const count = result.scores.dims[1] as number;
  const masks = Array.from({ length: count }, (_, index) => {
    const mask = result.mask(index);
    const score = result.scores.data[index] as number;
    return { score, area: sam2.maskArea(mask), bbox: sam2.maskBox(mask), rle: sam2.encodeRle(mask) };
  });
  const report: SegmentReport = {
    model: segmenter.model.id,
    device: segmenter.device,
    image: { width: image.width, height: image.height },
    timings_ms: { load, encode: decodeImage + preprocess + encode, decode: result.decodeTime },
    masks,
  };
  const picture = await createImageBitmap(blob, { imageOrientation: "from-image" });
  const canvas = sam2.drawOverlay(picture, {
    masks: [result.mask()],
    points: job.points,
    boxes: job.box ? [job.box] : [],
  });
  const overlay = await toBase64(await canvas.convertToBlob({ type: "image/png" }));
  await segmenter.dispose();
  return { report, overlay };
}

/** One question of the quality benchmark, about the image that was opened last. */
export interface Question {
  readonly points: readonly { x: number; y: number; positive: boolean }[];
  readonly box: [number, number, number, number] | null;
  /** Whether the mask shown for the question before is refined. */
  readonly refine: boolean;
}

let asked: { segmenter: sam2.Segmenter; image?: sam2.SegmenterImage; shown?: sam2.Tensor } | undefined;

const quality = {
  async open(model: string, device: sam2.DeviceChoice): Promise<void> {
    asked = { segmenter: await sam2.createSegmenter({ model, device }) };
  },

  async setImage(address: string): Promise<void> {
    if (!asked) throw new Error("no model is open");
    await asked.image?.release();
    asked.image = await asked.segmenter.setImage(address);
  },

  /** The mask shown first, and the three: for one click the best-scored is shown, else the single mask. */
  async ask({ points, box, refine }: Question): Promise<{ shown: sam2.Rle; three: sam2.Rle[]; scores: number[] }> {
    if (!asked?.image) throw new Error("no image is open");
    const { segmenter, image } = asked;
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
    const first = ambiguous ? several : await segmenter.segment({ image, ...prompt, multimask_output: false });
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
    segmentJob: typeof segmentJob;
    quality: typeof quality;
  }
}

window.sam2 = sam2;
window.segmentJob = segmentJob;
window.quality = quality;
