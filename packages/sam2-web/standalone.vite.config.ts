import { build, defineConfig, type InlineConfig, type Plugin } from "vite";

const shared = {
  base: "./",
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"] },
  worker: { format: "es" },
} satisfies InlineConfig;

const LICENSES = "LICENSES.md";

/** Writes the licences of all that is bundled. Vite's own list leaves workers out, so here the worker is an entry, too. */
function licenses(): Plugin {
  return {
    name: "licenses",
    async generateBundle() {
      const built = await build({
        ...shared,
        configFile: false,
        logLevel: "error",
        root: this.environment.config.root,
        build: {
          write: false,
          license: { fileName: LICENSES },
          rollupOptions: { input: ["dist/index.js", "dist/worker.js"] },
        },
      });
      if (!("output" in built)) throw new Error("expected one build of the list of licences");
      const list = built.output.find((file) => file.type === "asset" && file.fileName === LICENSES);
      if (list?.type !== "asset") throw new Error(`expected ${LICENSES} in the build`);
      this.emitFile({ type: "asset", fileName: LICENSES, source: list.source });
    },
  };
}

/** Bundles the library with all it needs, for pages without a bundler: `standalone/sam2-web.js`. */
export default defineConfig({
  ...shared,
  plugins: [licenses()],
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
