/** How every page here is built and served: the demo, those of the commands, the benchmarks and the tests. */

/** Response headers that make a page cross-origin isolated, so that WASM may use threads. */
export const ISOLATION: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Vite's own conditions of resolving, and onnxruntime-web's: its WebAssembly stays in files of its own. */
export const CONDITIONS: string[] = ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"];
