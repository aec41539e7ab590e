/** Each adapter with its real library and a real segmenter. */
import { createImageAnnotator, type ImageAnnotation, type ImageAnnotator } from "@annotorious/annotorious";
import Konva from "konva";
import OpenSeadragon from "openseadragon";
import { mountSam2, toSelector } from "sam2-adapters/annotorious";
import { createMaskShape, setMask } from "sam2-adapters/konva";
import { type RegionMask, segmentRegions } from "sam2-adapters/openseadragon";
import { createSegmenter, type Mask, maskBox, Sam2Error, type Segmenter } from "sam2-web";
import { afterAll, afterEach, beforeAll, expect, type Mock, test, vi } from "vitest";

const FILES = import.meta.glob<string>("../../../models/reference/fixtures/{toy,photo}/*", {
  query: "?url",
  import: "default",
  eager: true,
});

function address(name: string): string {
  return Object.entries(FILES).find(([path]) => path.endsWith(`/${name}`))?.[1] ?? expect.fail(`no fixture ${name}`);
}

const PHOTO = address("photo/truck.png");
let segmenter: Segmenter;
beforeAll(async () => {
  const config = await (await fetch(address("toy/config.json"))).blob();
  const weights = [await (await fetch(address("toy/model.safetensors"))).blob()];
  segmenter = await createSegmenter({ device: "wasm", model: { id: "toy", config, weights } });
});
afterAll(() => segmenter.dispose());
afterEach(() => document.body.replaceChildren());

/** A frame of 60×40 with a hole, and a dot beside it. */
function frame(): Mask {
  const mask = { data: new Uint8Array(100 * 80), width: 100, height: 80 };
  for (let y = 10; y < 50; y++) mask.data.fill(1, y * 100 + 10, y * 100 + 70);
  for (let y = 20; y < 40; y++) mask.data.fill(0, y * 100 + 20, y * 100 + 60);
  mask.data.fill(1, 70 * 100 + 90, 70 * 100 + 95);
  return mask;
}

// -- Annotorious ----------------------------------------------------------------------------------

test("a mask as a selector: a polygon, or several with holes, or none", () => {
  const whole = { data: new Uint8Array(12).fill(1), width: 4, height: 3 };
  expect(toSelector(whole)).toEqual({
    type: "POLYGON",
    geometry: {
      points: [
        [4, 0],
        [4, 3],
        [0, 3],
        [0, 0],
      ],
      bounds: { minX: 0, minY: 0, maxX: 4, maxY: 3 },
    },
  });
  expect(toSelector(frame(), 0)).toMatchObject({
    type: "MULTIPOLYGON",
    geometry: {
      polygons: [{ rings: [{}, {}], bounds: { minX: 10, minY: 10, maxX: 70, maxY: 50 } }, { rings: [{}] }],
      bounds: { minX: 10, minY: 10, maxX: 95, maxY: 71 },
    },
  });
  expect(toSelector({ data: new Uint8Array(12), width: 4, height: 3 })).toBeNull();
});

/** The photo with an annotator, and what clicks on it, at pixels of the image. */
async function annotated(): Promise<{
  annotator: ImageAnnotator;
  click: (x: number, y: number, keys?: MouseEventInit) => void;
}> {
  const picture = document.body.appendChild(document.createElement("img"));
  picture.src = PHOTO;
  picture.width = 300;
  await picture.decode();
  const annotator = createImageAnnotator(picture);
  const scale = picture.naturalWidth / 300;
  const click = (x: number, y: number, keys: MouseEventInit = {}): void => {
    const { left, top } = picture.getBoundingClientRect();
    const at = { clientX: left + x / scale, clientY: top + y / scale };
    const target = document.elementFromPoint(at.clientX, at.clientY) ?? expect.fail("nothing there");
    target.dispatchEvent(new MouseEvent("click", { bubbles: true, ...at, ...keys }));
  };
  return { annotator, click };
}

test("Annotorious: a click makes an annotation, Shift goes on with it, undo takes it back; switched off, nothing", async () => {
  const { annotator, click } = await annotated();
  const created: ImageAnnotation[] = [];
  annotator.on("createAnnotation", (annotation) => created.push(annotation));
  const plugin = mountSam2(annotator, { segmenter, onError: (error) => expect.fail(error.message) });
  click(100, 60);
  await expect.poll(() => annotator.getAnnotations().length).toBe(1);
  const blob = await (await fetch(PHOTO)).blob();
  const result = await segmenter.segment({ image: blob, point_coords: [[100, 60]], point_labels: [1] });
  const { bounds } = (annotator.getAnnotations()[0] as ImageAnnotation).target.selector.geometry;
  const [left, top, width, height] = maskBox(result.mask());
  expect(bounds.minX).toBeCloseTo(left, -1);
  expect(bounds.maxX).toBeCloseTo(left + width, -1);
  expect(bounds.maxY).toBeCloseTo(top + height, -1);
  expect(annotator.getSelected()).toHaveLength(1);
  const before = JSON.stringify(annotator.getAnnotations()[0]?.target.selector);
  click(20, 20, { shiftKey: true });
  await expect.poll(() => JSON.stringify(annotator.getAnnotations()[0]?.target.selector)).not.toBe(before);
  expect(annotator.getAnnotations()).toHaveLength(1);
  // Annotorious undoes what happened within a quarter of a second as one step
  await new Promise((resolve) => setTimeout(resolve, 500));
  click(150, 30);
  await expect.poll(() => annotator.getAnnotations().length).toBe(2);
  expect(created.length).toBeGreaterThan(0);
  annotator.undo();
  expect(annotator.getAnnotations()).toHaveLength(1);
  plugin.setEnabled(false);
  expect(annotator.isDrawingEnabled()).toBe(true);
  click(60, 60);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(annotator.getAnnotations()).toHaveLength(1);
  plugin.destroy();
  annotator.destroy();
});

test("Annotorious: each click's object is kept, also when others are clicked before its answer", async () => {
  const { annotator, click } = await annotated();
  const answers: ((side: number) => Promise<void>)[] = [];
  const slow = {
    segment: () =>
      new Promise((resolve) => {
        answers.push(async (side) => {
          resolve({ mask: () => ({ data: new Uint8Array(side ** 2).fill(1), width: side, height: side }) });
          await new Promise((told) => setTimeout(told));
        });
      }),
  } as unknown as Segmenter;
  const plugin = mountSam2(annotator, { segmenter: slow, onError: (error) => expect.fail(error.message) });
  const sides = (): number[] =>
    annotator.getAnnotations().map(({ target }) => (target as ImageAnnotation["target"]).selector.geometry.bounds.maxX);
  const selected = (): string[] => annotator.getSelected().map(({ id }) => id);

  click(100, 60);
  click(20, 20);
  await answers[0]?.(10);
  expect([sides(), selected()]).toEqual([[10], []]);
  await answers[1]?.(11);
  const second = annotator.getAnnotations()[1]?.id ?? expect.fail("no second annotation");
  expect([sides(), selected()]).toEqual([[10, 11], [second]]);

  // of several clicks on one object, the last one's answer stays, whichever comes last
  click(30, 30, { shiftKey: true });
  click(40, 40, { shiftKey: true });
  click(100, 60);
  await answers[3]?.(13);
  await answers[2]?.(12);
  expect(sides()).toEqual([10, 13]);
  await answers[4]?.(14);
  expect(sides()).toEqual([10, 13, 14]);

  // what is deleted does not come back
  click(50, 50, { altKey: true });
  annotator.removeAnnotation(annotator.getAnnotations()[2]?.id ?? "");
  await answers[5]?.(15);
  expect(sides()).toEqual([10, 13]);
  plugin.destroy();
  annotator.destroy();
});

test("Annotorious: an annotator over no picture is refused", () => {
  const annotator = { element: document.createElement("div") } as unknown as ImageAnnotator;
  expect(() => mountSam2(annotator, { segmenter })).toThrow(expect.objectContaining({ name: "InvalidImageError" }));
});

// -- Konva ----------------------------------------------------------------------------------------

test("Konva: the mask is drawn with its hole, hit where it is, and follows another mask", () => {
  const container = document.body.appendChild(document.createElement("div"));
  const stage = new Konva.Stage({ container, width: 200, height: 160 });
  const layer = new Konva.Layer();
  stage.add(layer);
  const shape = createMaskShape(frame(), { fill: "#ff0000", scale: { x: 2, y: 2 }, tolerance: 0 });
  layer.add(shape);
  layer.draw();
  const at = (x: number, y: number): number[] => {
    const context = layer.getNativeCanvasElement().getContext("2d") ?? expect.fail("no canvas");
    return [...context.getImageData(x * devicePixelRatio, y * devicePixelRatio, 1, 1).data];
  };
  const isHit = (x: number, y: number): boolean => stage.getIntersection({ x, y }) === shape;
  expect([at(30, 30), at(80, 60), at(184, 141)]).toEqual([
    [255, 0, 0, 255],
    [0, 0, 0, 0],
    [255, 0, 0, 255],
  ]);
  expect([isHit(30, 30), isHit(80, 60), isHit(5, 5)]).toEqual([true, false, false]);
  setMask(shape, { data: new Uint8Array(100 * 80).fill(1), width: 100, height: 80 }, 0);
  layer.draw();
  expect([at(80, 60), isHit(80, 60)]).toEqual([[255, 0, 0, 255], true]);
  stage.destroy();
});

// -- OpenSeadragon --------------------------------------------------------------------------------

/** A viewer on the photo's right lower quarter and a little around it, and what clicks on it, at pixels of the page. */
async function viewed(): Promise<{
  viewer: OpenSeadragon.Viewer;
  item: OpenSeadragon.TiledImage;
  click: (x: number, y: number, keys?: MouseEventInit) => void;
}> {
  const element = document.body.appendChild(document.createElement("div"));
  Object.assign(element.style, { width: "400px", height: "300px" });
  const viewer = OpenSeadragon({
    element,
    drawer: "canvas",
    tileSources: { type: "image", url: PHOTO },
    showNavigationControl: false,
    immediateRender: true,
    animationTime: 0,
  });
  await new Promise((resolve) => viewer.addOnceHandler("open", resolve));
  const item = viewer.world.getItemAt(0);
  const { x: width, y: height } = item.getContentSize();
  viewer.viewport.fitBounds(item.imageToViewportRectangle(width / 2, height / 2, width / 2, height / 2), true);
  await expect.poll(() => item.getFullyLoaded()).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const click = (x: number, y: number, keys: MouseEventInit = {}): void => {
    const { left, top } = viewer.canvas.getBoundingClientRect();
    const init = {
      clientX: left + x,
      clientY: top + y,
      pointerId: 1,
      pointerType: "mouse",
      isPrimary: true,
      bubbles: true,
    };
    viewer.canvas.dispatchEvent(new PointerEvent("pointerenter", { ...init, bubbles: false }));
    viewer.canvas.dispatchEvent(new PointerEvent("pointerdown", { ...init, button: 0, buttons: 1, ...keys }));
    viewer.canvas.dispatchEvent(new PointerEvent("pointerup", { ...init, button: 0, buttons: 0, ...keys }));
  };
  return { viewer, item, click };
}

test("OpenSeadragon: the region in view is segmented, and the mask stays where it is on the image", async () => {
  const { viewer, item, click } = await viewed();
  const masks: RegionMask[] = [];
  const cutouts: Blob[] = [];
  const failed: Error[] = [];
  const fail = (error: Error): unknown => failed.push(error);
  const overlay = segmentRegions(viewer, {
    segmenter,
    onMask: (mask) => {
      masks.push(mask);
      mask.result.cutout().then((cutout) => cutouts.push(cutout), fail);
    },
    onError: fail,
  });
  click(200, 150);
  await expect.poll(() => [masks.length, cutouts.length, failed]).toEqual([1, 1, []]);
  const [first] = masks as [RegionMask];
  // what was encoded is the view, not the image
  const view = viewer.canvas.querySelector("canvas") ?? expect.fail("no canvas");
  expect([first.result.width, first.result.height]).toEqual([view.width, view.height]);
  const corners = first.polygons.flatMap(({ outer }) => outer);
  const [boxLeft, boxTop, boxWidth, boxHeight] = maskBox(first.result.mask());
  const density = view.width / 400;
  const from = item.viewerElementToImageCoordinates(new OpenSeadragon.Point(boxLeft / density, boxTop / density));
  const to = item.viewerElementToImageCoordinates(
    new OpenSeadragon.Point((boxLeft + boxWidth) / density, (boxTop + boxHeight) / density),
  );
  expect(Math.min(...corners.map(([x]) => x))).toBeCloseTo(from.x, 0);
  expect(Math.max(...corners.map(([, y]) => y))).toBeCloseTo(to.y, 0);

  // drawn where it was found; after a zoom, where the image has gone
  const path = viewer.canvas.querySelector("svg path") as SVGPathElement;
  const origin = viewer.canvas.getBoundingClientRect();
  const drawn = (): number[] => {
    const { left, right } = path.getBoundingClientRect();
    return [left - origin.left, right - origin.left].map((value) => Math.round(value));
  };
  const expected = (): number[] =>
    [from, to].map(({ x }) => Math.round(item.imageToViewerElementCoordinates(new OpenSeadragon.Point(x, 0)).x));
  const near = (a: number[], b: number[]): boolean => a.every((value, i) => Math.abs(value - (b[i] as number)) <= 2);
  expect(near(drawn(), expected()), `${drawn()} is at ${expected()}`).toBe(true);
  const zoom = viewer.viewport.getZoom();
  viewer.viewport.zoomTo(zoom * 0.6, undefined, true);
  await expect.poll(() => near(drawn(), expected())).toBe(true);
  expect(viewer.viewport.getZoom()).toBeCloseTo(zoom * 0.6, 5);

  click(150, 100);
  await expect.poll(() => [masks.length, failed]).toEqual([2, []]);
  overlay.clear();
  expect(path.hasAttribute("d")).toBe(false);
  overlay.destroy();
  expect(viewer.canvas.querySelector("svg")).toBeNull();
  viewer.destroy();
});

test("OpenSeadragon: a click that fails leaves no image and no point behind", async () => {
  const { viewer, click } = await viewed();
  const labels: unknown[] = [];
  const releases: Mock[] = [];
  const failingOnce = {
    setImage: async (...given: Parameters<Segmenter["setImage"]>) => {
      const image = await segmenter.setImage(...given);
      releases.push(vi.spyOn(image, "release") as Mock);
      return image;
    },
    segment: (...given: Parameters<Segmenter["segment"]>) => {
      labels.push(given[0].point_labels);
      return labels.length === 1
        ? Promise.reject(new Sam2Error("DeviceError", "the decoder failed"))
        : segmenter.segment(...given);
    },
  } as unknown as Segmenter;
  const told: string[] = [];
  const overlay = segmentRegions(viewer, {
    segmenter: failingOnce,
    onMask: () => told.push("mask"),
    onError: ({ name }) => told.push(name),
  });
  click(200, 150);
  await expect.poll(() => told).toEqual(["DeviceError"]);
  click(100, 100, { shiftKey: true });
  await expect.poll(() => told).toEqual(["DeviceError", "mask"]);
  expect(labels).toEqual([[1], [1]]);
  expect(releases.map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
  overlay.destroy();
  await expect.poll(() => releases.map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
  viewer.destroy();
});
