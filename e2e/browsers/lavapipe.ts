/** Firefox with WebGPU on Mesa's lavapipe, which computes on the CPU: a second WebGPU for machines without a GPU. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Engine } from "./driver.ts";
import { FIREFOX, launchFirefox } from "./puppeteer.ts";

/** Where Vulkan's drivers are described. */
const DRIVERS = "/usr/share/vulkan/icd.d";

/** The description of lavapipe; undefined where it is not installed. */
function findDriver(): string | undefined {
  const name = existsSync(DRIVERS) ? readdirSync(DRIVERS).find((file) => /^lvp_icd.*\.json$/.test(file)) : undefined;
  return name === undefined ? undefined : join(DRIVERS, name);
}

function absence(): string | null {
  if (FIREFOX.absence() !== null) return FIREFOX.absence();
  const driver = findDriver();
  if (driver === undefined) return "lavapipe (mesa-vulkan-drivers) is not installed";
  const { api_version: version } = JSON.parse(readFileSync(driver, "utf8")).ICD as { api_version: string };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNew = major > 1 || (major === 1 && minor >= 4);
  return isNew ? null : `lavapipe has Vulkan ${version}, and 1.4 is needed (Mesa 25)`;
}

function launch(): Promise<Browser> {
  return launchFirefox(
    { "dom.webgpu.enabled": true, "dom.webgpu.workers.enabled": true, "gfx.webgpu.ignore-blocklist": true },
    { VK_ICD_FILENAMES: findDriver() as string, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir() },
  );
}

/** Firefox, and WebGPU computed by Mesa on the CPU. */
export const LAVAPIPE: Engine = {
  name: "Firefox on lavapipe",
  packages: [...FIREFOX.packages, "mesa-vulkan-drivers"],
  absence,
  isPrivate: false,
  launch,
};
