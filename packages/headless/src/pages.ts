/** Settings with which all pages here are built and served: the demo, and the pages of commands, benchmarks, tests. */

/** Response headers that make a page cross-origin isolated, so that WASM may use threads. */
export const ISOLATION: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Vite's default resolve conditions, and one of onnxruntime-web's that keeps its WebAssembly in separate files. */
export const CONDITIONS: string[] = ["onnxruntime-web-use-extern-wasm", "module", "browser", "development|production"];
