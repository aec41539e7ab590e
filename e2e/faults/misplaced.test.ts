/** Files that are not where the library looks for them, or that the page's policy forbids: what is said then. */
import { ISOLATION } from "headless/pages";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { sharedBrowser } from "../browser.ts";
import { type ToyOptions, ToyPage } from "../toy-page.ts";

let toy: ToyPage;
beforeAll(async () => {
  toy = await ToyPage.create(await sharedBrowser());
});
afterAll(() => toy.dispose());
afterEach(() => toy.close());

const GUIDE = "https://github.com/sam2-web/sam2-web/blob/main/docs/guides/troubleshooting.md";

interface Misplaced {
  /** Requests that are answered as by a host that does not have the file. */
  readonly file: RegExp;
  /** 404, or 200 with the page, as hosts of single-page applications answer. */
  readonly answer?: "404" | "the page";
  readonly policy?: string;
  readonly options?: ToyOptions;
  readonly error: string;
  /** What the message says: which file, where, what came. */
  readonly message: RegExp;
  readonly section: string;
}

const NOTHING = /^$/;
const STRICT = "script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";

test.each<[string, Misplaced]>([
  [
    "a wrong address of a model",
    {
      file: /wrong/,
      options: { model: "wrong/model.json" },
      error: "DownloadError",
      message: /^http:\S+\/wrong\/model\.json: expected a file of a model, got status 404\./,
      section: "the-model-is-not-found",
    },
  ],
  [
    "a model's address where the host answers with its page",
    {
      file: /wrong/,
      answer: "the page",
      options: { model: "wrong/model.json" },
      error: "DownloadError",
      message: /^http:\S+\/wrong\/model\.json: expected a file of a model, got a web page\./,
      section: "the-model-is-not-found",
    },
  ],
  [
    "a model's encoder",
    {
      file: /encoder\.onnx$/,
      error: "DownloadError",
      message: /^http:\S+\/models\/toy\/encoder\.onnx: expected a file of a model, got status 404\./,
      section: "the-model-is-not-found",
    },
  ],
  [
    "a model that nobody knows",
    {
      file: NOTHING,
      options: { model: "sam3" },
      error: "UnknownModelError",
      message: /^expected sam2-mini, .*, sam2\.1-large or the address of a model\.json, got "sam3"\./,
      section: "the-model-is-not-found",
    },
  ],
  [
    "the worker's script",
    {
      file: /worker-[^/]+\.js$/,
      error: "WorkerStartError",
      message: /looked for at http:\S+\/worker-\S+\.js: got status 404\./,
      section: "the-worker-does-not-start",
    },
  ],
  [
    "the worker's script, with a page in its place",
    {
      file: /worker-[^/]+\.js$/,
      answer: "the page",
      error: "WorkerStartError",
      message: /looked for at http:\S+\/worker-\S+\.js: got a web page\./,
      section: "the-worker-does-not-start",
    },
  ],
  [
    "a worker that a policy forbids",
    {
      file: NOTHING,
      policy: "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'",
      error: "WorkerStartError",
      message:
        /looked for at http:\S+\/worker-\S+\.js: this page's Content-Security-Policy forbids it \(worker-src\)\./,
      section: "the-worker-does-not-start",
    },
  ],
  [
    "the runtime's WebAssembly",
    {
      file: /threaded[^/]*\.wasm$/,
      policy: STRICT,
      error: "DownloadError",
      message: /^http:\S+\/ort-wasm-\S+\.wasm: expected a file of onnxruntime-web, got status 404\./,
      section: "a-wasm-file-is-missing",
    },
  ],
  [
    "the runtime's script",
    {
      file: /threaded[^/]*\.mjs$/,
      policy: STRICT,
      error: "DownloadError",
      message: /^http:\S+\/ort-wasm-\S+\.mjs: expected a file of onnxruntime-web, got status 404\./,
      section: "a-wasm-file-is-missing",
    },
  ],
  [
    "WebAssembly that a policy forbids",
    {
      file: NOTHING,
      policy: "script-src 'self'; worker-src 'self'",
      error: "RuntimeStartError",
      message: /^onnxruntime-web did not start: .*unsafe-eval/s,
      section: "a-wasm-file-is-missing",
    },
  ],
])("%s", async (_, { file, answer = "404", policy, options, error, message, section }) => {
  await toy.open({ ...ISOLATION, ...(policy ? { "Content-Security-Policy": policy } : {}) });
  toy.handle = (path, _request, response) => {
    if (!file.test(path)) return false;
    response.writeHead(answer === "404" ? 404 : 200, { ...ISOLATION, "Content-Type": "text/html" });
    response.end("<!doctype html><p>Not here");
    return true;
  };
  const came = await toy.segment(options);
  expect(came.error).toBe(error);
  expect(came.message).toMatch(message);
  expect(came.message).toContain(`See ${GUIDE}#${section}`);
});

test("an old browser: what it lacks, before anything is loaded", async () => {
  await toy.open();
  await toy.page.evaluate(() => {
    Reflect.deleteProperty(globalThis, "OffscreenCanvas");
  });
  const { error, message } = await toy.segment();
  expect(error).toBe("UnsupportedBrowserError");
  expect(message).toBe(
    "this browser has no OffscreenCanvas: expected Chrome or Edge 116, Firefox 124, Safari 17.4, or newer. " +
      `See ${GUIDE}#the-browser-is-too-old`,
  );
});
