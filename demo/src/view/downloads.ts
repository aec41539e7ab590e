/** A mask as files to save. */
import { cutOut, drawMask, encodeRle, exportCanvas, maskArea, maskBox } from "sam2-web";
import { decodePicture } from "../formats/picture.ts";
import { type Answer, scoreOf } from "../workspace/answer.ts";

/** Saves a file, as if the person had followed a link to it. */
export function save(name: string, content: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Saves the mask, white on black. */
export async function saveMask({ result, chosen }: Answer): Promise<void> {
  save("mask.png", await exportCanvas(drawMask(result.mask(chosen)), "blob"));
}

/** Saves the picture with all else transparent. */
export async function saveCutOut({ result, chosen }: Answer, blob: Blob): Promise<void> {
  const picture = await decodePicture(blob);
  const canvas = cutOut(picture, result.mask(chosen), false);
  picture.close();
  save("cut-out.png", await exportCanvas(canvas, "blob"));
}

/** Saves RLE, area, box and score in COCO's form. */
export function saveJson(answer: Answer): void {
  const mask = answer.result.mask(answer.chosen);
  const score = scoreOf(answer, answer.chosen);
  const annotation = { segmentation: encodeRle(mask), area: maskArea(mask), bbox: maskBox(mask), score };
  save("mask.json", new Blob([JSON.stringify(annotation, null, 2)], { type: "application/json" }));
}
