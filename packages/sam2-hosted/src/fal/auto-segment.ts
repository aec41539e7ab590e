/** fal's `auto-segment`: its input, and the pictures of its output. */
import { DETAILS, type Detail, decodeRle, type EverythingOptions, maskColor, type Pixels, type Rle } from "sam2-core";
import { Fields } from "../http/fields.ts";
import { blackPixels, fillMask, maskPicture, type PictureCodec, toBase64 } from "../picture/codec.ts";
import type { HostedSegmenter } from "../segmenter.ts";

/** The endpoint's input, with its defaults. */
export interface AutoSegmentInput
  extends Required<
    Pick<EverythingOptions, "points_per_side" | "pred_iou_thresh" | "stability_score_thresh" | "min_mask_region_area">
  > {
  readonly image_url: string;
  /** Pictures as data URIs in place of addresses. */
  readonly sync_mode: boolean;
  readonly output_format: "png" | "jpeg";
  /** A second look at small masks, which the service does not have. */
  readonly detail: Detail;
}

/** A picture in the output. */
export interface FalImage {
  readonly url: string;
  readonly content_type: string;
  readonly file_name: string;
  readonly file_size: number;
  readonly width: number;
  readonly height: number;
}

/** The endpoint's output. */
export interface AutoSegmentOutput {
  /** All masks in colors on black. */
  readonly combined_mask: FalImage;
  /** White on black, largest first. */
  readonly individual_masks: readonly FalImage[];
}

/** Reads the input. @throws Problem 422 */
export function readInput(body: Readonly<Record<string, unknown>>): AutoSegmentInput {
  const fields = new Fields(body);
  fields.required("image_url");
  const share = { least: 0, greatest: 1 };
  const input = {
    image_url: fields.text("image_url") ?? "",
    sync_mode: fields.boolean("sync_mode", false),
    output_format: fields.choice("output_format", "png", ["jpeg", "png"] as const),
    points_per_side: fields.number("points_per_side", 32, { least: 1, greatest: 256 }, true),
    pred_iou_thresh: fields.number("pred_iou_thresh", 0.88, share),
    stability_score_thresh: fields.number("stability_score_thresh", 0.95, share),
    min_mask_region_area: fields.number("min_mask_region_area", 100, { least: 0, greatest: 1e9 }, true),
    detail: fields.choice("detail", "off", DETAILS),
  };
  fields.check();
  return input;
}

/** What segmenting needs beside the picture and the input. */
export interface AutoSegmentContext {
  readonly signal: AbortSignal;
  log(message: string): void;
  /** Gives a picture an address. */
  publish(file: Blob, name: string): string;
}

/** Segments everything in a picture, and draws it. */
export type AutoSegment = (
  picture: Blob,
  input: AutoSegmentInput,
  context: AutoSegmentContext,
) => Promise<AutoSegmentOutput>;

/** With a segmenter. @throws InvalidImageError */
export function createAutoSegment(segmenter: HostedSegmenter, codec: PictureCodec): AutoSegment {
  return async (picture, input, { signal, log, publish }) => {
    const { points_per_side, pred_iou_thresh, stability_score_thresh, min_mask_region_area, detail } = input;
    const image = await segmenter.setImage(picture, { signal });
    try {
      const found = await segmenter.segmentEverything(image, {
        points_per_side,
        pred_iou_thresh,
        stability_score_thresh,
        min_mask_region_area,
        detail,
        signal,
        onProgress: ({ done, total, masks }) => log(`${done} of ${total} points, ${masks.length} masks`),
      });
      const combined = blackPixels(image.width, image.height);
      const write = (pixels: Pixels, name: string): Promise<FalImage> => falImage(pixels, name, input, codec, publish);
      const individual_masks: FalImage[] = [];
      // one mask of full size at a time: a picture may have a thousand
      for (const { segmentation } of found.toSorted((a, b) => b.area - a.area)) {
        signal.throwIfAborted();
        const index = individual_masks.length;
        const mask = decodeRle(segmentation as Rle);
        fillMask(combined, mask, maskColor(index));
        individual_masks.push(await write(maskPicture(mask), `mask_${index}`));
      }
      return { combined_mask: await write(combined, "combined_mask"), individual_masks };
    } finally {
      await image.release();
    }
  };
}

async function falImage(
  pixels: Pixels,
  name: string,
  { output_format, sync_mode }: AutoSegmentInput,
  codec: PictureCodec,
  publish: AutoSegmentContext["publish"],
): Promise<FalImage> {
  const content_type = `image/${output_format}` as const;
  const file = await codec.encode(pixels, { type: content_type });
  const file_name = `${name}.${output_format}`;
  const url = sync_mode ? `data:${content_type};base64,${await toBase64(file)}` : publish(file, file_name);
  return { url, content_type, file_name, file_size: file.size, width: pixels.width, height: pixels.height };
}
