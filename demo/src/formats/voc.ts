/** Pascal VOC's XML: a file for each picture, with boxes. Some tools count pixels from 1; a box is told apart all the same. */
import type { XmlElement } from "@rgrove/parse-xml";
import type { Detection } from "../labels/detections.ts";
import { shown } from "./errors.ts";
import { NO_LABELS, pathBeside, type ReadLabels, sizeOf } from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";

const childOf = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find(
    (child): child is XmlElement => child.type === "element" && (child as XmlElement).name === name,
  );

const textOf = (element: XmlElement | undefined, name: string): string => childOf(element, name)?.text.trim() ?? "";

/**
 * Reads the file of a picture, whose root is `annotation`.
 *
 * @param path of the file: the picture's is like it
 * @throws ImportError
 */
export function fromVoc(path: string, annotation: XmlElement): ReadLabels {
  const name = pathBeside(path, textOf(annotation, "filename"));
  const size = childOf(annotation, "size");
  const { width, height } = sizeOf(
    Number(textOf(size, "width")),
    Number(textOf(size, "height")),
    `image ${shown(name)}`,
  );
  const objects = annotation.children.filter(
    (child): child is XmlElement => child.type === "element" && (child as XmlElement).name === "object",
  );
  const leftOut = new LeftOut();
  const detections = objects.flatMap((object, index): Detection[] => {
    const box = childOf(object, "bndbox");
    const shape = ["xmin", "ymin", "xmax", "ymax"].map((side) => Number.parseFloat(textOf(box, side)));
    if (shape.every(Number.isFinite)) return [{ className: textOf(object, "name") || "object", score: null, shape }];
    leftOut.add(`object ${index + 1} of ${shown(name)}`, "expected a box, got none");
    return [];
  });
  return {
    project: NO_LABELS,
    boxes: [{ name, size: { width, height }, unit: "pixels", detections }],
    leftOut: leftOut.lines,
  };
}
