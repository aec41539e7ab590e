/** Writes a project in a format, as one file or as a zip of several. */
import { strToU8, type Zippable, zipSync } from "fflate";
import { cutOut, decodeRle, exportCanvas } from "sam2-web";
import type { LabeledImage, LabeledObject, Project } from "../labels/annotations.ts";
import { distinct, distinctStems, safe } from "../labels/names.ts";
import { type Progress, toCoco } from "./coco.ts";
import { toDatumaro } from "./datumaro.ts";
import { ExportError } from "./errors.ts";
import { toGeoJson } from "./geojson.ts";
import { toLabelStudio } from "./label-studio.ts";
import { toLabelme } from "./labelme.ts";
import { toMaskPng, toVocClasses, toVocLabelMap } from "./png.ts";
import { toSvg } from "./svg.ts";
import { toYolo, toYoloDataset } from "./yolo.ts";

/** The formats, and their names in the menu. */
export const FORMATS = {
  coco: "COCO JSON, RLE",
  "coco-polygons": "COCO JSON, polygons",
  yolo: "YOLO segmentation",
  voc: "Pascal VOC class PNG",
  masks: "PNG for each object",
  cutouts: "Cut-out for each object",
  labelme: "labelme JSON",
  cvat: "CVAT XML",
  "label-studio": "Label Studio JSON",
  datumaro: "Datumaro JSON",
  geojson: "GeoJSON",
  svg: "SVG",
  psd: "PSD, a layer for each object",
} as const;

/** Name of a format. */
export type Format = keyof typeof FORMATS;

/** A file to save. */
export interface ExportedFile {
  readonly name: string;
  readonly blob: Blob;
}

/** A file to save, and what is not in it. */
export interface WrittenFile extends ExportedFile {
  /** Names of the images whose pictures are not here: what takes their pixels is not in the file. */
  readonly missing: readonly string[];
}

const text = (value: unknown): Uint8Array => strToU8(typeof value === "string" ? value : `${JSON.stringify(value)}\n`);

const json = (name: string, content: object): WrittenFile => ({
  name,
  blob: new Blob([text(content) as Uint8Array<ArrayBuffer>], { type: "application/json" }),
  missing: [],
});

const eachObject = (
  image: LabeledImage,
  folder: string,
  write: (object: LabeledObject) => Uint8Array | Promise<Uint8Array>,
): Promise<[string, Uint8Array][]> =>
  Promise.all(
    image.objects.map(async (object, i): Promise<[string, Uint8Array]> => {
      const name = `${folder}/${i + 1}-${safe(object.className)}.png`;
      return [name, await write(object)];
    }),
  );

/** The pixels of a picture, RGBA. */
function pixelsOf(picture: ImageBitmap): ImageData {
  const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  if (!context) throw new ExportError("this browser has no canvas for the picture's pixels; choose another format");
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, picture.width, picture.height);
}

/**
 * Writes a project.
 *
 * @param pictureOf the picture of an image, for cut-outs and layers; without it, the file is written without them
 * @param only the id of the one image to write, by the name that it has among all: that finds it again
 * @throws ExportError when the format cannot hold it, or takes pictures of which none is here
 */
export async function exportProject(
  all: Project,
  format: Format,
  pictureOf: (id: string) => Promise<ImageBitmap | undefined>,
  onProgress?: Progress,
  only?: string,
): Promise<WrittenFile> {
  const names = distinct(all.images.map(({ name }) => name));
  const stems = distinctStems(names);
  const named = all.images
    .map((each, i) => ({ image: { ...each, name: names[i] as string }, name: stems[i] as string }))
    .filter(({ image }) => only === undefined || image.id === only);
  const project = { ...all, images: named.map(({ image }) => image) };
  if (format === "coco" || format === "coco-polygons") {
    const coco = toCoco(project, format === "coco" ? "rle" : "polygons", onProgress);
    return json("annotations.json", coco);
  }
  if (format === "datumaro") return json("default.json", toDatumaro(project));
  if (format === "label-studio") return json("tasks.json", toLabelStudio(project));
  if (format === "cvat") {
    const { toCvat } = await import("./cvat.ts");
    return { name: "annotations.xml", blob: new Blob([toCvat(project)], { type: "application/xml" }), missing: [] };
  }
  const files: Zippable = {};
  const missing: string[] = [];
  const withPicture = async ({ id, name }: LabeledImage, use: (picture: ImageBitmap) => unknown): Promise<void> => {
    const picture = await pictureOf(id);
    if (!picture) {
      missing.push(name);
      return;
    }
    try {
      await use(picture);
    } finally {
      picture.close();
    }
  };
  if (format === "voc") files["labelmap.txt"] = text(toVocLabelMap(project.classes));
  const { classes } = project;
  for (const [index, { image, name }] of named.entries()) {
    if (format === "yolo") files[`labels/${name}.txt`] = text(toYolo(image, classes));
    if (format === "labelme") files[`${name}.json`] = text(toLabelme(image));
    if (format === "geojson") files[`${name}.geojson`] = text(toGeoJson(image, classes));
    if (format === "svg") files[`${name}.svg`] = text(toSvg(image, classes));
    if (format === "voc") files[`SegmentationClass/${name}.png`] = toVocClasses(image, classes);
    if (format === "masks")
      Object.assign(
        files,
        Object.fromEntries(await eachObject(image, name, (object) => toMaskPng(object, image.name))),
      );
    if (format === "cutouts" && image.objects.length > 0) {
      await withPicture(image, async (picture) => {
        const write = async ({ rle }: LabeledObject): Promise<Uint8Array> => {
          const blob = await exportCanvas(cutOut(picture, decodeRle(rle)), "blob");
          return new Uint8Array(await blob.arrayBuffer());
        };
        Object.assign(files, Object.fromEntries(await eachObject(image, name, write)));
      });
    }
    if (format === "psd") {
      const { toPsd } = await import("./psd.ts");
      await withPicture(image, (picture) => {
        files[`${name}.psd`] = toPsd(image, pixelsOf(picture));
      });
    }
    onProgress?.(index + 1, project.images.length);
  }
  if (format === "yolo") files["data.yaml"] = text(toYoloDataset(project));
  const [first, ...more] = Object.entries(files);
  if (!first && missing.length > 0) {
    throw new ExportError(
      `expected pictures that are here, got none of ${missing.length}; open their folder, or choose a format without pixels`,
    );
  }
  if (first && more.length === 0) {
    const [path, bytes] = first;
    return { name: path.split("/").at(-1) as string, blob: new Blob([bytes as Uint8Array<ArrayBuffer>]), missing };
  }
  const zipped = zipSync(files, { level: 6 }) as Uint8Array<ArrayBuffer>;
  return { name: `${format}.zip`, blob: new Blob([zipped], { type: "application/zip" }), missing };
}
