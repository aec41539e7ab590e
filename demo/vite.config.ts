import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, defineConfig, type Plugin } from "vite";
import { licenses } from "../packages/sam2-web/licenses.vite.ts";

/** What makes the page cross-origin isolated, so that WASM may use threads. */
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** Only used where there is a GPU; 27 MB. */
const FOR_GPUS = /asyncify|webgpu/;

/** What the page runs: its own script, sam2-web's worker, the service worker. */
const SCRIPTS = ["./src/main.ts", "../packages/sam2-web/dist/worker.js", "./service-worker/main.ts"].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
);

/** Bundles the service worker, with the list of the page's files written into it. */
function serviceWorker(): Plugin {
  let folder = "";
  let publicFolder = "";
  return {
    name: "service-worker",
    apply: "build",
    configResolved({ root, build: { outDir }, publicDir }) {
      folder = join(root, outDir);
      publicFolder = publicDir;
    },
    async writeBundle(_, bundle) {
      const copied = await readdir(publicFolder, { recursive: true, withFileTypes: true });
      const files = [
        "./",
        ...Object.keys(bundle).filter((name) => name !== "index.html" && !FOR_GPUS.test(name)),
        ...copied
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(publicFolder.length + 1)),
      ];
      const version = createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 12);
      await build({
        configFile: false,
        logLevel: "error",
        publicDir: false,
        define: { __FILES__: JSON.stringify({ version, files }) },
        build: {
          outDir: folder,
          emptyOutDir: false,
          target: "es2022",
          rollupOptions: {
            input: fileURLToPath(new URL("service-worker/main.ts", import.meta.url)),
            output: { entryFileNames: "service-worker.js", format: "es" },
          },
        },
      });
    },
  };
}

export default defineConfig({
  base: "./",
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"] },
  worker: { format: "es" },
  plugins: [licenses(SCRIPTS), serviceWorker()],
  build: { outDir: "dist", target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 4000 },
  server: { headers },
  preview: { headers },
});
