/**
 * Runs a command of this repository from a bare clone: `node run.mjs COMMAND [ARGUMENTS…]`.
 *
 * What is missing is installed first, so this file uses nothing but Node's own modules.
 */
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(fileURLToPath(import.meta.url));

/** TypeScript entry points, run by tsx; paths are given relative to the caller's folder. */
const PROGRAMS = {
  export: "packages/sam2-export/src/cli.ts",
};

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit", ...options });
  if (error) fail(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

/** The path of a tool that npm installed. */
function tool(name) {
  return join(ROOT, "node_modules", ".bin", name);
}

function installPackages() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) fail(`Node 20.19 or newer is needed, this is ${process.version}`);
  const lock = join(ROOT, "package-lock.json");
  const stamp = join(ROOT, "node_modules", ".package-lock.json");
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs) return;
  run("npm", ["ci", "--no-audit", "--no-fund"], { stdio: ["ignore", 2, 2] });
}

/** Every check and test. */
function test(args) {
  run(tool("biome"), ["check", "--error-on-warnings"]);
  run(tool("tsc"), ["--build"]);
  run(tool("vitest"), ["run", ...args]);
}

const COMMANDS = { test };

const [name, ...args] = process.argv.slice(2);
if (name in PROGRAMS) {
  installPackages();
  run(tool("tsx"), [join(ROOT, PROGRAMS[name]), ...args], { cwd: process.env.INIT_CWD ?? process.cwd() });
} else if (name in COMMANDS) {
  installPackages();
  COMMANDS[name](args);
} else {
  fail(`usage: node run.mjs ${[...Object.keys(COMMANDS), ...Object.keys(PROGRAMS)].join("|")} [arguments]`);
}
