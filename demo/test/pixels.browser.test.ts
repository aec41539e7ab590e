/** Exports that take the pictures' pixels: cut-outs and PSD. */
import { unzipSync } from "fflate";
import { encodeRle } from "sam2-web";
import { describe, expect, test } from "vitest";
import { exportProject } from "../src/formats/archive.ts";
import { type LabeledImage, newObject, type Project } from "../src/labels/annotations.ts";

const SIZE = { width: 6, height: 4 };
const CLASSES = [{ name: "cat", color: "#ff0000" }];

/** An image with an object in its lower right corner, two pixels wide and one high, or without one. */
function image(name: string, hasObject = true): LabeledImage {
  const data = new Uint8Array(SIZE.width * SIZE.height).fill(hasObject ? 1 : 0, 22);
  const objects = hasObject ? [newObject("cat", encodeRle({ ...SIZE, data }))] : [];
  return { id: name, sha256: null, name, ...SIZE, objects };
}

/** All of one color. */
async function picture(color: string): Promise<ImageBitmap> {
  const canvas = new OffscreenCanvas(SIZE.width, SIZE.height);
  const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.fillStyle = color;
  context.fillRect(0, 0, SIZE.width, SIZE.height);
  return canvas.transferToImageBitmap();
}

const project = (...images: LabeledImage[]): Project => ({ classes: CLASSES, images });
const here =
  (...names: string[]) =>
  async (id: string) =>
    names.includes(id) ? picture("#0080ff") : undefined;

test("a cut-out is the object's pixels, as large as its box", async () => {
  const { name, blob, missing } = await exportProject(project(image("a.jpg")), "cutouts", here("a.jpg"));
  expect([name, missing]).toEqual(["1-cat.png", []]);
  const bitmap = await createImageBitmap(blob);
  expect([bitmap.width, bitmap.height]).toEqual([2, 1]);
  const context = new OffscreenCanvas(2, 1).getContext("2d") as OffscreenCanvasRenderingContext2D;
  context.drawImage(bitmap, 0, 0);
  expect([...context.getImageData(0, 0, 2, 1).data]).toEqual([0, 128, 255, 255, 0, 128, 255, 255]);
});

describe.each([
  ["cutouts", ["a/1-cat.png", "b/1-cat.png"]],
  ["psd", ["a.psd", "b.psd"]],
] as const)("%s", (format, files) => {
  test("the file is written without pictures that are not here, which are named", async () => {
    const all = project(image("a.jpg"), image("gone.jpg"), image("b.jpg"));
    const { name, blob, missing } = await exportProject(all, format, here("a.jpg", "b.jpg"));
    expect([name, missing]).toEqual([`${format}.zip`, ["gone.jpg"]]);
    expect(Object.keys(unzipSync(new Uint8Array(await blob.arrayBuffer())))).toEqual(files);
  });

  test("where no picture is here, nothing is written", async () => {
    await expect(exportProject(project(image("gone.jpg")), format, here())).rejects.toMatchObject({
      name: "ExportError",
      message: "expected pictures that are here, got none of 1; open their folder, or choose a format without pixels",
    });
  });
});

test("for cut-outs, a picture without objects need not be here", async () => {
  const { missing } = await exportProject(project(image("a.jpg"), image("bare.jpg", false)), "cutouts", here("a.jpg"));
  expect(missing).toEqual([]);
});
