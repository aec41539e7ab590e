/** A picture as the browser holds it: a bitmap. */
import { type Picture, stretch } from "sam2-core";
import { stretchOnGpu } from "./gpu-stretch.ts";
import { readPixels } from "./source.ts";

/** Runs a task on the GPU that the model runs on; null where it does not run on one. */
export type OnGpu = <T>(task: (device: GPUDevice) => Promise<T>) => Promise<T> | null;

/** A bitmap; stretched on the GPU if the model runs there and the picture fits, else on the CPU: the results are equal. */
export class BitmapPicture implements Picture {
  readonly #bitmap: ImageBitmap;
  readonly #onGpu: OnGpu;

  constructor(bitmap: ImageBitmap, onGpu: OnGpu) {
    this.#bitmap = bitmap;
    this.#onGpu = onGpu;
  }

  get width(): number {
    return this.#bitmap.width;
  }

  get height(): number {
    return this.#bitmap.height;
  }

  async stretched(size: number): Promise<Uint8ClampedArray> {
    const onGpu = this.#onGpu((device) => stretchOnGpu(device, this.#bitmap, size));
    const rgb = await onGpu?.catch(() => null);
    return rgb ?? stretch(readPixels(this.#bitmap), size);
  }

  async crop(left: number, top: number, width: number, height: number): Promise<BitmapPicture> {
    return new BitmapPicture(await createImageBitmap(this.#bitmap, left, top, width, height), this.#onGpu);
  }

  close(): void {
    this.#bitmap.close();
  }
}
