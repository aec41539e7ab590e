/** Pictures by the browser's own decoders and canvases. */
import { drawOverlay, exportCanvas } from "sam2-web";
import type { PictureCodec } from "../picture/codec.ts";

export const canvasCodec: PictureCodec = {
  async decode(picture) {
    const bitmap = await createImageBitmap(picture, { imageOrientation: "from-image" });
    try {
      const canvas = drawOverlay(bitmap, { masks: [] });
      const { width, height } = canvas;
      const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
      return { data: context.getImageData(0, 0, width, height).data, width, height };
    } finally {
      bitmap.close();
    }
  },
  async encode({ data, width, height }, format) {
    const bitmap = await createImageBitmap(new ImageData(data as Uint8ClampedArray<ArrayBuffer>, width, height));
    try {
      return await exportCanvas(drawOverlay(bitmap, { masks: [] }), "blob", format);
    } finally {
      bitmap.close();
    }
  },
};
