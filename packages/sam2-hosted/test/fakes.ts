/** Stands in for what needs a browser: pictures that are only a header, and a segmenter without a model. */
import { Sam2Error, type Segmenter, type SegmentOptions, type SegmentRequest, SegmentResult } from "sam2-web";

/** A PNG file up to the end of its header: enough for whoever only asks for its size. */
export function png(width: number, height: number): Blob {
  const bytes = new Uint8Array(33);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, 0x89504e470d0a1a0an);
  view.setUint32(8, 13);
  view.setUint32(12, 0x49484452);
  view.setUint32(16, width);
  view.setUint32(20, height);
  return new Blob([bytes], { type: "image/png" });
}

/** The same as a data URI. */
export async function pngUri(width: number, height: number): Promise<string> {
  return `data:image/png;base64,${Buffer.from(await png(width, height).arrayBuffer()).toString("base64")}`;
}

/** Answers every prompt with the same three small maps of logits, at the size of the picture. */
export function fakeSegmenter(
  width: number,
  height: number,
  onSegment: (request: SegmentRequest, options: SegmentOptions) => void | Promise<void> = () => undefined,
): Segmenter {
  const side = 4;
  const segment = async (request: SegmentRequest, options: SegmentOptions = {}) => {
    await onSegment(request, options);
    options.signal?.throwIfAborted();
    const count = request.multimask_output === false ? 1 : 3;
    const logits = {
      data: Float32Array.from({ length: count * side ** 2 }, (_, i) => Math.fround(Math.sin(i) * 9.7)),
      dims: [1, count, side, side],
    };
    const prediction = {
      logits,
      settled: logits,
      scores: { data: Float32Array.of(0.9, 0.7, 0.5).slice(0, count), dims: [1, count] },
      objectScores: { data: Float32Array.of(3), dims: [1, 1] },
      decode: 1,
      closeUps: [null],
    };
    const returnLogits = request.return_logits ?? false;
    return new SegmentResult({ prediction, width, height, returnLogits, quality: "full" }, new Blob());
  };
  const setImage = () => Promise.reject(new Sam2Error("InvalidImageError", "the stand-in decodes nothing"));
  return { model: { id: "sam2-mini", maskSize: side }, segment, setImage } as unknown as Segmenter;
}
