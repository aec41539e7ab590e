/** SVG: one path for each object, filled by the even-odd rule. */
import { decodeRle, maskToPolygons, polygonsToPath } from "sam2-web";
import type { LabeledImage, ObjectClass } from "../labels/annotations.ts";

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** A drawing of the image's size. */
export function toSvg({ width, height, objects }: LabeledImage, classes: readonly ObjectClass[]): string {
  const paths = objects.map(({ className, rle }) => {
    const color = classes.find(({ name }) => name === className)?.color ?? "#000000";
    const path = polygonsToPath(maskToPolygons(decodeRle(rle)));
    return `  <path fill="${color}" fill-rule="evenodd" d="${path}"><title>${escaped(className)}</title></path>\n`;
  });
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${paths.join("")}</svg>\n`;
}
