/** Boxes as a table, as detectors and spreadsheets write them: a line for each, with a line of names above. */
import Papa from "papaparse";
import type { DetectedImage, Detection } from "../labels/detections.ts";
import { ImportError } from "./errors.ts";
import { NO_LABELS, type ReadLabels } from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";

/** What columns are called, without regard to case and signs. */
const COLUMNS = {
  image: ["image", "filename", "file", "imagename", "imagepath", "imageid", "path", "name"],
  x1: ["x1", "xmin", "left"],
  y1: ["y1", "ymin", "top"],
  x2: ["x2", "xmax", "right"],
  y2: ["y2", "ymax", "bottom"],
  x: ["x", "bboxx", "left", "xmin", "x1"],
  y: ["y", "bboxy", "top", "ymin", "y1"],
  width: ["w", "boxwidth", "bboxwidth", "bboxw", "width"],
  height: ["h", "boxheight", "bboxheight", "bboxh", "height"],
  className: ["class", "label", "category", "classname", "labelname", "categoryname"],
  score: ["score", "confidence", "conf", "probability"],
} as const;

/** Reads a table; boxes have two corners, or one with width and height, in pixels. @throws ImportError */
export function fromCsv(text: string): ReadLabels {
  const { data, meta } = Papa.parse<Record<string, string>>(text, {
    header: true,
    skipEmptyLines: "greedy",
    transformHeader: (name) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, ""),
  });
  const fields = meta.fields ?? [];
  const column = (what: keyof typeof COLUMNS): string | undefined =>
    COLUMNS[what].find((name) => fields.includes(name));
  const [image, x1, y1, x2, y2] = (["image", "x1", "y1", "x2", "y2"] as const).map(column);
  const [x, y, wide, high, className, score] = (["x", "y", "width", "height", "className", "score"] as const).map(
    column,
  );
  const cellOf = (row: Readonly<Record<string, string>>, name: string | undefined): string =>
    name === undefined ? "" : (row[name]?.trim() ?? "");
  const corners = [x1, y1, x2, y2];
  const sides = [x, y, wide, high];
  const isComplete = (names: readonly (string | undefined)[]): names is readonly string[] => !names.includes(undefined);
  const read = isComplete(corners) ? corners : isComplete(sides) ? sides : null;
  if (image === undefined || !read) {
    throw new ImportError(
      `expected a table with the columns image, x1, y1, x2 and y2, or image, x, y, width and height; got ${fields.slice(0, 12).join(", ").slice(0, 120) || "none"}`,
    );
  }
  const leftOut = new LeftOut();
  const images = new Map<string, Detection[]>();
  for (const [index, row] of data.entries()) {
    const numbers = read.map((name) => (cellOf(row, name) === "" ? Number.NaN : Number(cellOf(row, name))));
    if (!numbers.every(Number.isFinite)) {
      const got = read.map((name) => cellOf(row, name)).join(", ");
      leftOut.add(`line ${index + 2}`, `expected four numbers, got ${got.slice(0, 80)}`);
      continue;
    }
    const [a, b, c, d] = numbers as [number, number, number, number];
    const name = cellOf(row, image);
    const detections = images.get(name) ?? [];
    images.set(name, detections);
    const given = cellOf(row, score);
    detections.push({
      className: cellOf(row, className) || "object",
      score: given !== "" && Number.isFinite(Number(given)) ? Number(given) : null,
      shape: read === corners ? [a, b, c, d] : [a, b, a + c, b + d],
    });
  }
  const boxes = [...images].map(
    ([name, detections]): DetectedImage => ({ name, size: null, unit: "pixels", detections }),
  );
  return { project: NO_LABELS, boxes, leftOut: leftOut.lines };
}
