/** Cases that were found once: a folder for each target, tried again by every test. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Target } from "./target.ts";

const FOLDER = fileURLToPath(new URL("corpus", import.meta.url));

/** A kept case. */
export interface KeptCase {
  readonly target: string;
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** All kept cases. */
export function keptCases(): KeptCase[] {
  return readdirSync(FOLDER).flatMap((target) =>
    readdirSync(join(FOLDER, target)).map((file) => ({
      target,
      file,
      bytes: new Uint8Array(readFileSync(join(FOLDER, target, file))),
    })),
  );
}

/** Keeps a case, named by its content; a better name may be given by hand. @returns its path */
export function keepCase({ name, isJson }: Target, bytes: Uint8Array): string {
  const folder = join(FOLDER, name);
  const file = `${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}.${isJson ? "json" : "bin"}`;
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), bytes);
  return join(folder, file);
}
