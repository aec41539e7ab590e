/** An example as a newcomer has it: copied to a folder that knows nothing of this repository, with packed packages. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "../free-port.ts";

export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

const ENVIRONMENT = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: undefined, CI: "true" };

/** Runs a program to its end; what it wrote is in the error when it fails. */
export async function run(folder: string, command: string, ...args: string[]): Promise<void> {
  const options = { cwd: folder, env: ENVIRONMENT, maxBuffer: 2 ** 26 };
  await promisify(execFile)(command, args, options).catch(({ stdout, stderr }) => {
    throw new Error(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  });
}

/** The packed packages, by name: the addresses of their files, as npm takes them. */
export type Tarballs = Readonly<Record<string, string>>;

/** Packs the packages as they would be published; the folder may hold other files. */
export async function packed(folder: string): Promise<Tarballs> {
  await run(ROOT, process.execPath, join(ROOT, "run.mjs"), "pack", folder);
  const files = (await readdir(folder)).filter((file) => /^sam2-.*\.tgz$/.test(file));
  return Object.fromEntries(files.map((file) => [file.replace(/-[\d.]+\.tgz$/, ""), `file:${join(folder, file)}`]));
}

/**
 * Copies an example, and installs it with the packed packages in place of the published ones.
 *
 * @param without dependencies that are left out
 */
export async function installed(
  example: string,
  parent: string,
  tarballs: Tarballs,
  without: readonly string[] = [],
): Promise<string> {
  const folder = join(parent, example);
  await mkdir(folder, { recursive: true });
  await cp(join(ROOT, "examples", example), folder, {
    recursive: true,
    filter: (path) => !path.endsWith("node_modules"),
  });
  const file = join(folder, "package.json");
  const { dependencies = {}, ...rest } = JSON.parse(await readFile(file, "utf8"));
  const wanted = Object.keys(dependencies).filter((name) => !without.includes(name));
  const direct = Object.fromEntries(wanted.map((name) => [name, tarballs[name] ?? dependencies[name]]));
  const overrides = Object.fromEntries(Object.entries(tarballs).filter(([name]) => !(name in direct)));
  await writeFile(file, JSON.stringify({ ...rest, dependencies: direct, overrides }));
  await run(folder, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline");
  return folder;
}

/** A program that serves until it is ended. */
export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts an example's own server, a program that npm installed, and waits until it answers. */
export async function served(folder: string, program: string, ...args: string[]): Promise<Served> {
  const port = await freePort();
  const file = join(folder, "node_modules", ".bin", program);
  const child = spawn(file, [...args, "--port", String(port)], { cwd: folder, env: ENVIRONMENT });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const url = `http://localhost:${port}/`;
  for (;;) {
    const answer = await fetch(url).catch(() => null);
    if (answer?.ok) break;
    if (child.exitCode !== null) throw new Error(`${program} ${args.join(" ")}\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const close = async (): Promise<void> => {
    child.kill();
    if (child.exitCode === null) await once(child, "exit");
  };
  return { url, close };
}
