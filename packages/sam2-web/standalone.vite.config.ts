import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { defineConfig, type Plugin } from "vite";
import { CONDITIONS } from "../headless/src/pages.ts";
import { licenses } from "./licenses.vite.ts";

/** A module without imports as a script that makes a global of its exports. */
export function toGlobalScript(code: string, global: string): string {
  const [exported, list = ""] = /export\s*\{([^}]*)\};?\s*$/.exec(code) ?? [];
  if (exported === undefined) throw new Error("expected a module that ends with its exports");
  const members = list.split(",").map((item) => {
    const [local = "", name = local] = item.trim().split(" as ");
    return `${name}:${local}`;
  });
  const body = code.slice(0, -exported.length).replaceAll("import.meta.url", "sam2WebScript");
  return `var ${global}=(()=>{const sam2WebScript=document.currentScript.src;${body}\nreturn{${members}}})();\n`;
}

/**
 * What is imported on demand elsewhere is a part of the one chunk here: a script that makes a global has no chunk beside
 * it, and Vite wraps such imports in code that is for modules only.
 */
const importsAtOnce: Plugin = {
  name: "imports-at-once",
  enforce: "pre",
  transform(code) {
    const statics: string[] = [];
    const text = code.replace(/\bimport\(("[^"]+")\)/g, (_, module: string) => {
      const name = `importedAtOnce${statics.length}`;
      statics.push(`import * as ${name} from ${module};`);
      return `Promise.resolve(${name})`;
    });
    return statics.length > 0 ? { code: `${statics.join("\n")}\n${text}`, map: null } : null;
  },
};

/** Writes `sam2-web.global.js`: the library for pages without modules. */
const globalScript: Plugin = {
  name: "global-script",
  generateBundle(_, bundle) {
    const library = bundle["sam2-web.js"];
    if (library?.type !== "chunk" || library.imports.length > 0) throw new Error("expected one chunk");
    const source = toGlobalScript(library.code, "sam2Web");
    // throws where a script cannot be what the module is
    new Script(source);
    this.emitFile({ type: "asset", fileName: "sam2-web.global.js", source });
  },
};

/**
 * Bundles the library with all it needs, for pages without a bundler: `standalone/sam2-web.js` as a module, and
 * `standalone/sam2-web.global.js` as a script that makes the global `sam2Web`.
 */
export default defineConfig({
  base: "./",
  resolve: {
    conditions: CONDITIONS,
    alias: [
      {
        find: /^\.\/built-in\.js$/,
        replacement: fileURLToPath(new URL("standalone.built-in.ts", import.meta.url)),
      },
    ],
  },
  worker: { format: "es" },
  plugins: [licenses(["dist/index.js"]), importsAtOnce, globalScript],
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
