/** The packed packages, as consumers install them: a Vite app, a webpack app, and a page without a bundler. */
import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { ISOLATION } from "headless/pages";
import type { Browser } from "playwright-core";
import { preview } from "vite";
import { beforeAll, describe, expect, test } from "vitest";
import { sharedBrowser } from "./browser.ts";
import { expectWholeLicenses } from "./licenses.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = join(ROOT, ".cache", "consumer");
const tool = (name: string): string => join(ROOT, "node_modules", ".bin", name);
const installed = (...path: string[]): string => join(FOLDER, "node_modules", ...path);

/** A consumer's code: a red disc on gray, one click on it. */
const code = (library: string, model: string): string => `
  import { createSegmenter } from "${library}";
  import { sam2Mini } from "${model}";
  window.segmentDisc = async () => {
    const canvas = new OffscreenCanvas(300, 200);
    const context = canvas.getContext("2d");
    context.fillStyle = "#cccccc";
    context.fillRect(0, 0, 300, 200);
    context.fillStyle = "#bb0000";
    context.arc(150, 100, 50, 0, 2 * Math.PI);
    context.fill();
    const segmenter = await createSegmenter({ model: sam2Mini, device: "wasm" });
    const result = await segmenter.segment({ image: canvas, point_coords: [[150, 100]], point_labels: [1] });
    const { data } = result.mask();
    return { threads: segmenter.device.threads, inside: data[100 * 300 + 150], outside: data[5 * 300 + 5] };
  };`;

const html = (script: string): string =>
  `<!doctype html><title>consumer</title><link rel="icon" href="data:,">${script}`;

/** Builds a consumer; returns the folder to serve. */
const CONSUMERS: Record<string, () => Promise<string>> = {
  "a Vite app": async () => {
    const app = join(FOLDER, "vite-app");
    await mkdir(app, { recursive: true });
    await writeFile(join(app, "index.html"), html('<script type="module" src="./main.js"></script>'));
    await writeFile(join(app, "main.js"), code("sam2-web", "sam2-mini"));
    execFileSync(tool("vite"), ["build", app, "--logLevel", "error"], { cwd: FOLDER, stdio: "pipe" });
    return join(app, "dist");
  },
  "a webpack app": async () => {
    const app = join(FOLDER, "webpack-app");
    await mkdir(app, { recursive: true });
    await writeFile(join(app, "main.js"), code("sam2-web", "sam2-mini"));
    const { default: webpack } = await import("webpack");
    const compiler = webpack({
      mode: "production",
      context: app,
      entry: "./main.js",
      output: { path: join(app, "dist"), filename: "app.js" },
      performance: false,
    });
    const stats = await promisify(compiler.run.bind(compiler))();
    expect(stats?.toJson({ all: false, errors: true }).errors).toEqual([]);
    await writeFile(join(app, "dist", "index.html"), html('<script defer src="app.js"></script>'));
    return join(app, "dist");
  },
  "a page without a bundler": async () => {
    const page = join(FOLDER, "plain");
    await mkdir(page, { recursive: true });
    await cp(installed("sam2-web", "standalone"), join(page, "sam2-web"), { recursive: true });
    await cp(installed("sam2-mini"), join(page, "sam2-mini"), { recursive: true });
    const script = code("./sam2-web/sam2-web.js", "./sam2-mini/index.js");
    await writeFile(join(page, "index.html"), html(`<script type="module">${script}</script>`));
    return page;
  },
};

let browser: Browser;
beforeAll(async () => {
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  execFileSync(process.execPath, [join(ROOT, "run.mjs"), "pack", FOLDER], { stdio: "pipe" });
  const tarballs = (await readdir(FOLDER)).filter((name) => name.endsWith(".tgz"));
  const dependencies = Object.fromEntries(
    tarballs.map((name) => [name.replace(/-[\d.]+\.tgz$/, ""), `file:./${name}`]),
  );
  await writeFile(
    join(FOLDER, "package.json"),
    JSON.stringify({
      private: true,
      type: "module",
      dependencies,
      overrides: {
        "sam2-contract": "$sam2-contract",
        "sam2-core": "$sam2-core",
        "sam2-export": "$sam2-export",
      },
    }),
  );
  execFileSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"], {
    cwd: FOLDER,
    stdio: "pipe",
  });
  browser = await sharedBrowser();
}, 300_000);

test.each(Object.keys(CONSUMERS))(
  "%s builds and segments",
  async (name) => {
    const folder = await (CONSUMERS[name] as () => Promise<string>)();
    const server = await preview({
      configFile: false,
      root: folder,
      logLevel: "error",
      build: { outDir: "." },
      preview: { port: 0, host: "127.0.0.1", headers: { ...ISOLATION } },
    });
    const page = await browser.newPage();
    try {
      await page.goto(server.resolvedUrls?.local[0] as string);
      await page.waitForFunction(() => "segmentDisc" in window);
      const came = await page.evaluate(() => (window as unknown as { segmentDisc(): Promise<unknown> }).segmentDisc());
      expect(came).toEqual({ threads: expect.any(Number), inside: 1, outside: 0 });
      expect((came as { threads: number }).threads).toBeGreaterThan(1);
    } finally {
      await page.close();
      await server.close();
    }
  },
  120_000,
);

describe("size, gzipped, the runtime aside", () => {
  const kilobytes = async (path: string): Promise<number> => gzipSync(await readFile(path), { level: 9 }).length / 1000;

  test("main thread ≤ 12 kB", async () => {
    expect(await kilobytes(installed("sam2-web", "standalone", "sam2-web.js"))).toBeLessThanOrEqual(12);
  });

  test("worker ≤ 45 kB", async () => {
    const assets = installed("sam2-web", "standalone", "assets");
    const worker = (await readdir(assets)).find((name) => name.startsWith("worker-")) as string;
    expect(await kilobytes(join(assets, worker))).toBeLessThanOrEqual(45);
  });
});

test("the command line runs from its package, in an empty folder", async () => {
  const empty = await mkdtemp(join(tmpdir(), "sam2-empty-"));
  const sam2 = installed(".bin", "sam2");
  const photo = join(ROOT, "models/reference/fixtures/photo/truck.png");
  const args = [
    "segment",
    photo,
    "--point",
    "150,105",
    "--device",
    "cpu",
    "--out",
    "overlay.png",
    "--json",
    "masks.json",
  ];
  const said = execFileSync(sam2, args, { cwd: empty, stdio: "pipe" }).toString();
  expect(said).toMatch(/^sam2-mini on cpu/);
  expect((await readdir(empty)).sort()).toEqual(["masks.json", "overlay.png"]);
  const { masks } = JSON.parse(await readFile(join(empty, "masks.json"), "utf8")) as { masks: { area: number }[] };
  expect(masks[0]?.area).toBeGreaterThan(100);
  await rm(empty, { recursive: true });
}, 60_000);

test("a package holds what it needs and nothing else", async () => {
  expect((await readdir(installed("sam2-mini"))).sort()).toEqual([
    "LICENSE",
    "README.md",
    "index.d.ts",
    "index.js",
    "onnx",
    "package.json",
  ]);
  expect((await readdir(installed("sam2-web"))).sort()).toEqual(
    expect.arrayContaining(["LICENSE", "dist", "package.json", "standalone"]),
  );
  const licenses = await readFile(installed("sam2-web", "standalone", "LICENSES.md"), "utf8");
  expect(expectWholeLicenses(licenses)).toEqual(["@bufbuild/protobuf", "@noble/hashes", "comlink", "onnxruntime-web"]);
});
