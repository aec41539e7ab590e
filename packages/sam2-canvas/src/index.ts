/**
 * A picture to click on: zoom, pan, prompts and masks, drawn at the screen's resolution. Without a framework.
 *
 * ```ts
 * import { logitsOf, PictureView, toSegmentPrompt } from "sam2-canvas";
 *
 * const view = new PictureView(document.body);
 * view.show(await createImageBitmap(file));
 * view.on("click", async ({ x, y, positive }) => {
 *   const prompts = { points: [{ x, y, positive }], box: null };
 *   const result = await segmenter.segment({ image, ...toSegmentPrompt(prompts) });
 *   view.update({ prompts, mask: logitsOf(result) });
 * });
 * ```
 *
 * @module
 */
export { contoursOf, type LogitsPlane, type Outline, thinned } from "./contour.ts";
export { Emitter, type ListenOptions } from "./emitter.ts";
export { History } from "./history.ts";
export type { ShownObject } from "./paint.ts";
export {
  type ImageDrag,
  type ImagePointer,
  type PaintOver,
  PictureView,
  type PictureViewEvents,
  type PictureViewOptions,
  type Scene,
} from "./picture-view.ts";
export {
  boxBetween,
  isEmptyPrompt,
  markAt,
  NO_PROMPTS,
  type PromptMark,
  type PromptPoint,
  type Prompts,
  toSegmentPrompt,
  withMarkMoved,
  withoutMark,
} from "./prompts.ts";
export type { Picture } from "./pyramid.ts";
export { defineSam2Canvas, Sam2CanvasElement, type Sam2CanvasEvents } from "./sam2-canvas-element.ts";
export {
  type Answer,
  type PromptsChange,
  SegmentSession,
  type SegmentSessionEvents,
  type SessionState,
  type Tool,
} from "./session.ts";
export { logitsOf, type MaskShape } from "./shape.ts";
export {
  type Box,
  fitted,
  isOnPicture,
  keptInView,
  type Place,
  panned,
  type Size,
  toImage,
  toView,
  type Viewport,
  visibleBox,
  type ZoomLimits,
  zoomed,
  zoomLimits,
} from "./viewport.ts";
