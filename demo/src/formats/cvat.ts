/** CVAT for images 1.1 (docs.cvat.ai, "CVAT"): masks as runs along the rows of their box, exact. */
import { XMLBuilder, XMLParser } from "fast-xml-parser";
import { decodeRle, encodeRle, maskBox, type Rle } from "sam2-web";
import { type LabeledObject, newObject, type Project } from "../labels/annotations.ts";
import { distinct } from "../labels/names.ts";
import { ImportError, shown } from "./errors.ts";
import { fillPolygons } from "./fill.ts";
import { projectOf, type ReadImage, type ReadLabels, sizeOf } from "./labels-file.ts";
import { cropped, fromRowRuns, rowRuns } from "./rows.ts";

/** Prefix of attributes in fast-xml-parser's objects. */
const AT = "@";
const OPTIONS = { ignoreAttributes: false, attributeNamePrefix: AT } as const;

type Element = Readonly<Record<string, unknown>>;

/** The content of annotations.xml. An object without pixels is left out: CVAT has no empty masks. */
export function toCvat({ classes, images }: Project): string {
  const names = distinct(images.map(({ name }) => name));
  const labels = classes.map(({ name, color }) => ({ name, color, type: "mask", attributes: "" }));
  const document = {
    "?xml": { [`${AT}version`]: "1.0", [`${AT}encoding`]: "utf-8" },
    annotations: {
      version: "1.1",
      meta: { job: { size: images.length, labels: { label: labels } } },
      image: images.map(({ width, height, objects }, id) => ({
        ...attributes({ id, name: names[id], width, height }),
        mask: objects.flatMap(({ className, rle }, z_order): Element[] => {
          const mask = decodeRle(rle);
          const [left, top, boxWidth, boxHeight] = maskBox(mask);
          if (boxWidth === 0) return [];
          const runs = rowRuns(cropped(mask, [left, top, boxWidth, boxHeight]).data);
          return [
            attributes({
              label: className,
              source: "semi-auto",
              occluded: 0,
              rle: runs.join(", "),
              left,
              top,
              width: boxWidth,
              height: boxHeight,
              z_order,
            }),
          ];
        }),
      })),
    },
  };
  return new XMLBuilder({ ...OPTIONS, format: true }).build(document);
}

function attributes(values: Element): Element {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [AT + name, String(value)]));
}

/** Reads masks and polygons; boxes are counted. @throws ImportError */
export function fromCvat(text: string): ReadLabels {
  const lists = new Set(["image", "mask", "polygon", "box", "label"]);
  const parser = new XMLParser({ ...OPTIONS, parseAttributeValue: false, isArray: (name) => lists.has(name) });
  let annotations: Element | undefined;
  try {
    annotations = parser.parse(text, true).annotations;
  } catch (error) {
    throw new ImportError(`expected CVAT's annotations.xml: ${(error as Error).message}`);
  }
  if (typeof annotations !== "object") throw new ImportError("expected CVAT's annotations.xml, with annotations in it");
  const meta = annotations.meta as { [kind: string]: { labels?: { label?: readonly Element[] } } } | undefined;
  const labels = Object.values(meta ?? {}).flatMap((kind) => kind?.labels?.label ?? []);
  let boxes = 0;
  const images = ((annotations.image ?? []) as readonly Element[]).map((image): ReadImage => {
    const what = `image ${shown(image[`${AT}name`])}`;
    const size = sizeOf(Number(image[`${AT}width`]), Number(image[`${AT}height`]), what);
    boxes += ((image.box ?? []) as readonly Element[]).length;
    const read = (kind: "mask" | "polygon", segmentation: (shape: Element) => Rle) =>
      ((image[kind] ?? []) as readonly Element[]).map((shape) => {
        try {
          const object = newObject(String(shape[`${AT}label`]), segmentation(shape));
          return { object, z: Number(shape[`${AT}z_order`] ?? 0) };
        } catch (error) {
          throw new ImportError(`${what}: ${kind}: ${(error as Error).message}`);
        }
      });
    const found = [
      ...read("mask", (shape) => {
        const numbers = ["left", "top", "width", "height"].map((name) => Number(shape[AT + name]));
        const runs = String(shape[`${AT}rle`]).split(",").map(Number);
        return encodeRle(fromRowRuns(runs, numbers as [number, number, number, number], size));
      }),
      ...read("polygon", (shape) => {
        const ring = String(shape[`${AT}points`]).split(/[;,]/).map(Number);
        if (ring.length < 6 || !ring.every(Number.isFinite)) throw new Error("expected three or more corners");
        return fillPolygons([ring], size.width, size.height);
      }),
    ];
    const objects = found.sort((a, b) => a.z - b.z).map(({ object }): LabeledObject => object);
    return { name: String(image[`${AT}name`]), ...size, objects };
  });
  const classes = labels.map(({ name }) => String(name));
  return { project: projectOf(classes, images), boxes };
}
