/**
 * sam2-web in React: a canvas to click on, and hooks for interfaces of your own.
 *
 * ```ts
 * import { createElement } from "react";
 * import { SegmentCanvas } from "sam2-react";
 *
 * const canvas = createElement(SegmentCanvas, { image: image_url, controls: true, label: "A truck" });
 * ```
 *
 * @module
 */
export { type Answer, NO_PROMPTS, type Prompts, type ShownObject, toSegmentPrompt } from "sam2-canvas";
export { SegmentCanvas, type SegmentCanvasProps } from "./segment-canvas.ts";
export { type UseImage, type UseImageOptions, useImage } from "./use-image.ts";
export { type UseSegment, type UseSegmentOptions, useSegment } from "./use-segment.ts";
export { type OpeningProgress, type UseSegmenter, type UseSegmenterOptions, useSegmenter } from "./use-segmenter.ts";
