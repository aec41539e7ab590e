/**
 * Runs a command of this repository from a bare clone: `node run.mjs COMMAND [ARGUMENTS…]`.
 *
 * What is missing is installed first, a browser included, so this file uses nothing but Node's own
 * modules.
 */
import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = dirname(fileURLToPath(import.meta.url));
const MINI = join(ROOT, "models", "sam2-mini");
/** Where tarballs go, unless a folder is named. */
const TARBALLS = join(ROOT, ".cache", "packages");

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** Runs a program to its end; its failure is ours, unless `optional`. */
function run(command, args, { optional = false, ...options } = {}) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", ...options });
  if (!optional && error) fail(`${command}: ${error.message}`);
  if (!optional && status !== 0) process.exit(status ?? 1);
  return status === 0;
}

/** Runs a step whose output is of interest only when something goes wrong, and then on stderr. */
function quietly(command, args, options = {}) {
  return run(command, args, { stdio: ["ignore", 2, 2], ...options });
}

/** The path of a tool that npm installed. */
function tool(name) {
  return join(ROOT, "node_modules", ".bin", name);
}

/** Runs a TypeScript program; relative paths in its arguments are the caller's. */
function program(path, args) {
  run(tool("tsx"), [join(ROOT, path), ...args], { cwd: process.env.INIT_CWD ?? process.cwd() });
}

/** Runs a command of sam2-node, as it is compiled; relative paths in its arguments are the caller's. */
function sam2(command, args) {
  const main = join(ROOT, "packages", "sam2-node", "dist", "command", "main.js");
  run(process.execPath, [main, command, ...args], { cwd: process.env.INIT_CWD ?? process.cwd() });
}

function isNewer(file, than) {
  return existsSync(file) && existsSync(than) && statSync(file).mtimeMs >= statSync(than).mtimeMs;
}

function installPackages() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`Node 20.19 or newer is needed, this is ${process.version}`);
  if (isNewer(join(ROOT, "node_modules", ".package-lock.json"), join(ROOT, "package-lock.json"))) return;
  process.stderr.write("installing npm packages, a minute or two\n");
  quietly("npm", ["ci", "--no-audit", "--no-fund"]);
}

/** Compiles the packages: other packages, and browsers, use what is compiled. */
function compile() {
  quietly(tool("tsc"), ["--build"]);
}

/** The ONNX files of the built-in model, made from its checkpoint; anew when that, the exporter or the contract has changed. */
function exportBuiltInModel() {
  const folders = ["sam2-export", "sam2-contract"].map((name) => join(ROOT, "packages", name, "src"));
  const code = folders.flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)));
  const checkpoint = ["config.json", "model.safetensors"].map((name) => join(MINI, name));
  const made = join(MINI, "onnx", "model.json");
  if ([...checkpoint, ...code].every((source) => isNewer(made, source))) return;
  // an export goes nowhere near its checkpoint
  const aside = join(ROOT, ".cache", "sam2-mini");
  const args = [MINI, "--out", aside, "--id", "sam2-mini", "--dtype", "fp16", "--canary"];
  quietly(tool("tsx"), [join(ROOT, "packages/sam2-export/src/cli.ts"), ...args]);
  mkdirSync(dirname(made), { recursive: true });
  for (const name of ["encoder.onnx", "decoder.onnx", "model.json"])
    copyFileSync(join(aside, name), join(dirname(made), name));
}

/** An installed Chromium or Chrome, else Playwright's own, else Debian's package. */
async function installBrowser() {
  const finder = pathToFileURL(join(ROOT, "packages/headless/dist/browser.js")).href;
  const { findBrowser } = await import(finder);
  if (findBrowser()) return;
  process.stderr.write("no Chromium or Chrome is installed; fetching one\n");
  if (quietly(tool("playwright"), ["install", "chromium"], { optional: true, timeout: 600_000 }) && findBrowser())
    return;
  if (existsSync("/usr/bin/apt-get")) {
    quietly("apt-get", ["update"], { optional: true });
    quietly("apt-get", ["install", "-y", "chromium"], {
      optional: true,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
    if (findBrowser()) return;
  }
  fail("A browser is needed and could not be installed. Install Chromium or Chrome, or set CHROME_PATH to one.");
}

/** Debian's Redis, for the tests of the queue, where it can be had; without one they are skipped. */
function installRedis() {
  const isThere = ["redis-server", "valkey-server"].some((name) => spawnSync(name, ["--version"]).status === 0);
  if (isThere || !existsSync("/usr/bin/apt-get") || process.getuid?.() !== 0) return;
  process.stderr.write("no Redis or Valkey is installed; fetching one\n");
  quietly("apt-get", ["install", "-y", "redis-server"], {
    optional: true,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
}

async function prepare() {
  installPackages();
  compile();
  exportBuiltInModel();
}

const PUBLISHED = [
  "packages/sam2-contract",
  "packages/sam2-core",
  "packages/sam2-export",
  "packages/sam2-web",
  "packages/sam2-node",
  "packages/sam2-hosted",
  "packages/sam2-canvas",
  "packages/sam2-react",
  "packages/sam2-adapters",
  "models/sam2-mini",
];

/** Names of tarballs that `pack` makes, in any version. */
const OUR_TARBALL = new RegExp(`^(?:${PUBLISHED.map((name) => basename(name)).join("|")})-\\d+\\.\\d+\\.\\d+.*\\.tgz$`);

/** Makes the packages' tarballs in a folder, in place of those of earlier versions. */
function pack(folder) {
  const standalone = ["build", "packages/sam2-web", "--config", "packages/sam2-web/standalone.vite.config.ts"];
  quietly(tool("vite"), [...standalone, "--logLevel", "error"]);
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) if (OUR_TARBALL.test(name)) rmSync(join(folder, name));
  for (const name of PUBLISHED) copyFileSync(join(ROOT, "LICENSE"), join(ROOT, name, "LICENSE"));
  const workspaces = PUBLISHED.flatMap((name) => ["--workspace", name]);
  quietly("npm", ["pack", "--silent", "--pack-destination", folder, ...workspaces]);
}

/**
 * Writes which versions the packages take each other in as peers. The built-in model stays as it is: it is checked when it is
 * opened.
 */
function takePeersIn(range) {
  for (const name of PUBLISHED) {
    const file = join(ROOT, name, "package.json");
    const content = JSON.parse(readFileSync(file, "utf8"));
    for (const peer of Object.keys(content.peerDependencies ?? {}))
      if (peer !== "sam2-mini" && PUBLISHED.includes(`packages/${peer}`)) content.peerDependencies[peer] = range;
    writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  }
}

/** The version that all packages have. */
function version() {
  return JSON.parse(readFileSync(join(ROOT, "packages/sam2-web/package.json"), "utf8")).version;
}

/** Writes the packages' version into the examples and the guides, which name it as their readers install it. */
function nameVersionInExamples() {
  const named = /\b(sam2-[a-z]+)(@|": ")\d+\.\d+\.\d+/g;
  for (const folder of ["examples", "docs/guides"]) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true })) {
      const file = join(ROOT, folder, name);
      if (!/\.(json|html|md)$/.test(name) || name.includes("node_modules")) continue;
      const text = readFileSync(file, "utf8");
      const renamed = text.replace(named, `$1$2${version()}`);
      if (renamed !== text) writeFileSync(file, renamed);
    }
  }
}

/** The report of the public surface; it must be as it is kept, and all of it documented. */
const SURFACE = ["run", "--config", "packages/sam2-web/api-extractor.json"];

/** Folders whose imports are looked at. */
const CRUISED = ["packages", "models", "demo", "bench", "e2e", "docs"];

/** What `check` runs, by name: a command and its arguments. */
function checks() {
  const names = readdirSync(TARBALLS).filter((name) => name.endsWith(".tgz"));
  const tarballs = names.map((name) => join(TARBALLS, name));
  return [
    ["tests in Node", tool("vitest"), "run", "--project", "node"],
    ["format and lint", tool("biome"), "check", "--error-on-warnings"],
    ["types of tests and pages", tool("tsc"), "--project", "tsconfig.tests.json"],
    ["types of the service worker", tool("tsc"), "--project", "demo/service-worker"],
    ["public surface", tool("api-extractor"), ...SURFACE],
    ["import rules", tool("depcruise"), "--config", ".dependency-cruiser.mjs", "--output-type", "err", ...CRUISED],
    ["picture of the imports", tool("tsx"), "docs/imports.ts", "--check"],
    ["unused code", tool("knip"), "--no-progress"],
    ["sizes of packages", tool("size-limit")],
    ["types of packages", tool("tsx"), "e2e/repository/package-types.ts", ...tarballs],
    ...names.map((name, i) => [`package: ${name}`, tool("publint"), "--strict", tarballs[i]]),
  ];
}

/** Runs a check; its output is shown where it fails. */
function attempt([name, command, ...args]) {
  const start = performance.now();
  return new Promise((done) => {
    let output = "";
    const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => (output += error.message));
    child.on("close", (code) => {
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      process.stdout.write(code === 0 ? `✓ ${name} ${seconds} s\n` : `✗ ${name} ${seconds} s\n${output}\n`);
      done(code === 0);
    });
  });
}

/** Runs checks, as many at a time as there are cores; true when all went well. */
async function attemptAll(waiting) {
  let passed = true;
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) passed = (await attempt(next)) && passed;
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return passed;
}

/** Runs the tests of these projects (vite.config.ts says what is in them), those that match a filter; false if any fails. */
async function passes(projects, filters) {
  await prepare();
  if (projects.some((project) => !IN_NODE.includes(project))) await installBrowser();
  if (projects.includes("faults")) installRedis();
  const args = ["run", ...projects.flatMap((project) => ["--project", project]), ...filters];
  return new Promise((done) => {
    const child = spawn(tool("vitest"), args, { cwd: ROOT, stdio: "inherit" });
    child.on("error", (error) => fail(error.message));
    child.on("close", (code) => done(code === 0));
  });
}

async function test(projects, filters) {
  if (!(await passes(projects, filters))) process.exit(1);
}

/** A minute of fuzz. The same cases each time: whether a change lands is no matter of chance. */
const MINUTE_OF_FUZZ = ["a minute of fuzz", tool("tsx"), "e2e/fuzz/main.ts", "60", "--seed", "1", "--no-keep"];

/** Projects of tests that need no browser. */
const IN_NODE = ["node", "native"];

/** What `test` runs after the check, which has run the first. */
const AFTER_CHECK = ["browser", "e2e"];

/** What `test` leaves to commands of their own, since it takes long. */
const MODELS = ["native", "webgpu", "models"];
const FAULTS = ["faults", "alone"];

/** What the docs site takes from the code: the API pages, and the demo as it is built. */
async function prepareDocs() {
  await COMMANDS.build.run();
  const demo = join(ROOT, ".cache/docs/demo");
  rmSync(demo, { recursive: true, force: true });
  cpSync(join(ROOT, "demo/dist"), demo, { recursive: true });
  quietly(tool("tsx"), ["docs/api.ts"]);
}

/** Each command: what it takes, what it does, and how. */
const COMMANDS = {
  start: {
    does: "build the demo, serve it, print its address",
    async run(args) {
      await prepare();
      quietly(tool("vite"), ["build", "demo", "--logLevel", "error"]);
      run(tool("vite"), ["preview", "demo", "--host", "127.0.0.1", ...args]);
    },
  },
  dev: {
    does: "serve the demo's sources; a change shows at once",
    async run(args) {
      await prepare();
      run(tool("vite"), ["demo", "--host", "127.0.0.1", ...args]);
    },
  },
  build: {
    does: "compile the packages, export the built-in model, build the demo to demo/dist",
    async run() {
      await prepare();
      quietly(tool("vite"), ["build", "demo", "--logLevel", "error"]);
    },
  },
  check: {
    does: "in a minute: types, format, lint, import rules, unused code, packages, tests in Node",
    async run() {
      await prepare();
      pack(TARBALLS);
      if (!(await attemptAll(checks()))) process.exit(1);
    },
  },
  test: {
    takes: "[FILTER…]",
    does: "check, tests in Chromium, a minute of fuzz; with a filter, tests in files that match, in all but browsers and examples",
    async run(filters) {
      if (filters.length > 0) return test(["node", ...AFTER_CHECK, ...MODELS, ...FAULTS], filters);
      await COMMANDS.check.run();
      const passed = await Promise.all([attempt(MINUTE_OF_FUZZ), passes(AFTER_CHECK, [])]);
      if (passed.includes(false)) process.exit(1);
    },
  },
  "test:node": {
    takes: "[FILTER…]",
    does: "tests of pure logic, in Node",
    run: (filters) => test(["node"], filters),
  },
  "test:browser": {
    takes: "[FILTER…]",
    does: "tests of the packages, in Chromium with software WebGPU",
    run: (filters) => test(["browser"], filters),
  },
  "test:e2e": {
    takes: "[FILTER…]",
    does: "tests of the demo, and of the hosted APIs in a page, as people use them",
    run: (filters) => test(["e2e"], filters),
  },
  "test:models": {
    takes: "[FILTER…]",
    does: "tests of exported models against the reference, in Node and on software WebGPU, and of the command line",
    run: (filters) => test(MODELS, filters),
  },
  "test:faults": {
    takes: "[FILTER…]",
    does: "tests of what is to hold when something fails: deployments, storage, networks, GPUs, queues; and of memory",
    run: (filters) => test(FAULTS, filters),
  },
  "test:browsers": {
    takes: "[FILTER…]",
    does: "tests of the demo in Firefox, WebKit and Chromium, and of WebGPU in Firefox; installs what is missing",
    async run(filters) {
      await prepare();
      program("e2e/browsers/install.ts", []);
      run(tool("vitest"), ["run", "--project", "browsers", ...filters]);
    },
  },
  "test:examples": {
    takes: "[-t NAME]",
    does: "install, build and click through every folder of examples, with the packages as they would be published",
    async run(args) {
      await prepare();
      await installBrowser();
      run(tool("vitest"), ["run", "--project", "examples", "--reporter", "verbose", ...args]);
    },
  },
  fuzz: {
    takes: "[SECONDS]",
    does: "feed every reader with broken input; what fails is kept in e2e/fuzz/corpus",
    async run(args) {
      await prepare();
      program("e2e/fuzz/main.ts", args);
    },
  },
  soak: {
    takes: "[MINUTES]",
    does: "use two windows of the demo at random: what they take must stay flat",
    async run(args) {
      await prepare();
      await installBrowser();
      program("e2e/soak/main.ts", args);
    },
  },
  format: {
    does: "format the code, and mend what the linter can",
    async run() {
      installPackages();
      run(tool("biome"), ["check", "--write"]);
    },
  },
  report: {
    does: "after a change that was meant: write the public surface's report and the picture of the imports anew",
    async run() {
      await prepare();
      quietly(tool("api-extractor"), [...SURFACE, "--local"]);
      run(tool("tsx"), ["docs/imports.ts"]);
    },
  },
  changeset: {
    does: "note a change for CHANGELOG.md",
    async run(args) {
      installPackages();
      run(tool("changeset"), args);
    },
  },
  "release-notes": {
    does: "turn the noted changes into the packages' CHANGELOG.md and their new version, in the examples too",
    run() {
      installPackages();
      // a peer that leaves its range would make the release a major one
      takePeersIn("*");
      run(tool("changeset"), ["version"]);
      takePeersIn(version());
      run("npm", ["install", "--package-lock-only"]);
      nameVersionInExamples();
    },
  },
  release: {
    does: "publish the packages whose version is new; for the workflow of releases",
    async run() {
      await prepare();
      pack(TARBALLS);
      run(tool("changeset"), ["publish"]);
    },
  },
  pack: {
    takes: "[FOLDER]",
    does: "make the packages' tarballs, in .cache/packages by default",
    async run([folder]) {
      await prepare();
      pack(folder === undefined ? TARBALLS : resolve(process.env.INIT_CWD ?? process.cwd(), folder));
    },
  },
  docs: {
    takes: "[--serve] [--base PATH]",
    does: "build the docs site, the demo in it, to docs/.vitepress/dist; dead links fail",
    async run(args) {
      await prepareDocs();
      const served = args.indexOf("--serve");
      const rest = args.filter((_, at) => at !== served);
      quietly(tool("vitepress"), ["build", "docs", ...rest]);
      if (served >= 0) run(tool("vitepress"), ["preview", "docs", ...rest]);
    },
  },
  "dev:docs": {
    does: "serve the docs' sources; a change shows at once",
    async run(args) {
      await prepareDocs();
      run(tool("vitepress"), ["dev", "docs", ...args]);
    },
  },
  segment: {
    takes: "IMAGE … --out FILE [--browser]",
    does: "segment a picture: `sam2 segment`; with --browser, or --device wasm, in a headless browser",
    async run(args) {
      await prepare();
      const inBrowser = args.includes("--browser") || args.join(" ").match(/--device[ =]wasm\b/);
      if (!inBrowser) return sam2("segment", args);
      await installBrowser();
      program(
        "packages/headless/src/segment.ts",
        args.filter((argument) => argument !== "--browser"),
      );
    },
  },
  export: {
    takes: "FOLDER --out FOLDER",
    does: "a checkpoint to ONNX",
    async run(args) {
      installPackages();
      compile();
      sam2("export", args);
    },
  },
  bench: {
    takes: "[NAME…]",
    does: "measure this machine",
    async run(args) {
      await prepare();
      await installBrowser();
      program("bench/main.ts", args);
    },
  },
  film: {
    takes: "[FILE]",
    does: "does the job of docs/page.md in the demo, counts it, and films it; .cache/film.webp by default",
    async run(args) {
      await prepare();
      await installBrowser();
      program("demo/film.ts", args);
    },
  },
  screenshots: {
    takes: "[FOLDER]",
    does: "pictures of every view of the demo, in .cache/screenshots by default",
    async run(args) {
      await prepare();
      await installBrowser();
      program("demo/screenshots.ts", args);
    },
  },
};

function usage() {
  const rows = Object.entries(COMMANDS).map(([name, { takes = "", does }]) => [`${name} ${takes}`.trim(), does]);
  const width = Math.max(...rows.map(([left]) => left.length));
  const lines = rows.map(([left, does]) => `  ${left.padEnd(width)}  ${does}`);
  return `usage: npm run COMMAND [-- ARGUMENTS…]\n\n${lines.join("\n")}\n`;
}

const [name = "help", ...args] = process.argv.slice(2);
if (name === "help") process.stdout.write(usage());
else if (!Object.hasOwn(COMMANDS, name)) fail(`no command ${name}\n\n${usage()}`);
else await COMMANDS[name].run(args);
