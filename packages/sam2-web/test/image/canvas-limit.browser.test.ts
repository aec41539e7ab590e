/** Canvases as iOS has them: above a size nothing is drawn, and nothing says so. */
import { drawMask, drawOverlay } from "sam2-web";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readPixels } from "../../src/image/source.ts";

const LIMIT = 16_777_216;
const WIDTH = 4200;
const HEIGHT = 4000;

beforeEach(() => {
  const getContext = OffscreenCanvas.prototype.getContext as (...given: any[]) => any;
  vi.spyOn(OffscreenCanvas.prototype, "getContext").mockImplementation(function (this: OffscreenCanvas, ...given) {
    const context = getContext.apply(this, given);
    // all that is drawn shrinks to nothing
    if (this.width * this.height > LIMIT) context.setTransform(0, 0, 0, 0, 0, 0);
    return context;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** A picture whose red and green tell a pixel's row. */
async function picture(): Promise<ImageBitmap> {
  const words = new Uint32Array(WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y++) words.fill((0xff000000 | y) >>> 0, y * WIDTH, (y + 1) * WIDTH);
  return createImageBitmap(new ImageData(new Uint8ClampedArray(words.buffer), WIDTH, HEIGHT));
}

test("a picture above the limit is read whole", async () => {
  const { data } = readPixels(await picture());
  const words = new Uint32Array(data.buffer);
  expect(words).toHaveLength(WIDTH * HEIGHT);
  const wrong = Array.from({ length: HEIGHT }, (_, y) => y).filter((y) =>
    [0, WIDTH - 1].some((x) => words[y * WIDTH + x] !== (0xff000000 | y) >>> 0),
  );
  expect(wrong).toEqual([]);
});

test.each([
  ["an overlay", async () => drawOverlay(await picture(), { masks: [] })],
  ["a mask", async () => drawMask({ data: new Uint8Array(WIDTH * HEIGHT), width: WIDTH, height: HEIGHT })],
])("%s above the limit is refused by name, not blank", async (_, draw) => {
  const error = await draw().catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: "InvalidImageError", message: expect.stringContaining("got 4200×4000") });
});
