/**
 * Label Studio's JSON (labelstud.io, "Brush labels"): a task for each picture, masks as brush strokes, exact.
 *
 * What else a file says of tasks, annotations and results, such as `meta`, and results of other kinds, are kept, and
 * written again in the annotations that they were in.
 */
import { decodeRle, encodeRle } from "sam2-web";
import { v4 as randomId } from "uuid";
import type { LabeledObject, Project } from "../labels/annotations.ts";
import type { DetectedImage, Detection } from "../labels/detections.ts";
import { type Fields, fieldsOf, foreignOf } from "../labels/foreign.ts";
import { distinct } from "../labels/names.ts";
import { fillPolygons } from "../masks/fill.ts";
import { fromBrush, toBrush } from "./brush-runs.ts";
import { ImportError, shown } from "./errors.ts";
import {
  besides,
  boxesOf,
  entry,
  objectOf,
  onlyKept,
  projectOf,
  type ReadImage,
  type ReadLabels,
  sizeOf,
} from "./labels-file.ts";
import { LeftOut } from "./left-out.ts";
import { aroundTurned } from "./turned.ts";

/** The name that fields are kept under. */
const LABEL_STUDIO = "label-studio";

/** What is kept of a task: fields of it, of its data and of its annotations, each with the results of other kinds. */
interface TaskFields {
  readonly task?: Fields;
  readonly data?: Fields;
  /** The field of the data that names the picture. */
  readonly key?: string;
  readonly annotations?: readonly { readonly fields: Fields; readonly others: readonly Fields[] }[];
}

/** What is kept of a result: fields of it, the annotation that it is in, and its further labels. */
interface ResultFields {
  readonly fields?: Fields;
  readonly annotation?: number;
  readonly labels?: readonly unknown[];
}

/** The tasks. */
export function toLabelStudio({ images }: Project): object {
  const names = distinct(images.map(({ name }) => name));
  return images.map((image, i) => {
    const { width, height, objects } = image;
    const { task, data, key = "image", annotations = [] } = fieldsOf(image, LABEL_STUDIO) as TaskFields;
    const results = objects.map((object) => {
      const { fields, annotation = 0, labels = [] } = fieldsOf(object, LABEL_STUDIO) as ResultFields;
      const result = {
        id: randomId().slice(0, 10),
        from_name: "tag",
        to_name: "image",
        image_rotation: 0,
        ...fields,
        type: "brushlabels",
        original_width: width,
        original_height: height,
        value: { format: "rle", rle: toBrush(decodeRle(object.rle)), brushlabels: [object.className, ...labels] },
      };
      return { result, annotation };
    });
    const last = Math.max(annotations.length, 1) - 1;
    return {
      id: i + 1,
      ...task,
      data: { ...data, [key]: names[i] },
      annotations: Array.from({ length: last + 1 }, (_, at) => {
        const { fields, others = [] } = annotations[at] ?? {};
        const inIt = results.filter(({ annotation }) => Math.min(annotation, last) === at);
        return { ...fields, result: [...inIt.map(({ result }) => result), ...others] };
      }),
    };
  });
}

/** Whether JSON is of this format. */
export function isLabelStudio(file: unknown): file is unknown[] {
  const [first] = Array.isArray(file) ? file : [];
  return typeof first === "object" && first !== null && "annotations" in first && "data" in first;
}

/** Kinds of results that become objects. */
const KINDS: readonly string[] = ["brushlabels", "polygonlabels", "rectanglelabels"];

/** Reads brush strokes and polygons; boxes too. A picture without a result has no size, and is left out. @throws ImportError */
export function fromLabelStudio(tasks: readonly unknown[]): ReadLabels {
  const leftOut = new LeftOut();
  const boxes: DetectedImage[] = [];
  const images = tasks.flatMap((each): ReadImage[] => {
    const task = entry(each, "tasks");
    const data = entry(task.data, `task ${shown(task.id)}: data`);
    const [key, path] = pathIn(data);
    const annotations = (Array.isArray(task.annotations) ? task.annotations : []).map((annotation) => {
      const { result, ...fields } = entry(annotation, "annotations");
      return { fields: besides(fields), others: [] as Fields[], result: Array.isArray(result) ? result : [] };
    });
    const results = annotations.flatMap(({ result, others }, annotation) =>
      result.map((one) => ({ ...entry(one, "result"), annotation, others }) as Result),
    );
    if (results.length === 0) return [];
    const sized = results.find((result) => result.original_width !== undefined);
    const size = leftOut.try(`task ${shown(task.id)}`, () => sizeOf(sized?.original_width, sized?.original_height));
    if (!size) return [];
    const related = new Set(results.flatMap(({ from_id, to_id }) => [from_id, to_id]));
    const detections: Detection[] = [];
    const objects = results.flatMap(({ annotation, others, ...result }): LabeledObject[] => {
      const read = (): LabeledObject | null => {
        const isCancelled = annotations[annotation]?.fields.was_cancelled === true;
        if (isCancelled || !KINDS.includes(String(result.type))) {
          others.push(besides(result));
          if (!isCancelled && result.type === "ellipselabels") throw new ImportError(onlyKept(result.type));
          return null;
        }
        const value = entry(result.value, "value");
        const labels = value[result.type as string];
        const [first, ...more] = Array.isArray(labels) ? labels : ["object"];
        const className = String(first);
        const kept = foreignOf(LABEL_STUDIO, saidOf(result, annotation, more, related.has(result.id)));
        if (result.type === "rectanglelabels") {
          const [x, y, wide, high] = ["x", "y", "width", "height"].map((side) => Number(value[side]) / 100) as [
            number,
            number,
            number,
            number,
          ];
          const [left, top] = [x * size.width, y * size.height];
          const box = [left, top, left + wide * size.width, top + high * size.height] as const;
          const turn = Number(value.rotation ?? 0);
          const shape = turn === 0 ? box : aroundTurned(box, turn, [left, top]);
          detections.push({ className, score: typeof result.score === "number" ? result.score : null, shape, ...kept });
          return null;
        }
        if (result.type === "brushlabels" && Array.isArray(value.rle)) {
          const rle = encodeRle(fromBrush(value.rle, size.width, size.height));
          return { ...objectOf(className, rle), ...kept };
        }
        if (result.type === "polygonlabels" && Array.isArray(value.points)) {
          // in hundredths of the sides
          const ring = (value.points as [number, number][]).flatMap(([x, y]) => [
            (x * size.width) / 100,
            (y * size.height) / 100,
          ]);
          return { ...objectOf(className, fillPolygons([ring], size.width, size.height)), ...kept };
        }
        others.push(besides(result));
        return null;
      };
      return leftOut.list(`a result of task ${shown(task.id)}`, read);
    });
    const name = pictureIn(path);
    const kept: TaskFields = {
      ...some("task", besides(task, "id", "data", "annotations")),
      ...some("data", besides(data, key)),
      ...(key !== "image" && { key }),
      ...some(
        "annotations",
        annotations.map(({ fields, others }) => ({ fields, others })),
        isSaid(annotations),
      ),
    };
    const image = { name, ...size, objects, ...foreignOf(LABEL_STUDIO, { ...kept }) };
    boxes.push(...boxesOf(image, detections));
    return [image];
  });
  return { project: projectOf([], images), boxes, leftOut: leftOut.lines };
}

/** What a picture's path or address is like, among other texts. */
const LIKE_A_PICTURE = /^(?:\/data\/|\w+:\/\/)|\.(?:jpe?g|png|webp|gif|bmp|avif|hei[cf]|tiff?)$/i;

/** The field of a task's data that names the picture, and what it says. */
function pathIn(data: Fields): readonly [key: string, path: string] {
  const texts = Object.entries(data).filter((each): each is [string, string] => typeof each[1] === "string");
  const named = texts.find(([key]) => key === "image") ?? texts.find(([, text]) => LIKE_A_PICTURE.test(text));
  return named ?? texts[0] ?? ["image", ""];
}

/** The picture's name in the path or the address of a task: folders are part of it where they are the set's own. */
function pictureIn(path: string): string {
  // buckets have names that are not quoted
  const isAddress = /^(?:https?:\/\/|\/data\/)/i.test(path);
  const local = isAddress ? /\/data\/local-files\/\?(?:.*&)?d=([^&]*)/.exec(path)?.[1] : undefined;
  if (local !== undefined) return unquoted(local).replace(/^\/+/, "");
  const plain = isAddress ? path.replace(/[?#].*/, "") : path;
  // an upload's name has an id before it
  const upload = /^(?:.*\/)?data\/upload\/(?:\d+\/)?(?:[0-9a-f]{8}-)?([^/]+)$/.exec(plain)?.[1];
  const name = upload ?? plain.replace(/^(?:\/|\w+:).*\//, "");
  return isAddress ? unquoted(name) : name;
}

/** Part of an address without its %xx; as it is, if that is no text. */
function unquoted(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A result, the annotation that it is in, and where results of other kinds are collected. */
type Result = Record<string, unknown> & { readonly annotation: number; readonly others: Fields[] };

/** A field, if there is something in it. */
function some(name: string, value: object, isWanted: boolean = Object.keys(value).length > 0): Fields {
  return isWanted ? { [name]: value } : {};
}

/** Whether annotations say more than a single one with masks does. */
function isSaid(annotations: readonly { readonly fields: Fields; readonly others: readonly Fields[] }[]): boolean {
  return annotations.length > 1 || annotations.some((each) => Object.keys(each.fields).length + each.others.length > 0);
}

/** What a result says beyond what the page understands; its id, if a relation names it. */
function saidOf(result: Fields, annotation: number, labels: readonly unknown[], isNamed: boolean): Fields {
  const own = isNamed ? [] : ["id"];
  const { from_name, to_name, ...fields } = besides(
    result,
    ...own,
    "type",
    "value",
    "original_width",
    "original_height",
  );
  const isBrush = result.type === "brushlabels";
  const said = {
    ...(fields.image_rotation === 0 ? besides(fields, "image_rotation") : fields),
    // what was a polygon or a box becomes a brush, which is another tag there
    ...(isBrush && from_name !== "tag" && { from_name }),
    ...(to_name !== "image" && { to_name }),
  };
  return { ...some("fields", besides(said)), ...(annotation > 0 && { annotation }), ...some("labels", labels) };
}
