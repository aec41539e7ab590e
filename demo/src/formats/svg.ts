/** SVG: one path for each object, filled by the even-odd rule. */
import { parseXml, type XmlElement } from "@rgrove/parse-xml";
import { decodeRle, maskToPolygons, polygonsToPath } from "sam2-web";
import type { LabeledImage, LabeledObject, ObjectClass } from "../labels/annotations.ts";
import { stemOf } from "../labels/names.ts";
import { fillerAlongPixels } from "../masks/fill.ts";
import { rleOf } from "../masks/turns.ts";
import { ImportError, shown } from "./errors.ts";
import { objectOf, projectOf, type ReadLabels, sizeOf } from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";
import { escaped } from "./xml.ts";

/** A drawing of the image's size, which says of what picture it is. */
export function toSvg({ name, width, height, objects }: LabeledImage, classes: readonly ObjectClass[]): string {
  const paths = objects.map(({ className, rle }) => {
    const color = classes.find(({ name }) => name === className)?.color ?? "#000000";
    const path = polygonsToPath(maskToPolygons(decodeRle(rle)));
    return `  <path fill="${color}" fill-rule="evenodd" d="${path}"><title>${escaped(className)}</title></path>\n`;
  });
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" data-picture="${escaped(name)}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${paths.join("")}</svg>\n`;
}

/** A ring of a path, as "M0 0L2 0L2 1L0 1". A pattern of all rings runs out of stack where a mask has very many. */
const RING = /^M\d[\d L]*$/;

/** What separates two numbers, and no number follows. */
const GAP = /[ L](?!\d)/;

/** The rings of a path that has lines alone, x and y of their corners in turn; null for any other. */
function ringsOf(path: string): number[][] | null {
  const rings = path.split("Z");
  if (rings.pop() !== "" || rings.some((ring) => !RING.test(ring) || GAP.test(ring))) return null;
  return rings.map((ring) => ring.slice(1).split(/[ L]/).map(Number));
}

/**
 * Reads what `toSvg` writes: paths along the pixels' edges, each with its class as its title. The picture is the one that it says,
 * or else the one that the file is named after.
 *
 * @throws ImportError
 */
export function fromSvg(path: string, text: string): ReadLabels {
  let root: XmlElement | null;
  try {
    root = parseXml(text).root;
  } catch (error) {
    throw new ImportError(`expected an SVG: ${(error as Error).message.split("\n")[0]}`);
  }
  if (root?.name !== "svg") throw new ImportError(`expected an SVG, got ${root?.name ?? "none"}`);
  const { width, height } = sizeOf(Number(root.attributes.width), Number(root.attributes.height));
  const leftOut = new LeftOut();
  const fill = fillerAlongPixels(width, height);
  const elements = (of: XmlElement): XmlElement[] =>
    of.children.filter((child): child is XmlElement => child.type === "element");
  const objects = elements(root).flatMap((element, index): LabeledObject[] => {
    const read = (): LabeledObject => {
      const rings = element.name === "path" ? ringsOf(element.attributes.d ?? "") : null;
      const turns = rings && fill(rings);
      if (!turns) throw new ImportError("expected a path along the edges of pixels, as this page writes it");
      const title = elements(element).find((child) => child.name === "title");
      return objectOf(title?.text || "object", rleOf(turns, width, height));
    };
    return leftOut.list(`element ${index + 1} (${shown(element.name)})`, read);
  });
  const name = root.attributes["data-picture"] ?? stemOf(path);
  return {
    project: projectOf([], [{ name, width, height, objects }]),
    boxes: [],
    leftOut: leftOut.lines,
  };
}
