/** Each example, followed as its README says, in an empty folder, with the packages as they would be published. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launchBrowser } from "headless/browser";
import type { Browser, Page } from "playwright-core";
import { decodeRle, maskArea } from "sam2-web";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { freePort } from "../free-port.ts";
import { expectWholeLicenses } from "../licenses.ts";
import { serveStatically } from "../static-server.ts";
import { installed, packed, ROOT, run, type Served, served, type Tarballs } from "./application.ts";

/** Files that lie where packages are packed, and are not ours. */
const OTHERS = ["backup-of-my-labels.tgz", "notes.txt"];

let folder: string;
let tarballs: Tarballs;
let browser: Browser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-web-examples-"));
  const packages = join(folder, "packages");
  await mkdir(packages);
  for (const name of [...OTHERS, "sam2-web-0.0.1.tgz"]) await writeFile(join(packages, name), "");
  tarballs = await packed(packages);
  browser = await launchBrowser({});
});
afterAll(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

test("packing replaces tarballs of earlier versions, and leaves all other files", async () => {
  const { version } = JSON.parse(await readFile(join(ROOT, "packages/sam2-web/package.json"), "utf8"));
  const files = await readdir(join(folder, "packages"));
  expect(files).toEqual(expect.arrayContaining(OTHERS));
  expect(files.filter((name) => /^sam2-web-\d/.test(name))).toEqual([`sam2-web-${version}.tgz`]);
});

/** What an example says of the truck that was clicked, and its mask: its share of the picture, and two places in it. */
interface Answer {
  readonly status: string;
  readonly share: number;
  readonly truck: number;
  readonly sky: number;
}

/** Opens an example, and clicks the truck in it; nothing in its page may complain. */
async function click(url: string, read: (page: Page) => Promise<Omit<Answer, "status">>): Promise<Answer> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("response", (answer) => answer.status() >= 400 && complaints.push(`${answer.status()} ${answer.url()}`));
  try {
    // development servers load the page once more when they have found all dependencies
    await page.goto(url, { waitUntil: "networkidle" });
    await page
      .locator("img")
      .evaluateAll((images) => Promise.all(images.map((image) => (image as HTMLImageElement).decode())));
    const status = page.locator("output");
    if (await page.locator("sam2-canvas").count())
      await expect.poll(() => status.textContent(), { timeout: 90_000 }).toBe("ready");
    await page.locator("img, sam2-canvas").click({ position: { x: 300, y: 215 } });
    await expect.poll(() => status.textContent(), { timeout: 90_000 }).toMatch(/^score/);
    expect(complaints).toEqual([]);
    return { status: (await status.textContent()) ?? "", ...(await read(page)) };
  } finally {
    await page.close();
  }
}

/** What an example says after a click where the model's files are missing. */
async function saidWithoutModel(url: string): Promise<string | null> {
  const page = await browser.newPage();
  try {
    await page.route(/\.onnx/, (route) => route.fulfill({ status: 404 }));
    await page.goto(url, { waitUntil: "networkidle" });
    await page.locator("img").click({ position: { x: 300, y: 215 } });
    const status = page.locator("output");
    await expect.poll(() => status.textContent(), { timeout: 30_000 }).toMatch(/404/);
    return await status.textContent();
  } finally {
    await page.close();
  }
}

/** The mask that a page draws on a canvas. */
function drawn(page: Page): Promise<Omit<Answer, "status">> {
  return page.locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
    const { width, height } = canvas;
    const pixels = canvas.getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
    const opacity = (x: number, y: number): number => (pixels[4 * (y * width + x) + 3] ?? 0) / 255;
    let inside = 0;
    for (let i = 3; i < pixels.length; i += 4) if (pixels[i] === 255) inside++;
    return { share: inside / (width * height), truck: opacity(300, 215), sky: opacity(320, 10) };
  });
}

/** The mask that an element holds as its form's value. */
async function value(page: Page): Promise<Omit<Answer, "status">> {
  const rle = await page.locator("sam2-canvas").evaluate((element) => (element as unknown as { value: string }).value);
  const mask = decodeRle(JSON.parse(rle));
  const { width, height, data } = mask;
  const at = (x: number, y: number): number => data[y * width + x] as number;
  return { share: maskArea(mask) / (width * height), truck: at(300, 215), sky: at(320, 10) };
}

/** How an example is built and served. */
interface Example {
  readonly folder: string;
  /** Whether `npm run build` comes first. */
  readonly builds: boolean;
  readonly serve: (folder: string) => Promise<Served>;
  /** How the mask is read from its page; `drawn` by default. */
  readonly read?: typeof drawn;
}

/** What any server of files does. */
const files =
  (name: string): Example["serve"] =>
  (application) =>
    serveStatically(join(application, name));

/** A server of its own that an example's README starts. */
const own =
  (program: string, ...args: string[]): Example["serve"] =>
  (application) =>
    served(application, program, ...args);

/** A CDN that serves npm's packages, on an origin of its own; its address is put into the page. */
async function withCdn(application: string): Promise<Served> {
  const page = join(application, "index.html");
  const html = await readFile(page, "utf8");
  const [, version] = /\/npm\/sam2-web@([^/]+)\//.exec(html) ?? [];
  const cdn = join(application, "cdn");
  for (const name of ["sam2-web", "sam2-mini"]) {
    const place = join(cdn, "npm", `${name}@${version}`);
    await mkdir(place, { recursive: true });
    await run(place, "tar", "-xzf", (tarballs[name] as string).replace("file:", ""), "--strip-components=1");
  }
  const other = await serveStatically(cdn, undefined, { "Access-Control-Allow-Origin": "*" });
  await writeFile(page, html.replace("https://cdn.jsdelivr.net/", other.url));
  const own = await serveStatically(application);
  return { url: own.url, close: async () => void (await Promise.all([own.close(), other.close()])) };
}

const EXAMPLES: Readonly<Record<string, Example>> = {
  Vite: { folder: "vite", builds: true, serve: files("dist") },
  "Vite's development server": { folder: "vite", builds: false, serve: own("vite", "--strictPort") },
  "webpack 5": { folder: "webpack", builds: true, serve: files("public") },
  Rspack: { folder: "rspack", builds: true, serve: files("public") },
  React: { folder: "react", builds: true, serve: files("dist"), read: value },
  Vue: { folder: "vue", builds: true, serve: files("dist"), read: value },
  Svelte: { folder: "svelte", builds: true, serve: files("dist"), read: value },
  "Next.js": { folder: "next", builds: true, serve: own("next", "start") },
  SvelteKit: { folder: "sveltekit", builds: true, serve: files("build") },
  "an import map": { folder: "import-map", builds: false, serve: files(".") },
  "a script tag, from another origin": { folder: "script-tag", builds: false, serve: withCdn },
  "a strict policy, isolated": { folder: "strict-csp", builds: true, serve: own("vite", "preview", "--strictPort") },
};

test.each(Object.keys(EXAMPLES))("%s", async (name) => {
  const { folder: example, builds, serve, read = drawn } = EXAMPLES[name] as Example;
  const application = await installed(example, folder, tarballs);
  if (builds) await run(application, "npm", "run", "build");
  const server = await serve(application);
  try {
    const { status, share, truck, sky } = await click(server.url, read);
    expect({ truck, sky }).toEqual({ truck: 1, sky: 0 });
    expect(share).toBeGreaterThan(0.1);
    expect(share).toBeLessThan(0.4);
    if (example === "strict-csp") expect(status).toMatch(/^score 0\.\d\d, [2-9] threads\. $/);
    else expect(status).toMatch(/^score 0\.\d\d$/);
    if (read === drawn) expect(await saidWithoutModel(server.url)).toContain(".onnx");
  } finally {
    await server.close();
  }
});

test("the README's first lines, in place of an example's own, show the cut-out", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const lines = /^```js\n([\s\S]*?)^```/m.exec(readme)?.[1] ?? "";
  const application = await installed("vite", folder, tarballs);
  await writeFile(join(application, "main.js"), lines);
  await run(application, "npm", "run", "build");
  const server = await serveStatically(join(application, "dist"));
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (message) => complaints.push(message.text()));
  try {
    await page.goto(server.url);
    const width = (): Promise<number> =>
      page.evaluate(() => (document.querySelectorAll("img")[1]?.complete ? document.images[1]?.naturalWidth : 0) ?? 0);
    await expect.poll(width, { timeout: 90_000 }).toBeGreaterThan(50);
    expect(complaints).toEqual([]);
  } finally {
    await page.close();
    await server.close();
  }
});

test("each example is tried, and listed in the README", async () => {
  const examples = new URL("../../examples/", import.meta.url);
  const entries = await readdir(examples, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect([...new Set(Object.values(EXAMPLES).map((example) => example.folder))].sort()).toEqual(folders.sort());
  const readme = await readFile(new URL("README.md", examples), "utf8");
  for (const name of folders) expect(readme).toContain(`[${name}](${name})`);
});

test.each([
  ["Vite", "vite", "main.js", "dist"],
  ["webpack 5", "webpack", "src/index.js", "public"],
  ["Rspack", "rspack", "src/index.js", "public"],
])("without the package of the built-in model, %s builds, and the call says what is missing", async (...given) => {
  const [, example, script, output] = given;
  const application = await installed(example, join(folder, "without"), tarballs, ["sam2-mini"]);
  const call = `segment(document.querySelector("img"), { point: [1, 1] })`;
  const code = `import { segment } from "sam2-web";\n${call}.catch(({ name }) => document.querySelector("output").append(name));`;
  await writeFile(join(application, script), code);
  await run(application, "npm", "run", "build");
  const server = await serveStatically(join(application, output));
  const page = await browser.newPage();
  try {
    await page.goto(server.url);
    await expect.poll(() => page.locator("output").textContent()).toBe("MissingPackageError");
  } finally {
    await page.close();
    await server.close();
  }
});

test("a package holds what it needs and nothing else", async () => {
  const contents = async (name: string): Promise<string[]> => {
    const place = join(folder, "contents", name);
    await mkdir(place, { recursive: true });
    await run(place, "tar", "-xzf", (tarballs[name] as string).replace("file:", ""), "--strip-components=1");
    return (await readdir(place)).sort();
  };
  expect(await contents("sam2-mini")).toEqual([
    "LICENSE",
    "README.md",
    "index.d.ts",
    "index.js",
    "onnx",
    "package.json",
  ]);
  expect(await contents("sam2-web")).toEqual(expect.arrayContaining(["LICENSE", "dist", "package.json", "standalone"]));
  const licenses = await readFile(join(folder, "contents", "sam2-web", "standalone", "LICENSES.md"), "utf8");
  expect(expectWholeLicenses(licenses)).toEqual([
    "@bufbuild/protobuf",
    "@noble/hashes",
    "comlink",
    "leven",
    "onnxruntime-web",
  ]);
});

describe("the container", () => {
  const CONTAINER = join(ROOT, "packages/sam2-node/container");
  let app: string;
  /** What the image starts, before a command. */
  let entry: string[];
  let service: { readonly command: string[]; readonly healthcheck: { readonly test: string[] } };
  const env = (): NodeJS.ProcessEnv => ({ ...process.env, SAM2_CACHE: join(app, "cache"), SAM2_TOKEN: "secret" });

  beforeAll(async () => {
    const containerfile = await readFile(join(CONTAINER, "Containerfile"), "utf8");
    service = parse(await readFile(join(CONTAINER, "compose.yaml"), "utf8")).services.serve;
    app = join(folder, "app");
    await mkdir(app);
    // what it installs, in the versions that are tested here
    const [, words = ""] = /npm install ((?:.|\\\n)*?)&&/.exec(containerfile) ?? [];
    const given = words.split(/[\s\\]+/).filter(Boolean);
    const names = given.filter((word) => !word.startsWith("--"));
    const { devDependencies } = JSON.parse(await readFile(join(ROOT, "packages/sam2-node/package.json"), "utf8"));
    const dependencies = Object.fromEntries(names.map((name) => [name, tarballs[name] ?? devDependencies[name]]));
    const overrides = Object.fromEntries(Object.entries(tarballs).filter(([name]) => !(name in dependencies)));
    await writeFile(join(app, "package.json"), JSON.stringify({ private: true, dependencies, overrides }));
    await run(app, "npm", "install", ...given.filter((word) => word.startsWith("--")), "--prefer-offline");
    const [, start = ""] = /^ENTRYPOINT (.*)$/m.exec(containerfile) ?? [];
    entry = (JSON.parse(start) as string[]).map((word) => word.replace(/^[/]app[/]/, `${app}/`));
  });

  test("the packed package's bin works in a folder that knows nothing else", async () => {
    const place = join(folder, "empty");
    await mkdir(place);
    const photo = join(ROOT, "models/reference/fixtures/photo/truck.png");
    await run(place, join(app, "node_modules/.bin/sam2"), "segment", photo, "--point", "150,105", "--masks", "masks");
    expect(await readdir(place, { recursive: true })).toEqual(["masks", "masks/truck.png", "masks/truck.png/1.png"]);
  });

  test("started as the image starts it, the server is healthy by its own check, and ends when it is told to", async () => {
    const port = String(await freePort());
    const [program = "", ...args] = [...entry, ...service.command].map((word) => (word === "8080" ? port : word));
    expect(program).toBe("node");
    const server = spawn(process.execPath, args, { cwd: app, env: env(), stdio: "ignore" });
    const ended = once(server, "exit");
    try {
      const [how, check = "", ...rest] = service.healthcheck.test;
      expect([how, check]).toEqual(["CMD", "node"]);
      const asked = rest.map((word) => word.replace("8080", port));
      const healthy = () =>
        run(app, process.execPath, ...asked).then(
          () => true,
          () => false,
        );
      await expect.poll(healthy, { timeout: 60_000, interval: 500 }).toBe(true);
    } finally {
      server.kill("SIGTERM");
    }
    expect(await ended).toEqual([0, null]);
  });
});
