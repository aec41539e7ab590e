import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { CONDITIONS } from "../packages/headless/src/pages.ts";
import { licenses } from "../packages/sam2-web/licenses.vite.ts";
import { CONTENT_SECURITY_POLICY, HEADERS, ISOLATION } from "./headers.ts";
import { serviceWorker } from "./service-worker.vite.ts";

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** What the pages run: their own scripts, which start workers, and the service worker. */
const SCRIPTS = ["./src/main.tsx", "./src/measure/main.tsx", "./service-worker/main.ts"].map(path);

/** The demo, and the page that measures the device. */
const PAGES = ["./index.html", "./measure.html"].map(path);

/** Writes the policy into the page, for hosts that set no headers. The development server needs inline scripts. */
const contentSecurityPolicy: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: () => {
    const attrs = { "http-equiv": "Content-Security-Policy", content: CONTENT_SECURITY_POLICY };
    return [{ tag: "meta", attrs, injectTo: "head-prepend" }];
  },
};

export default defineConfig({
  base: "./",
  resolve: { conditions: CONDITIONS },
  worker: { format: "es" },
  plugins: [contentSecurityPolicy, licenses(SCRIPTS), serviceWorker()],
  build: {
    outDir: "dist",
    target: "es2022",
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 4000,
    rollupOptions: { input: PAGES },
  },
  server: { headers: { ...ISOLATION } },
  preview: { headers: { ...HEADERS } },
});
