/** What is seen of the picture, for edits that depend on it: how large its pixels are shown, and their colors. */
import type { PictureView } from "sam2-canvas";
import type { Seen } from "../workspace/editing.ts";

/** Of a view and the picture in it. */
export function seenIn(view: PictureView, picture: ImageBitmap | null): Seen {
  return {
    scale: () => view.viewport.scale,
    pixelsOf: ({ left, top, width, height }) => {
      if (!picture || width === 0 || height === 0) return null;
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [width, height];
      const context = canvas.getContext("2d", { willReadFrequently: true });
      if (!context) return null;
      context.drawImage(picture, left, top, width, height, 0, 0, width, height);
      return context.getImageData(0, 0, width, height).data;
    },
  };
}
