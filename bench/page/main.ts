/** The measurements inside the browser: sam2-web, and for comparison transformers.js with the same weights. */
import { AutoProcessor, EdgeTamModel, env, RawImage, Sam2Model, Tensor } from "@huggingface/transformers";
import { contours } from "d3-contour";
import createPica from "pica";
import type { Dtype } from "sam2-contract";
import { nonMaximumSuppression, normalize, stretch } from "sam2-core";
import {
  createSegmenter,
  type DtypeChoice,
  encodeRle,
  type ModelSource,
  maskToPolygons,
  resizeMask,
  type Segmenter,
  type SegmenterImage,
} from "sam2-web";
import { readPixels } from "sam2-web/internals";
import peerMjs from "../../node_modules/@huggingface/transformers/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.mjs?url";
import peerWasm from "../../node_modules/@huggingface/transformers/node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm?url";
import { beside, type Comparison, compare, summary, timesInTurns } from "../measure.ts";
import { adapterHere, compareOnGpu } from "./gpu.ts";

/** A photograph at a size, as a JPEG. */
async function photo(megapixels: number): Promise<Blob> {
  const original = await createImageBitmap(await (await fetch("photo/truck.jpg")).blob());
  const scale = Math.sqrt((megapixels * 1e6) / (original.width * original.height));
  const canvas = new OffscreenCanvas(Math.round(original.width * scale), Math.round(original.height * scale));
  canvas.getContext("2d")?.drawImage(original, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}

const POINT = [900, 600] as const;
const click = (image: SegmenterImage) => ({ image, point_coords: [[...POINT]], point_labels: [1] });

interface Peer {
  readonly model: Sam2Model;
  // biome-ignore lint/suspicious/noExplicitAny: the library's own type of a processor
  readonly processor: any;
}

/** Tells transformers.js where its files are; by default it fetches them from the network. */
function configurePeer(threads: number): void {
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = new URL("peer/", location.href).pathname;
  const { wasm } = env.backends.onnx;
  if (wasm) {
    const address = (path: string): string => new URL(path, location.href).href;
    Object.assign(wasm, { numThreads: threads, wasmPaths: { mjs: address(peerMjs), wasm: address(peerWasm) } });
  }
}

async function openPeer(threads: number, name: "tiny" | "edgetam" = "tiny"): Promise<Peer> {
  configurePeer(threads);
  const options = { device: "wasm", dtype: "fp32" } as const;
  const kind = name === "tiny" ? Sam2Model : EdgeTamModel;
  const model = (await kind.from_pretrained(name, options)) as Sam2Model;
  return { model, processor: await AutoProcessor.from_pretrained(name, {}) };
}

/** One point of one object in the middle of the model's picture, as the peer takes it. */
const peerPoint = () => ({
  input_points: new Tensor("float32", Float32Array.of(512, 400), [1, 1, 1, 2]),
  input_labels: new Tensor("int64", BigInt64Array.of(1n), [1, 1, 1]),
});

/** The best of the peer's three masks. */
function bestMask({ pred_masks, iou_scores }: { pred_masks: Tensor; iou_scores: Tensor }): Tensor {
  const scores = [...(iou_scores.data as Float32Array)];
  const best = scores.indexOf(Math.max(...scores));
  const [height, width] = pred_masks.dims.slice(-2) as [number, number];
  const area = height * width;
  const logits = (pred_masks.data as Float32Array).subarray(best * area, (best + 1) * area);
  return new Tensor("float32", logits, [1, 1, 1, height, width]);
}

const open = (model: ModelSource, threads?: number, draft?: boolean, dtype?: DtypeChoice): Promise<Segmenter> =>
  createSegmenter({ model, device: "wasm", threads, draft, dtype });

/** Encodes a picture; milliseconds of the encoder alone. */
const encoding = (segmenter: Segmenter, picture: Blob) => async (): Promise<number> => {
  const image = await segmenter.setImage(picture);
  await image.release();
  return image.timings.encode;
};

/** The longest task of the page while `task` runs, in milliseconds; 0 if none took over 50 ms. */
async function longestTask<T>(task: () => Promise<T>): Promise<number> {
  const durations = [0];
  const observer = new PerformanceObserver((list) => durations.push(...list.getEntries().map((each) => each.duration)));
  observer.observe({ type: "longtask" });
  await task();
  await new Promise((resolve) => setTimeout(resolve, 200));
  observer.disconnect();
  return Math.max(...durations);
}

const bench = {
  /** Encoder and decoder of both libraries, measured in turns; milliseconds. */
  async models(threads: number, repeats: number): Promise<Record<"encode" | "decode" | "click12", Comparison>> {
    const peer = await openPeer(threads);
    const segmenter = await open("ours/model.json", threads);
    const picture = await photo(12);
    const url = URL.createObjectURL(picture);
    const raw = await RawImage.read(url);
    const inputs = await peer.processor(raw);
    const { pixel_values } = inputs;
    let embeddings = await peer.model.get_image_embeddings({ pixel_values });
    let image = await segmenter.setImage(picture);
    const encode = await compare(
      {
        ours: async () => {
          await image.release();
          image = await segmenter.setImage(picture);
          return image.timings.encode;
        },
        theirs: async () => {
          embeddings = await peer.model.get_image_embeddings({ pixel_values });
        },
      },
      repeats,
    );
    const point = peerPoint();
    const ask = () => peer.model({ ...embeddings, ...point });
    const decode = await compare({ ours: () => segmenter.segment(click(image)), theirs: ask }, 4 * repeats);
    const click12 = await compare(
      {
        ours: async () => (await segmenter.segment(click(image))).mask(),
        theirs: async () => {
          const mask = bestMask(await ask());
          return peer.processor.post_process_masks(mask, inputs.original_sizes, inputs.reshaped_input_sizes);
        },
      },
      2 * repeats,
    );
    await segmenter.dispose();
    await peer.model.dispose();
    return { encode, decode, click12 };
  },

  /** Encoder and decoder of EdgeTAM, beside the peer's and beside SAM 2.1 tiny, in turns; milliseconds. */
  async edgetam(
    threads: number,
    repeats: number,
  ): Promise<Record<"encode" | "decode", Record<"peer" | "tiny", Comparison>>> {
    const peer = await openPeer(threads, "edgetam");
    const ours = await open("edgetam/model.json", threads);
    const tiny = await open("ours/model.json", threads);
    const picture = await photo(2);
    const { pixel_values } = await peer.processor(await RawImage.read(URL.createObjectURL(picture)));
    const encoded = await timesInTurns(
      {
        ours: encoding(ours, picture),
        peer: () => peer.model.get_image_embeddings({ pixel_values }),
        tiny: encoding(tiny, picture),
      },
      repeats,
    );
    const embeddings = await peer.model.get_image_embeddings({ pixel_values });
    const [image, tinyImage] = [await ours.setImage(picture), await tiny.setImage(picture)];
    const point = peerPoint();
    const decoded = await timesInTurns(
      {
        ours: () => ours.segment(click(image)),
        peer: () => peer.model({ ...embeddings, ...point }),
        tiny: () => tiny.segment(click(tinyImage)),
      },
      4 * repeats,
    );
    await Promise.all([ours.dispose(), tiny.dispose(), peer.model.dispose()]);
    const both = (times: typeof encoded): Record<"peer" | "tiny", Comparison> => ({
      peer: beside(times.ours, times.peer),
      tiny: beside(times.ours, times.tiny),
    });
    return { encode: both(encoded), decode: both(decoded) };
  },

  /** The encoder in int8, beside fp32 and beside the peer's fp32; milliseconds. */
  async int8(threads: number, repeats: number): Promise<Record<"fp32" | "peer", Comparison>> {
    const peer = await openPeer(threads);
    const whole = await open({ checkpoint: "checkpoint/" }, threads, false, "int8");
    const float = await open("ours/model.json", threads);
    const picture = await photo(2);
    const url = URL.createObjectURL(picture);
    const { pixel_values } = await peer.processor(await RawImage.read(url));
    const theirs = () => peer.model.get_image_embeddings({ pixel_values });
    const times = await timesInTurns(
      { ours: encoding(whole, picture), fp32: encoding(float, picture), peer: theirs },
      repeats,
    );
    await Promise.all([whole.dispose(), float.dispose(), peer.model.dispose()]);
    return { fp32: beside(times.ours, times.fp32), peer: beside(times.ours, times.peer) };
  },

  /** Opening a checkpoint whose converted form is kept, beside opening ready ONNX files of a dtype, cached; milliseconds. */
  async kept(checkpoint: string, onnx: string, dtype: Dtype, repeats: number): Promise<Comparison> {
    const opening = (model: ModelSource) => async (): Promise<number> => {
      const start = performance.now();
      const segmenter = await open(model, undefined, false, dtype);
      const taken = performance.now() - start;
      await segmenter.dispose();
      return taken;
    };
    return compare({ ours: opening({ checkpoint }), theirs: opening(onnx) }, repeats);
  },

  /** From a click to its mask on the screen, for a photo of this many megapixels; milliseconds of each part. */
  async click(megapixels: number, repeats: number): Promise<Record<string, Comparison>> {
    const segmenter = await open("mini/model.json");
    const image = await segmenter.setImage(await photo(megapixels));
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    document.body.append(canvas);
    const context = canvas.getContext("2d") as CanvasRenderingContext2D;
    const parts: Record<string, number[]> = { total: [], decode: [], transfer: [], upsampling: [], paint: [] };
    for (let round = -2; round < repeats; round++) {
      const start = performance.now();
      const result = await segmenter.segment(click(image));
      const answered = performance.now();
      const mask = result.mask();
      const resized = performance.now();
      const pixels = context.createImageData(mask.width, mask.height);
      const words = new Uint32Array(pixels.data.buffer);
      for (let i = 0; i < words.length; i++) words[i] = mask.data[i] ? 0x80ff8000 : 0;
      context.putImageData(pixels, 0, 0);
      const painted = performance.now();
      if (round < 0) continue;
      parts.total?.push(painted - start);
      parts.decode?.push(result.decodeTime);
      parts.transfer?.push(answered - start - result.decodeTime);
      parts.upsampling?.push(resized - answered);
      parts.paint?.push(painted - resized);
    }
    canvas.remove();
    await segmenter.dispose();
    return Object.fromEntries(Object.entries(parts).map(([name, times]) => [name, summary(times)]));
  },

  /** Milliseconds from opening a model to its readiness and to the first mask; and the page's longest task meanwhile. */
  async firstMask(model: ModelSource): Promise<{ ready: number; first: number; longest: number }> {
    const picture = await photo(2);
    const times = { ready: 0, first: 0 };
    const longest = await longestTask(async () => {
      const start = performance.now();
      const segmenter = await open(model);
      times.ready = performance.now() - start;
      const image = await segmenter.setImage(picture);
      (await segmenter.segment(click(image))).mask();
      times.first = performance.now() - start;
      await segmenter.dispose();
    });
    return { ...times, longest };
  },

  /** Milliseconds from a picture to its first mask, with a draft and without; the model is open already. */
  async draft(repeats: number): Promise<Comparison> {
    const picture = await photo(2);
    const drafted = await open({ checkpoint: "checkpoint/" }, undefined, true);
    const plain = await open({ checkpoint: "checkpoint/" });
    const first = (segmenter: Segmenter) => async (): Promise<number> => {
      const start = performance.now();
      const image = await segmenter.setImage(picture);
      (await segmenter.segment(click(image))).mask();
      const taken = performance.now() - start;
      await image.refined;
      await image.release();
      return taken;
    };
    const result = await compare({ ours: first(drafted), theirs: first(plain) }, repeats);
    await drafted.dispose();
    await plain.dispose();
    return result;
  },

  async everything(side: number): Promise<{ seconds: number; masks: number; batches: number[] }> {
    const segmenter = await open("mini/model.json");
    const image = await segmenter.setImage(await photo(2));
    const batches: number[] = [];
    const start = performance.now();
    const masks = await segmenter.segmentEverything(image, {
      points_per_side: side,
      pred_iou_thresh: 0.4,
      stability_score_thresh: 0.75,
      onProgress: () => batches.push(performance.now() - start),
    });
    const seconds = (performance.now() - start) / 1000;
    await segmenter.dispose();
    return { seconds, masks: masks.length, batches };
  },

  /** Opens a model and sets images one after the other; `window.disposeOfIt` then disposes of the model. */
  async work(images: number): Promise<void> {
    const segmenter = await open("mini/model.json");
    const picture = await photo(2);
    for (let i = 0; i < images; i++) {
      const image = await segmenter.setImage(picture);
      (await segmenter.segment(click(image))).mask();
      await image.release();
    }
    Object.assign(window, { disposeOfIt: () => segmenter.dispose() });
  },

  /** Steps that need no model, compared with packages from npm; milliseconds. */
  async kernels(repeats: number): Promise<Record<string, Comparison & { elements: number; peer?: string }>> {
    const bitmap = await createImageBitmap(await photo(12));
    const pixels = readPixels(bitmap);
    const pica = createPica({ features: ["js", "wasm"] });
    const toSize = Object.assign(document.createElement("canvas"), { width: 1024, height: 1024 });
    const source = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
    source.getContext("2d")?.drawImage(bitmap, 0, 0);
    const side = 256;
    const logits = Float32Array.from({ length: side * side }, (_, i) => {
      const [x, y] = [(i % side) / side - 0.5, Math.floor(i / side) / side - 0.5];
      return 8 * (0.3 + 0.08 * Math.sin(9 * Math.atan2(y, x)) - Math.hypot(x, y));
    });
    const { width, height } = bitmap;
    const mask = resizeMask(logits, side, width, height);
    const low = new Tensor("float32", logits, [1, 1, side, side]);
    configurePeer(1);
    const { interpolate_4d } = await import("@huggingface/transformers");
    // the contour of a mask of moderate size: d3-contour's ring of marching squares
    const small = resizeMask(logits, side, 1024, 1024);
    const values = Array.from(small.data);
    const boxes = Array.from({ length: 2000 }, (_, i): [number, number, number, number] => {
      const [x, y] = [(i * 7919) % 900, (i * 104729) % 900];
      return [x, y, x + 40 + (i % 60), y + 40 + (i % 50)];
    });
    const scores = boxes.map((_, i) => ((i * 2654435761) % 1000) / 1000);
    const area = width * height;
    return {
      "preprocessing: stretch 12 MP → 1024², normalize": {
        elements: area,
        peer: "pica",
        ...(await compare(
          {
            ours: async () => normalize(stretch(pixels, 1024), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            theirs: () => pica.resize(source, toSize, { filter: "hamming" }),
          },
          repeats,
        )),
      },
      "preprocessing: pixels of a bitmap, 12 MP": {
        elements: area,
        ...(await compare({ ours: async () => readPixels(bitmap) }, repeats)),
      },
      "mask of 12 MP from logits": {
        elements: area,
        peer: "transformers.js interpolate and threshold",
        ...(await compare(
          {
            ours: async () => resizeMask(logits, side, width, height),
            theirs: async () => {
              const full = await interpolate_4d(low, { mode: "bilinear", size: [height, width] });
              const values = full.data as Float32Array;
              // the loop of its post_process_masks
              const binary = new Uint8Array(values.length);
              for (let i = 0; i < values.length; i++) if ((values[i] as number) > 0) binary[i] = 1;
              return binary;
            },
          },
          repeats,
        )),
      },
      "COCO RLE of a 12 MP mask": {
        elements: area,
        ...(await compare({ ours: async () => encodeRle(mask) }, repeats)),
      },
      "polygons of a 1 MP mask": {
        elements: small.data.length,
        peer: "d3-contour",
        ...(await compare(
          {
            ours: async () => maskToPolygons(small),
            theirs: async () => contours().size([1024, 1024]).smooth(false).contour(values, 0.5),
          },
          repeats,
        )),
      },
      "suppression among 2,000 boxes": {
        elements: boxes.length,
        ...(await compare({ ours: async () => nonMaximumSuppression(boxes, scores, 0.7) }, repeats)),
      },
    };
  },
};

/** The tasks on WebGPU, which any browser may be asked for. */
const benchGpu = { adapterHere, compareOnGpu };

declare global {
  interface Window {
    bench: typeof bench;
    benchGpu: typeof benchGpu;
    disposeOfIt(): Promise<void>;
  }
}
window.bench = bench;
window.benchGpu = benchGpu;
