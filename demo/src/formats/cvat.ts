/** CVAT for images 1.1 (docs.cvat.ai, "CVAT"): masks as runs along the rows of their box, exact. */
import { parseXml, type XmlElement } from "@rgrove/parse-xml";
import { decodeRle, encodeRle, maskBox, type Rle } from "sam2-web";
import { type LabeledObject, newObject, type Project } from "../labels/annotations.ts";
import type { DetectedImage, Detection } from "../labels/detections.ts";
import { distinct } from "../labels/names.ts";
import { fillPolygons } from "../masks/fill.ts";
import { ImportError, shown } from "./errors.ts";
import { boxesOf, projectOf, type ReadImage, type ReadLabels, sizeOf } from "./labels-file.ts";
import { cropped, fromRowRuns, rowRuns } from "./rows.ts";
import { fromVoc } from "./voc.ts";

/** Characters that XML has no way to write, besides the five that have names. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

const escaped = (text: string): string =>
  text.replace(UNWRITABLE, "\ufffd").replace(/[&<>"\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);

const attributes = (values: Readonly<Record<string, string | number>>): string =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join("");

/** The content of annotations.xml. An object without pixels is left out: CVAT has no empty masks. */
export function toCvat({ classes, images }: Project): string {
  const names = distinct(images.map(({ name }) => name));
  const labels = classes.map(({ name, color }) => {
    const fields = `<name>${escaped(name)}</name><color>${color}</color><type>mask</type><attributes></attributes>`;
    return `        <label>${fields}</label>\n`;
  });
  const written = images.map(({ width, height, objects }, id) => {
    const masks = objects.flatMap(({ className, rle }, z_order): string[] => {
      const mask = decodeRle(rle);
      const [left, top, boxWidth, boxHeight] = maskBox(mask);
      if (boxWidth === 0) return [];
      const runs = rowRuns(cropped(mask, [left, top, boxWidth, boxHeight]).data).join(", ");
      const box = { left, top, width: boxWidth, height: boxHeight, z_order };
      const shape = attributes({ label: className, source: "semi-auto", occluded: 0, rle: runs, ...box });
      return [`    <mask${shape}></mask>\n`];
    });
    const image = attributes({ id, name: names[id] as string, width, height });
    return `  <image${image}>\n${masks.join("")}  </image>\n`;
  });
  return `<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <job>
      <size>${images.length}</size>
      <labels>
${labels.join("")}      </labels>
    </job>
  </meta>
${written.join("")}</annotations>
`;
}

const childrenOf = (element: XmlElement | undefined, ...names: readonly string[]): XmlElement[] =>
  (element?.children ?? []).filter(
    (child): child is XmlElement => child.type === "element" && names.includes((child as XmlElement).name),
  );

/** Reads XML: CVAT's masks, polygons and boxes, or Pascal VOC's boxes. @throws ImportError */
export function fromXml(text: string): ReadLabels {
  let annotations: XmlElement | null;
  try {
    annotations = parseXml(text).root;
  } catch (error) {
    throw new ImportError(`expected CVAT's annotations.xml: ${(error as Error).message.split("\n")[0]}`);
  }
  if (annotations?.name === "annotation") return fromVoc(annotations);
  if (annotations?.name !== "annotations") {
    throw new ImportError(
      `expected CVAT's annotations.xml, with annotations in it, got ${annotations?.name ?? "none"}`,
    );
  }
  return fromCvat(annotations);
}

function fromCvat(annotations: XmlElement): ReadLabels {
  // of a task, a project or a job
  const kinds = childrenOf(annotations, "meta").flatMap((meta) => childrenOf(meta, "task", "project", "job"));
  const labels = kinds.flatMap((kind) => childrenOf(childrenOf(kind, "labels")[0], "label"));
  const boxes: DetectedImage[] = [];
  const images = childrenOf(annotations, "image").map((image): ReadImage => {
    const { name = "", width, height } = image.attributes;
    const what = `image ${shown(name)}`;
    const size = sizeOf(Number(width), Number(height), what);
    const detections = childrenOf(image, "box").map(({ attributes: box }): Detection => {
      const shape = ["xtl", "ytl", "xbr", "ybr"].map((side) => Number(box[side] ?? Number.NaN));
      return { className: box.label ?? "object", score: null, shape };
    });
    const found = childrenOf(image, "mask", "polygon").map(({ name: kind, attributes: shape }) => {
      try {
        const rle = kind === "mask" ? maskOf(shape, size) : polygonOf(shape, size);
        return { object: newObject(shape.label ?? "object", rle), z: Number(shape.z_order ?? 0) };
      } catch (error) {
        throw new ImportError(`${what}: ${kind}: ${(error as Error).message}`);
      }
    });
    const objects = found.sort((a, b) => a.z - b.z).map(({ object }): LabeledObject => object);
    const read = { name, ...size, objects };
    boxes.push(...boxesOf(read, detections));
    return read;
  });
  const classes = labels.flatMap((label) => childrenOf(label, "name").map((name) => name.text));
  return { project: projectOf(classes, images), boxes };
}

type Shape = Readonly<Record<string, string>>;
type Size = { readonly width: number; readonly height: number };

function maskOf(shape: Shape, size: Size): Rle {
  const box = ["left", "top", "width", "height"].map((name) => Number(shape[name]));
  const runs = (shape.rle ?? "").split(",").map(Number);
  return encodeRle(fromRowRuns(runs, box as [number, number, number, number], size));
}

function polygonOf(shape: Shape, { width, height }: Size): Rle {
  const ring = (shape.points ?? "").split(/[;,]/).map(Number);
  if (ring.length < 6 || !ring.every(Number.isFinite)) throw new Error("expected three or more corners");
  return fillPolygons([ring], width, height);
}
