import { defineConfig } from "vite";
import { CONDITIONS } from "../headless/src/pages.ts";
import { licenses } from "./licenses.vite.ts";

/** Bundles the library with all it needs, for pages without a bundler: `standalone/sam2-web.js`. */
export default defineConfig({
  base: "./",
  resolve: { conditions: CONDITIONS },
  worker: { format: "es" },
  plugins: [licenses(["dist/index.js"])],
  build: {
    outDir: "standalone",
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
