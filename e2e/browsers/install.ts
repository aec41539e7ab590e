/**
 * Installs the browsers that these tests run in, from Debian's packages, where that is possible. What is not to be
 * had is said loudly; its tests are skipped by name.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Engine } from "./driver.ts";
import { LAVAPIPE } from "./lavapipe.ts";
import { CHROMIUM, FIREFOX } from "./puppeteer.ts";
import { WEBKIT } from "./webkit.ts";

const ENGINES: readonly Engine[] = [FIREFOX, WEBKIT, CHROMIUM, LAVAPIPE];

/** Lists of bookworm-backports, kept apart: the system's own sources stay as they are. */
const APART = fileURLToPath(new URL("../../.cache/apt/", import.meta.url));
const BACKPORTS = `Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`;

/** Milliseconds that a step of installing may take, where the network does not answer. */
const PATIENCE = 300_000;

function apt(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = ["-q", "-o", "Acquire::http::Timeout=20", ...args];
  return spawnSync("apt-get", options, { stdio: ["ignore", 2, 2], env, timeout: PATIENCE }).status === 0;
}

/** Installs the newest versions that bookworm-backports has. */
function installBackports(packages: readonly string[]): void {
  mkdirSync(`${APART}sources`, { recursive: true });
  mkdirSync(`${APART}lists/partial`, { recursive: true });
  writeFileSync(`${APART}sources/backports.sources`, BACKPORTS);
  const options = [
    "Dir::Etc::SourceList=/dev/null",
    `Dir::Etc::SourceParts=${APART}sources`,
    `Dir::State::Lists=${APART}lists`,
  ].flatMap((option) => ["-o", option]);
  if (apt(...options, "update")) {
    apt(...options, "install", "-y", "--no-install-recommends", "-t", "bookworm-backports", ...packages);
  }
}

/** The facts of the system's os-release file. */
function system(): string {
  return existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
}

function install(packages: readonly string[]): void {
  if (!existsSync("/usr/bin/apt-get") || process.getuid?.() !== 0) return;
  // bookworm's own Mesa is too old for WebGPU
  const tooOld = /^VERSION_CODENAME=bookworm$/m.test(system()) ? ["mesa-vulkan-drivers"] : [];
  const others = packages.filter((name) => !tooOld.includes(name));
  // what cannot be updated may still be installed
  apt("update");
  if (others.length > 0) apt("install", "-y", "--no-install-recommends", ...others);
  if (tooOld.some((name) => packages.includes(name))) installBackports(tooOld);
}

const missing = ENGINES.filter(({ absence }) => absence() !== null);
if (missing.length > 0) install([...new Set(missing.flatMap(({ packages }) => packages))]);
for (const { name, absence } of ENGINES) {
  const reason = absence();
  if (reason !== null) process.stderr.write(`SKIPPED: the tests in ${name}, since ${reason}\n`);
}
