/**
 * Runs a command of this repository from a bare clone: `node run.mjs COMMAND [ARGUMENTS…]`.
 *
 * What is missing is installed first, a browser included, so this file uses nothing but Node's own
 * modules.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = dirname(fileURLToPath(import.meta.url));
const MINI = join(ROOT, "models", "sam2-mini");

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

function isNewer(file, than) {
  return existsSync(file) && existsSync(than) && statSync(file).mtimeMs >= statSync(than).mtimeMs;
}

function installPackages() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`Node 20.19 or newer is needed, this is ${process.version}`);
  if (isNewer(join(ROOT, "node_modules", ".package-lock.json"), join(ROOT, "package-lock.json"))) return;
  quietly("npm", ["ci", "--no-audit", "--no-fund"]);
}

/** Compiles the packages: other packages, and browsers, use what is compiled. */
function compile() {
  quietly(tool("tsc"), ["--build"]);
}

/** The ONNX files of the built-in model, made from its checkpoint; anew when that or the exporter has changed. */
function exportBuiltInModel() {
  const exporter = join(ROOT, "packages", "sam2-export", "src");
  const sources = readdirSync(exporter, { recursive: true }).map((file) => join(exporter, file));
  const made = join(MINI, "onnx", "model.json");
  if ([join(MINI, "model.safetensors"), ...sources].every((source) => isNewer(made, source))) return;
  const args = [MINI, "--out", join(MINI, "onnx"), "--id", "sam2-mini", "--dtype", "fp16", "--canary"];
  quietly(tool("tsx"), [join(ROOT, "packages/sam2-export/src/cli.ts"), ...args]);
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

/** Fails when the public surface lacks documentation or differs from its report, unless that is written anew. */
function reportSurface(...options) {
  quietly(tool("api-extractor"), ["run", "--config", "packages/sam2-web/api-extractor.json", ...options]);
}

async function prepare() {
  installPackages();
  compile();
  exportBuiltInModel();
}

const COMMANDS = {
  /** Builds the demo and serves it; prints its address. */
  async start(args) {
    await prepare();
    quietly(tool("vite"), ["build", "demo", "--logLevel", "error"]);
    run(tool("vite"), ["preview", "demo", "--host", "127.0.0.1", ...args]);
  },
  async test(args) {
    await prepare();
    await installBrowser();
    run(tool("biome"), ["check", "--error-on-warnings"]);
    for (const project of ["tsconfig.tests.json", "demo/service-worker"]) run(tool("tsc"), ["--project", project]);
    reportSurface();
    // one after the other: some tests look at how long the page is blocked
    for (const project of ["node", "browser"]) {
      const filtered = args.length > 0 ? ["--passWithNoTests", ...args] : [];
      run(tool("vitest"), ["run", "--project", project, "--no-file-parallelism", ...filtered]);
    }
  },
  async segment(args) {
    await prepare();
    await installBrowser();
    program("packages/headless/src/segment.ts", args);
  },
  async bench(args) {
    await prepare();
    await installBrowser();
    program("bench/main.ts", args);
  },
  /** Pictures of every view of the demo, in a folder, .cache/screenshots by default. */
  async screenshots(args) {
    await prepare();
    await installBrowser();
    program("demo/screenshots.ts", args);
  },
  /** Makes the packages' tarballs in a folder, .cache/packages by default. */
  async pack([folder = join(ROOT, ".cache", "packages")]) {
    await prepare();
    quietly(tool("vite"), [
      "build",
      "packages/sam2-web",
      "--config",
      "packages/sam2-web/standalone.vite.config.ts",
      "--logLevel",
      "error",
    ]);
    mkdirSync(folder, { recursive: true });
    const packages = ["packages/sam2-export", "packages/sam2-web", "packages/sam2-hosted", "models/sam2-mini"];
    for (const name of packages) copyFileSync(join(ROOT, "LICENSE"), join(ROOT, name, "LICENSE"));
    const workspaces = packages.flatMap((name) => ["--workspace", name]);
    quietly("npm", ["pack", "--silent", "--pack-destination", folder, ...workspaces]);
  },
  /** Writes the report of the public surface, after a change that was meant. */
  async report() {
    await prepare();
    reportSurface("--local");
  },
  async export(args) {
    installPackages();
    program("packages/sam2-export/src/cli.ts", args);
  },
};

const [name, ...args] = process.argv.slice(2);
if (!Object.hasOwn(COMMANDS, name ?? "")) fail(`usage: node run.mjs ${Object.keys(COMMANDS).join("|")} [arguments]`);
await COMMANDS[name](args);
