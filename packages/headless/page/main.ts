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

declare global {
  interface Window {
    sam2: typeof sam2;
    segmentJob: typeof segmentJob;
  }
}

window.sam2 = sam2;
window.segmentJob = segmentJob;
