/**
 * Draws who imports whom, from the code: docs/imports.svg. An arrow that follows from others is left out; a dashed
 * one is an import on demand. With `--check` nothing is written, and it fails where the picture is not that of the code.
 */
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Graphviz } from "@hpcc-js/wasm-graphviz";
import type { ICruiseResult } from "dependency-cruiser";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PICTURE = fileURLToPath(new URL("imports.svg", import.meta.url));

/** What is drawn: what people run, not what tests it. */
const SOURCES = ["packages", "models", "demo/src", "bench"];
const LEFT_OUT = "/test/|/standalone/|[.]vite[.]|[.]config[.]ts$";

/** Every file's imports, as the tool that checks the import rules sees them. */
function cruise(): ICruiseResult {
  const args = ["--config", ".dependency-cruiser.mjs", "--exclude", LEFT_OUT, "--output-type", "json", ...SOURCES];
  const output = execFileSync("node_modules/.bin/depcruise", args, { cwd: ROOT, maxBuffer: 2 ** 28 });
  return JSON.parse(output.toString());
}

/** Packages whose rooms are drawn. */
const CLUSTERS = ["sam2-core", "sam2-web"];

/** The box that a file is in: a room, another package, or a folder; null for what is not ours. */
function boxOf(file: string): string | null {
  const [, name = "", room = "index"] = /^packages\/([^/]+)\/(?:src\/(\w+))?/.exec(file) ?? [];
  if (CLUSTERS.includes(name)) return `${name}/${room}`;
  return /^(?:packages|models)\/([^/]+)\//.exec(file)?.[1] ?? /^(demo|bench)\//.exec(file)?.[1] ?? null;
}

/** Who imports whom, by box; true where each import is one on demand. */
type Imports = Map<string, Map<string, boolean>>;

function importsOf({ modules }: ICruiseResult): Imports {
  const found: Imports = new Map();
  for (const { source, dependencies } of modules) {
    for (const { resolved, dynamic } of dependencies) {
      const [from, to] = [boxOf(source), boxOf(resolved)];
      if (from === null || to === null || from === to) continue;
      const imported = found.get(from) ?? new Map<string, boolean>();
      found.set(from, imported.set(to, dynamic && (imported.get(to) ?? true)));
    }
  }
  return found;
}

/** Whether one box comes to another, by however many arrows. */
function reaches(imports: Imports, from: string, to: string, seen: Set<string> = new Set()): boolean {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  return [...(imports.get(from)?.keys() ?? [])].some((next) => reaches(imports, next, to, seen));
}

/** The arrows in DOT, without those that follow from others. */
function arrowsOf(imports: Imports): string[] {
  return [...imports].flatMap(([from, imported]) =>
    [...imported].flatMap(([to, onDemand]) => {
      const follows = [...imported.keys()].some((between) => between !== to && reaches(imports, between, to));
      return follows ? [] : [`"${from}" -> "${to}"${onDemand ? " [style=dashed]" : ""}`];
    }),
  );
}

async function draw(): Promise<string> {
  const imports = importsOf(cruise());
  const boxes = new Set([...imports].flatMap(([from, imported]) => [from, ...imported.keys()]));
  const clusters = CLUSTERS.map((name) => {
    const rooms = [...boxes].filter((box) => box.startsWith(`${name}/`)).sort();
    const labeled = rooms.map((box) => `"${box}" [label="${box.slice(name.length + 1)}"]`);
    return `subgraph "cluster_${name}" { label="${name}"; color="#1d4f91"; style=rounded
      ${labeled.join("\n      ")}
    }`;
  });
  const dot = `digraph {
    bgcolor=white; fontname=Helvetica; fontsize=12; nodesep=0.3; ranksep=0.35
    node [shape=box, style="rounded,filled", fillcolor="#eef4fc", color="#1d4f91", fontname=Helvetica, fontsize=12, height=0.35]
    edge [color="#00000099", arrowsize=0.6]
    ${clusters.join("\n    ")}
    ${arrowsOf(imports).sort().join("\n    ")}
  }`;
  return (await Graphviz.load()).dot(dot, "svg");
}

const picture = await draw();
if (!process.argv.includes("--check")) await writeFile(PICTURE, picture);
else if (picture !== (await readFile(PICTURE, "utf8").catch(() => ""))) {
  process.stderr.write("docs/imports.svg is not the picture of this code: `npm run report` draws it anew\n");
  process.exitCode = 1;
}
