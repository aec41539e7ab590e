import { defineConfig } from "vite";

/** What the host sends with every file. The first gives WebAssembly and its worker what they need, and nothing else. */
const headers = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
    "style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  // a policy without data: in connect-src forbids files that are written into the script
  build: { assetsInlineLimit: 0 },
  preview: { headers },
});
