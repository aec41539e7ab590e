/** Bundles the service worker, with the list of the built page's files written into it. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";
import type { PageFile, PageFiles } from "./service-worker/files.ts";

const WORKER = "service-worker.js";

/** Only used where there is a GPU; 27 MB. */
const FOR_GPUS = /asyncify|webgpu/;

/** Vite's names of files by their content. */
const NAMED_BY_CONTENT = /^assets\/.+-[\w-]{8}\.\w+$/;

/** Lists the files of a built page, by their content. */
async function listFiles(folder: string): Promise<PageFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, "/"))
    .filter((name) => name !== WORKER)
    .sort();
  const files = await Promise.all(
    names.map(async (url): Promise<PageFile> => {
      const hash = createHash("sha256").update(await readFile(join(folder, url)));
      const digest = hash.digest("base64");
      return { url, revision: NAMED_BY_CONTENT.test(url) ? null : digest, integrity: `sha256-${digest}` };
    }),
  );
  const isOnFirstUse = ({ url }: PageFile): boolean => FOR_GPUS.test(url);
  return { kept: files.filter((file) => !isOnFirstUse(file)), onFirstUse: files.filter(isOnFirstUse) };
}

/** Writes the service worker of the page that was built into a folder. */
export async function buildServiceWorker(folder: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: "error",
    publicDir: false,
    define: {
      __FILES__: JSON.stringify(await listFiles(folder)),
      // whatever builds it: Workbox logs each request otherwise
      "process.env.NODE_ENV": '"production"',
    },
    build: {
      outDir: folder,
      emptyOutDir: false,
      target: "es2022",
      rollupOptions: {
        input: fileURLToPath(new URL("service-worker/main.ts", import.meta.url)),
        output: { entryFileNames: WORKER, format: "es" },
      },
    },
  });
}

/** Adds the service worker to the built page, once all other files are there. */
export function serviceWorker(): Plugin {
  let folder = "";
  return {
    name: "service-worker",
    apply: "build",
    configResolved({ root, build: { outDir } }) {
      folder = join(root, outDir);
    },
    writeBundle: { order: "post", sequential: true, handler: () => buildServiceWorker(folder) },
  };
}
