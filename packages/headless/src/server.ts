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

/** Options of the server. */
export interface ServerOptions {
  /** Folder of the page, with an index.html; by default the segment command's page. */
  readonly page?: string;
  /** Folders by the path they are served under, such as `models/sam2-mini/`. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Called first for each request; true if it was answered. For tests of a faulty network. */
  readonly handle?: (path: string, request: IncomingMessage, response: ServerResponse) => boolean;
  /** Response headers; cross-origin isolation and a strict policy by default. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Default headers: the page may only run its own scripts, and may load models from anywhere. */
const STRICT: Readonly<Record<string, string>> = {
  ...ISOLATION,
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; " +
    "img-src 'self' blob: data:; connect-src * blob: data:; base-uri 'none'; form-action 'none'",
};

/** Sends a file of a folder; 404 for everything else: folders, missing files, paths that lead out of the folder. */
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

/** The folder that a page is built into. */
const outFolder = (page: string): string => join(ROOT, ".cache", "pages", relative(ROOT, page));

/** Builds a page, unless the built one is newer than all its sources. */
export async function buildPage(page: string = PAGE): Promise<void> {
  const out = outFolder(page);
  if (await isFresh(join(out, "index.html"), [dirname(page)])) return;
  // built in a folder of its own first, since another process may be serving or building the same page
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

/** Decodes a percent-encoded path; a malformed one is returned as it is. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Builds the page and serves it on a free port. */
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
