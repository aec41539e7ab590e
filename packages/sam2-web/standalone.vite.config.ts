import { join } from "node:path";
import license from "rollup-plugin-license";
import { defineConfig } from "vite";

const OUT = "standalone";

/** Collects the licences of what is bundled: first the worker's, then, in the same file, the page's. */
const licences = license({ thirdParty: { output: join(import.meta.dirname, OUT, "LICENSES.txt") } });

/** Bundles the library with all it needs, for pages without a bundler: `standalone/sam2-web.js`. */
export default defineConfig({
  base: "./",
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"] },
  plugins: [licences],
  worker: { format: "es", plugins: () => [licences] },
  build: {
    outDir: OUT,
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4000,
    modulePreload: false,
    rollupOptions: {
      input: "dist/index.js",
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "sam2-web.js" },
    },
  },
});
