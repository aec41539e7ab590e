/**
 * What an embedding takes as a file; and what is lost by keeping it so, and what is gained: the same prompts on exact embeddings and on those of
 * each dtype, on a folder of photographs with region labels and prompts, in Node.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  createSegmenter,
  type EmbeddingDtype,
  type Mask,
  maskIou,
  type Segmenter,
  type SegmenterImage,
} from "sam2-node";
import { compare, mean, quantile, type Row, rounded } from "./measure.ts";
import { absent, MINI, PHOTOS, peered } from "./models.ts";
import { type Prompt, readPrompts, readTruth } from "./regions.ts";

const DTYPES: readonly EmbeddingDtype[] = ["fp16", "int8"];

/** What a dtype does. */
export interface DtypeReport {
  /** Bytes of a file. */
  readonly bytes: number;
  /** Median of milliseconds until prompts can be answered, with the file at hand. */
  readonly ready_ms: number;
  /** mIoU of the mask shown first with the regions, minus that on exact embeddings. */
  readonly change: { readonly click: number; readonly box: number };
  /** mIoU of the mask shown first with that on the exact embedding. */
  readonly overlap: { readonly click: number; readonly box: number };
}

/** The report that `--json` writes. */
export interface EmbeddingsReport {
  readonly model: string;
  readonly prompts: number;
  readonly pictures: number;
  /** On exact embeddings. */
  readonly exact: { readonly click: number; readonly box: number; readonly ready_ms: number };
  readonly dtypes: Readonly<Record<EmbeddingDtype, DtypeReport>>;
}

const KINDS = ["click", "box"] as const;
type Kind = (typeof KINDS)[number];

async function shown(segmenter: Segmenter, image: SegmenterImage, prompt: Prompt, kind: Kind): Promise<Mask> {
  const asked =
    kind === "click"
      ? { point_coords: [prompt.point], point_labels: [1], multimask_output: true }
      : { box: prompt.box, multimask_output: false };
  return (await segmenter.segment({ image, ...asked })).mask();
}

/** An image, and how long it took until prompts could be answered. */
async function timed(open: () => Promise<SegmenterImage>): Promise<[SegmenterImage, number]> {
  const start = performance.now();
  return [await open(), performance.now() - start];
}

/** Measures a model on a set; `model` is what `createSegmenter` of sam2-node takes. */
export async function embeddings(set: string, model: string): Promise<EmbeddingsReport> {
  const prompts = await readPrompts(set);
  const segmenter = await createSegmenter({ model, device: "cpu" });
  const exact = { click: [] as number[], box: [] as number[], ready: [] as number[] };
  const found = Object.fromEntries(
    DTYPES.map((dtype) => [
      dtype,
      {
        bytes: 0,
        ready: [] as number[],
        click: [] as number[],
        box: [] as number[],
        clickOverlap: [] as number[],
        boxOverlap: [] as number[],
      },
    ]),
  ) as Record<EmbeddingDtype, { bytes: number; ready: number[] } & Record<Kind | `${Kind}Overlap`, number[]>>;
  const names = [...new Set(prompts.map(({ image }) => image))];
  try {
    for (const name of names) {
      const photo = new Blob([await readFile(join(set, name))]);
      const [image, ready] = await timed(() => segmenter.setImage(photo));
      exact.ready.push(ready);
      const kept = new Map<EmbeddingDtype, SegmenterImage>();
      for (const dtype of DTYPES) {
        const embedding = await segmenter.saveEmbedding(image, { dtype });
        const [given, ready] = await timed(() => segmenter.setImage(photo, { embedding }));
        found[dtype].bytes = embedding.length;
        found[dtype].ready.push(ready);
        kept.set(dtype, given);
      }
      for (const prompt of prompts.filter((each) => each.image === name)) {
        const truth = await readTruth(set, prompt);
        for (const kind of KINDS) {
          const best = await shown(segmenter, image, prompt, kind);
          exact[kind].push(maskIou(best, truth));
          for (const [dtype, given] of kept) {
            const mask = await shown(segmenter, given, prompt, kind);
            found[dtype][kind].push(maskIou(mask, truth));
            found[dtype][`${kind}Overlap`].push(maskIou(mask, best));
          }
        }
      }
      for (const each of [image, ...kept.values()]) await each.release();
    }
  } finally {
    await segmenter.dispose();
  }
  const reportOf = (dtype: EmbeddingDtype): DtypeReport => {
    const { bytes, ready, click, box, clickOverlap, boxOverlap } = found[dtype];
    const change = (ours: readonly number[], theirs: readonly number[]): number =>
      rounded(mean(ours.map((value, i) => value - (theirs[i] as number))));
    return {
      bytes,
      ready_ms: Math.round(quantile(ready, 0.5)),
      change: { click: change(click, exact.click), box: change(box, exact.box) },
      overlap: { click: rounded(mean(clickOverlap)), box: rounded(mean(boxOverlap)) },
    };
  };
  return {
    model: segmenter.model.id,
    prompts: prompts.length,
    pictures: names.length,
    exact: {
      click: rounded(mean(exact.click)),
      box: rounded(mean(exact.box)),
      ready_ms: Math.round(quantile(exact.ready, 0.5)),
    },
    dtypes: { fp16: reportOf("fp16"), int8: reportOf("int8") },
  };
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

/** How often opening an embedding is repeated. */
const REPEATS = 5;

const THREADS = 2;

/** Clicks on a photograph, as shares of its width and height. */
const CLICKS = [0.2, 0.35, 0.5, 0.65, 0.8].flatMap((x) => [0.3, 0.5, 0.7].map((y) => [x, y] as const));

/** One row for each dtype: what a file takes, and how alike masks are to those on the exact embedding. */
async function sizesOf(work: string, folder: string, isTrained: boolean): Promise<Row[]> {
  const segmenter = await createSegmenter({ model: folder, device: "cpu", dtype: "fp32", threads: THREADS });
  try {
    const photo = new Blob([await readFile(join(PHOTOS, "truck.jpg"))]);
    const image = await segmenter.setImage(photo);
    const [encoder, decoder] = await Promise.all(
      ["encoder.onnx", "decoder.onnx"].map(async (name) => (await stat(join(folder, name))).size),
    );
    const spared = `the page loads the decoder, ${mb(decoder as number)}, and no encoder, ${mb(encoder as number)}`;
    const rows: Row[] = [];
    for (const dtype of DTYPES) {
      const embedding = await segmenter.saveEmbedding(image, { dtype });
      const open = async (): Promise<void> => (await segmenter.setImage(photo, { embedding })).release();
      const timed = await compare({ ours: open }, REPEATS);
      const given = await segmenter.setImage(photo, { embedding });
      const alike: number[] = [];
      for (const [x, y] of isTrained ? CLICKS : []) {
        const prompt = { point_coords: [[x * image.width, y * image.height]], point_labels: [1] };
        const [exact, kept] = await Promise.all([
          segmenter.segment({ image, ...prompt }),
          segmenter.segment({ image: given, ...prompt }),
        ]);
        alike.push(maskIou(kept.mask(), exact.mask()));
      }
      await given.release();
      const loss = isTrained
        ? `mIoU of ${alike.length} clicks' masks with those on the exact embedding ${mean(alike).toFixed(4)}`
        : "random weights: no masks to compare";
      const note = [mb(embedding.length), loss, spared].join("; ");
      rows.push({
        bench: "embeddings",
        work: `${work}: a file in ${dtype}, opened`,
        device: "cpu",
        threads: THREADS,
        ...timed,
        note,
      });
    }
    return rows;
  } finally {
    await segmenter.dispose();
  }
}

/** What an embedding takes as a file: the built-in model, EdgeTAM and SAM 2.1 tiny. */
export async function embeddingSizes(): Promise<Row[]> {
  const [edgetam, tiny] = [await peered("edgetam"), await peered("tiny")];
  return [
    ...(await sizesOf("sam2-mini, 640²", MINI.onnx, true)),
    ...(edgetam ? await sizesOf("EdgeTAM, 1024²", edgetam.onnx, false) : [absent("embeddings")]),
    ...(tiny ? await sizesOf("SAM 2.1 tiny, 1024²", tiny.onnx, false) : [absent("embeddings")]),
  ];
}
