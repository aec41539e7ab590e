/** Kilobytes that a page loads before the runtime and the model. */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { CONDITIONS } from "headless/pages";
import { build, type Plugin, type Rollup } from "vite";
import type { Row } from "./measure.ts";
import { notedAim } from "./missed.ts";

/** A first chunk with everything that it imports. */
export interface Load {
  readonly code: string;
  /** The files it is made of. */
  readonly modules: readonly string[];
}

/** What is loaded at once, or with what is imported on demand, too; onnxruntime aside. */
function load(chunks: readonly Rollup.OutputChunk[], onDemand = false): Load {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const reached = new Set<Rollup.OutputChunk>();
  const follow = (chunk: Rollup.OutputChunk | undefined): void => {
    if (!chunk || reached.has(chunk) || chunk.moduleIds.some((file) => file.includes("onnxruntime"))) return;
    reached.add(chunk);
    for (const next of [...chunk.imports, ...(onDemand ? chunk.dynamicImports : [])]) follow(byName.get(next));
  };
  follow(chunks.find((chunk) => chunk.isEntry));
  const all = [...reached];
  return { code: all.map(({ code }) => code).join("\n"), modules: all.flatMap(({ moduleIds }) => moduleIds) };
}

const chunksOf = (output: readonly (Rollup.OutputChunk | Rollup.OutputAsset)[]): Rollup.OutputChunk[] =>
  output.filter((file): file is Rollup.OutputChunk => file.type === "chunk");

/** What a script's bundle comes to. */
export interface Bundle {
  /** What the page loads first. */
  readonly page: Load;
  /** What the worker loads first, where there is one. */
  readonly worker: Load | undefined;
  /** All that it may load. */
  readonly wholeWorker: Load | undefined;
}

/** Bundles a script. */
export async function bundle(code: string): Promise<Bundle> {
  let worker: Rollup.OutputChunk[] | undefined;
  const keepWorker: Plugin = {
    name: "keep-worker",
    generateBundle: (_, output) => {
      worker = chunksOf(Object.values(output));
    },
  };
  const built = await build({
    configFile: false,
    logLevel: "error",
    resolve: { conditions: CONDITIONS },
    worker: { format: "es", plugins: () => [keepWorker] },
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === "entry.js" ? "\0entry.js" : null),
        load: (id) => (id === "\0entry.js" ? code : null),
      },
    ],
    build: {
      write: false,
      target: "es2022",
      assetsInlineLimit: 0,
      chunkSizeWarningLimit: 4000,
      rollupOptions: { input: "entry.js", preserveEntrySignatures: "strict" },
    },
  });
  return {
    page: load(chunksOf((built as Rollup.RollupOutput).output)),
    worker: worker && load(worker),
    wholeWorker: worker && load(worker, true),
  };
}

function row(work: string, code: string, aim?: number): Row {
  const [gzip, brotli] = [gzipSync(code, { level: 9 }).length / 1e3, brotliCompressSync(code).length / 1e3];
  const aimed = aim === undefined ? "" : ` (${notedAim(gzip, aim, "kB")})`;
  const note = `${(code.length / 1e3).toFixed(1)} kB, gzip ${gzip.toFixed(1)}${aimed}, brotli ${brotli.toFixed(1)}`;
  return { bench: "size", work, device: "", threads: 0, note };
}

/** One row for each entry. */
export async function size(): Promise<Row[]> {
  const one = await bundle('export { createSegmenter } from "sam2-web";');
  const all = await bundle('export * from "sam2-web";');
  const hosted = await bundle('export * from "sam2-hosted";');
  return [
    row("sam2-web: createSegmenter", one.page.code, 8),
    row("sam2-web: all of it", all.page.code),
    row("sam2-web: the worker, onnxruntime aside", one.worker?.code ?? "", 45),
    row("sam2-web: the worker with the exporter, once a checkpoint is converted", one.wholeWorker?.code ?? ""),
    row("sam2-hosted, with sam2-web", hosted.page.code),
  ];
}
