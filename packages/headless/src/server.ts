/** Builds the headless page and serves it, cross-origin isolated, with chosen files beside it. */
import { rename, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import send from "send";
import { build, preview } from "vite";
import { isFresh } from "./fresh.ts";
import { CONDITIONS, ISOLATION } from "./pages.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const PAGE = fileURLToPath(new URL("../page", import.meta.url));

/** A running server. */
export interface Server {
  /** Address of the page, ending in a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** What to serve beside the page, and how. */
export interface ServerOptions {
  /** Folder of the page, with an index.html; that of the segment command by default. */
  readonly page?: string;
  /** Folders by the path they are served under, such as `models/sam2-mini/`. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Answers requests before anything else does; for tests of a network that misbehaves. */
  readonly handle?: (path: string, request: IncomingMessage, response: ServerResponse) => boolean;
  /** Response headers; cross-origin isolation and a strict policy by default. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The page runs its own scripts alone; models may come from anywhere. */
const STRICT: Readonly<Record<string, string>> = {
  ...ISOLATION,
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; " +
    "img-src 'self' blob: data:; connect-src * blob: data:; base-uri 'none'; form-action 'none'",
};

/** Answers with a file of a folder, and with 404 for all else: folders, what is not there, ways out of the folder. */
function sendFile(request: IncomingMessage, response: ServerResponse, folder: string, path: string): void {
  const refuse = (): void => {
    if (response.headersSent) return void response.destroy();
    response.removeHeader("Content-Length");
    response.statusCode = 404;
    response.end();
  };
  send(request, path, { root: folder, dotfiles: "allow", index: false, cacheControl: false, lastModified: false })
    .on("directory", refuse)
    .on("error", refuse)
    .pipe(response);
}

/** Where a page is built to. */
const outFolder = (page: string): string => join(ROOT, ".cache", "pages", relative(ROOT, page));

/** Builds a page, unless one is there that is newer than all it is made of. */
export async function buildPage(page: string = PAGE): Promise<void> {
  const out = outFolder(page);
  if (await isFresh(join(out, "index.html"), [dirname(page)])) return;
  // another process may be serving, or building, the same page
  const fresh = `${out}-${process.pid}`;
  await build({
    configFile: false,
    root: page,
    base: "./",
    logLevel: "error",
    resolve: { conditions: CONDITIONS },
    worker: { format: "es" },
    build: { outDir: fresh, emptyOutDir: true, target: "es2022", chunkSizeWarningLimit: 4000 },
  });
  await rm(out, { recursive: true, force: true });
  await rename(fresh, out);
}

/** A path without its percent signs, where it can be read. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Builds and serves; the port is chosen by the system. */
export async function serve(options: ServerOptions = {}): Promise<Server> {
  const { page = PAGE, folders = {}, handle, headers = STRICT } = options;
  await buildPage(page);
  const server = await preview({
    configFile: false,
    root: page,
    logLevel: "error",
    build: { outDir: outFolder(page) },
    preview: { port: 0, host: "127.0.0.1", headers: { ...headers } },
    plugins: [
      {
        name: "files",
        configurePreviewServer({ middlewares }) {
          middlewares.use((request, response, next) => {
            const [encoded = ""] = (request.url ?? "").slice(1).split(/[?#]/);
            if (handle?.(decoded(encoded), request, response)) return;
            const prefix = Object.keys(folders).find((folder) => encoded.startsWith(folder));
            if (prefix === undefined) return next();
            for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
            sendFile(request, response, folders[prefix] as string, encoded.slice(prefix.length));
          });
        },
      },
    ],
  });
  const url = server.resolvedUrls?.local[0];
  if (url === undefined) throw new Error("the server has no address");
  return { url, close: () => server.close() };
}
