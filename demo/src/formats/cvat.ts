/**
 * CVAT for images 1.1 (docs.cvat.ai, "CVAT"): masks as runs along the rows of their box, exact. Attributes, and shapes of
 * other kinds, are kept, and written again.
 */
import { parseXml, type XmlElement } from "@rgrove/parse-xml";
import { decodeRle, encodeRle, maskBox, type Rle } from "sam2-web";
import type { LabeledObject, Project } from "../labels/annotations.ts";
import type { DetectedImage, Detection } from "../labels/detections.ts";
import { type Foreign, fieldsOf, foreignOf, type WithForeign } from "../labels/foreign.ts";
import { distinct } from "../labels/names.ts";
import { fillPolygons } from "../masks/fill.ts";
import { ImportError, shown } from "./errors.ts";
import {
  besides,
  boxesOf,
  objectOf,
  onlyKept,
  projectOf,
  type ReadImage,
  type ReadLabels,
  sizeOf,
} from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";
import { cropped, fromRowRuns, rowRuns } from "./rows.ts";
import { aroundTurned } from "./turned.ts";
import { fromVoc } from "./voc.ts";
import { escaped } from "./xml.ts";

const attributes = (values: Readonly<Record<string, string | number>>): string =>
  Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join("");

/** An element that the page does not understand, as it is kept. */
interface Other {
  readonly name: string;
  readonly attributes: Shape;
  readonly children: readonly (Other | string)[];
}

/** Elements nested deeper than this are left out. */
const DEEPEST = 10;

function otherOf({ name, attributes: fields, children }: XmlElement, deepest: number = DEEPEST): Other {
  const kept = deepest === 0 ? [] : children;
  return {
    name,
    attributes: { ...fields },
    children: kept.flatMap((child): (Other | string)[] => {
      if (child.type === "element") return [otherOf(child as XmlElement, deepest - 1)];
      const { text = "" } = child as { text?: string };
      return text.trim() === "" ? [] : [text];
    }),
  };
}

/** Elements as text. Their names come from XML, and need no escaping. */
function written(elements: unknown): string {
  return ((elements ?? []) as readonly (Other | string)[])
    .map((each) => {
      if (typeof each === "string") return escaped(each);
      return `<${each.name}${attributes(each.attributes)}>${written(each.children)}</${each.name}>`;
    })
    .join("");
}

/** The name that fields are kept under. */
const CVAT = "cvat";

/** The content of annotations.xml. An object without pixels is left out: CVAT has no empty masks. */
export function toCvat({ classes, images }: Project): string {
  const names = distinct(images.map(({ name }) => name));
  const labels = classes.map((each) => {
    const { name, color } = each;
    const { type = "mask", attributes: ofObjects } = fieldsOf(each, CVAT);
    const fields = `<name>${escaped(name)}</name><color>${color}</color><type>${escaped(String(type))}</type>`;
    return `        <label>${fields}<attributes>${written(ofObjects)}</attributes></label>\n`;
  });
  const all = images.map((image, id) => {
    const { width, height, objects } = image;
    const masks = objects.flatMap((object, z_order): string[] => {
      const { className, rle } = object;
      const mask = decodeRle(rle);
      const [left, top, boxWidth, boxHeight] = maskBox(mask);
      if (boxWidth === 0) return [];
      const runs = rowRuns(cropped(mask, [left, top, boxWidth, boxHeight]).data).join(", ");
      const box = { left, top, width: boxWidth, height: boxHeight, z_order };
      const { elements, ...said } = fieldsOf(object, CVAT);
      const own = { label: className, rle: runs, ...box };
      const shape = attributes({ source: "semi-auto", occluded: 0, ...(said as Shape), ...own });
      return [`    <mask${shape}>${written(elements)}</mask>\n`];
    });
    const { elements = [], ...said } = fieldsOf(image, CVAT) as { readonly elements?: readonly Other[] };
    const others = elements.map((each) => `    ${written([each])}\n`);
    const ofImage = attributes({ id, ...(said as Shape), name: names[id] as string, width, height });
    return `  <image${ofImage}>\n${masks.join("")}${others.join("")}  </image>\n`;
  });
  return `<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <size>${images.length}</size>
      <labels>
${labels.join("")}      </labels>
    </task>
  </meta>
${all.join("")}</annotations>
`;
}

/** The elements in an element: those of the given names, or all of them. */
const childrenOf = (element: Pick<XmlElement, "children"> | undefined, ...names: readonly string[]): XmlElement[] =>
  (element?.children ?? []).filter(
    (child): child is XmlElement =>
      child.type === "element" && (names.length === 0 || names.includes((child as XmlElement).name)),
  );

/** Reads XML: CVAT's masks, polygons and boxes, or Pascal VOC's boxes. @throws ImportError */
export function fromXml(path: string, text: string): ReadLabels {
  let annotations: XmlElement | null;
  try {
    annotations = parseXml(text).root;
  } catch (error) {
    throw new ImportError(`expected the XML of CVAT or of Pascal VOC: ${(error as Error).message.split("\n")[0]}`);
  }
  if (annotations?.name === "annotation") return fromVoc(path, annotations);
  if (annotations?.name !== "annotations") {
    throw new ImportError(
      `expected the XML of CVAT (annotations) or of Pascal VOC (annotation), got ${annotations?.name ?? "none"}`,
    );
  }
  return fromCvat(annotations);
}

function fromCvat(annotations: XmlElement): ReadLabels {
  if (childrenOf(annotations, "image").length === 0 && childrenOf(annotations, "track").length > 0) {
    throw new ImportError("expected images, got tracks of a video; export it as CVAT for images");
  }
  // of a task, a project or a job
  const kinds = childrenOf(annotations, "meta").flatMap((meta) => childrenOf(meta, "task", "project", "job"));
  const labels = kinds.flatMap((kind) => childrenOf(childrenOf(kind, "labels")[0], "label"));
  const leftOut = new LeftOut();
  const boxes: DetectedImage[] = [];
  const images = childrenOf(annotations, "image").map((image): ReadImage => {
    const { name = "", width, height } = image.attributes;
    const what = `image ${shown(name)}`;
    const size = sizeOf(Number(width), Number(height), what);
    const detections = childrenOf(image, "box").map((element): Detection => {
      const { attributes: box } = element;
      const sides = ["xtl", "ytl", "xbr", "ybr"].map((side) => Number(box[side] ?? Number.NaN));
      const [left, top, right, bottom] = sides as [number, number, number, number];
      const turn = Number(box.rotation ?? 0);
      const middle = [(left + right) / 2, (top + bottom) / 2] as const;
      const shape = turn === 0 ? sides : aroundTurned([left, top, right, bottom], turn, middle);
      return { className: box.label ?? "object", score: null, shape, ...saidOf(element) };
    });
    const found = childrenOf(image, "mask", "polygon").flatMap((element) => {
      const { name: kind, attributes: shape } = element;
      const readShape = () => {
        const rle = kind === "mask" ? maskOf(shape, size) : polygonOf(shape, size);
        const object = { ...objectOf(shape.label ?? "object", rle), ...saidOf(element) };
        return { object, z: Number(shape.z_order ?? 0) };
      };
      return leftOut.list(`a ${kind} of ${what}`, readShape);
    });
    const objects = found.sort((a, b) => a.z - b.z).map(({ object }): LabeledObject => object);
    const others = childrenOf(image).filter((child) => !UNDERSTOOD.includes(child.name));
    for (const { name: kind } of others) if (AREAS.includes(kind)) leftOut.add(`a shape of ${what}`, onlyKept(kind));
    const fields = besides(image.attributes, "id", "name", "width", "height");
    const elements = others.map((each) => otherOf(each));
    const kept = foreignOf(CVAT, { ...fields, ...(elements.length > 0 && { elements }) });
    const read = { name, ...size, objects, ...kept };
    boxes.push(...boxesOf(read, detections));
    return read;
  });
  const classes = labels.flatMap((label) => childrenOf(label, "name").map((name) => name.text));
  const ofClasses = new Map<string, Foreign>();
  for (const label of labels) {
    const [name, type, ofObjects] = ["name", "type", "attributes"].map((each) => childrenOf(label, each)[0]);
    const definitions = childrenOf(ofObjects).map((each) => otherOf(each));
    // what is a mask here may have been drawn as a polygon there
    const fields = {
      ...(type?.text === "any" && { type: "any" }),
      ...(definitions.length > 0 && { attributes: definitions }),
    };
    const { foreign } = foreignOf(CVAT, fields);
    if (name && foreign) ofClasses.set(name.text, foreign);
  }
  return { project: projectOf(classes, images, ofClasses), boxes, leftOut: leftOut.lines };
}

/** Elements of an image that are masks and boxes here. */
const UNDERSTOOD = ["mask", "polygon", "box"];

/** Other elements that are areas. */
const AREAS = ["ellipse", "cuboid"];

/** What a shape says beyond what the page understands; what every shape says is left out. */
function saidOf({ attributes: fields, children }: XmlElement): WithForeign {
  const place = ["left", "top", "width", "height", "z_order", "xtl", "ytl", "xbr", "ybr", "rotation"];
  const own = ["label", "rle", "points", ...place];
  const said = Object.entries(besides(fields, ...own)).filter(
    ([name, value]) => !(name === "occluded" && value === "0") && !(name === "source" && value === "semi-auto"),
  );
  const elements = childrenOf({ children }).map((each) => otherOf(each));
  return foreignOf(CVAT, { ...Object.fromEntries(said), ...(elements.length > 0 && { elements }) });
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
