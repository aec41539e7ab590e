/** Kilobytes that a page loads before the runtime and the model. */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { CONDITIONS } from "headless/pages";
import { build, type Rollup } from "vite";
import type { Row } from "./measure.ts";

/** What an entry pulls in at once; what is loaded later, workers and the runtime, is apart. */
async function bundle(code: string): Promise<{ entry: string; workers: Map<string, string> }> {
  const built = await build({
    configFile: false,
    logLevel: "error",
    resolve: { conditions: CONDITIONS },
    worker: { format: "es" },
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
  const { output } = built as Rollup.RollupOutput;
  const chunks = output.filter((file): file is Rollup.OutputChunk => file.type === "chunk");
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const reached = new Set<string>();
  const follow = (name: string): void => {
    if (reached.has(name)) return;
    reached.add(name);
    for (const next of byName.get(name)?.imports ?? []) follow(next);
  };
  follow((chunks.find((chunk) => chunk.isEntry) as Rollup.OutputChunk).fileName);
  const entry = [...reached].map((name) => byName.get(name)?.code ?? "").join("\n");
  const workers = new Map(
    output.flatMap((file) =>
      file.type === "asset" && /worker.*\.js$/.test(file.fileName)
        ? [[file.fileName, String(file.source)] as const]
        : [],
    ),
  );
  return { entry, workers };
}

function row(work: string, code: string, aim?: number): Row {
  const [gzip, brotli] = [gzipSync(code, { level: 9 }).length / 1e3, brotliCompressSync(code).length / 1e3];
  const aimed = aim === undefined ? "" : ` (aim ${aim} kB)`;
  const note = `${(code.length / 1e3).toFixed(1)} kB, gzip ${gzip.toFixed(1)}${aimed}, brotli ${brotli.toFixed(1)}`;
  return { bench: "size", work, device: "", threads: 0, note };
}

/** One row for each entry. */
export async function size(): Promise<Row[]> {
  const one = await bundle('export { createSegmenter } from "sam2-web";');
  const all = await bundle('export * from "sam2-web";');
  const hosted = await bundle('export * from "sam2-hosted";');
  const worker = [...one.workers.values()].sort((a, b) => b.length - a.length)[0] ?? "";
  return [
    row("sam2-web: createSegmenter", one.entry, 8),
    row("sam2-web: all of it", all.entry),
    row("sam2-web: the worker, onnxruntime aside", worker, 45),
    row("sam2-hosted, with sam2-web", hosted.entry),
  ];
}
