/** Functions that a user calls are documented with an example, and each example in the code, in docs/ and in a README compiles. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(ROOT, ".cache", "examples");
const DOCS = join(ROOT, "docs");

/** What examples may use without making it first. */
const GIVEN = `
import type { PictureView } from "sam2-canvas";
import type { Mask, SegmentResult, Segmenter, SegmenterImage } from "sam2-web";
declare global {
  /** A picture or a checkpoint that the user chose. */
  const file: File;
  /** Address of a picture. */
  const image_url: string;
  /** Address of a model.json. */
  const address: string;
  /** Where the user chooses a model. */
  const menu: HTMLSelectElement;
  /** Where the user chooses files. */
  const picker: HTMLInputElement;
  /** Where a picture is shown. */
  const stage: HTMLElement;
  const signal: AbortSignal;
  const context: CanvasRenderingContext2D;
  /** A progress bar. */
  const bar: HTMLProgressElement;
  const segmenter: Segmenter;
  const image: SegmenterImage;
  const result: SegmentResult;
  const view: PictureView;
}`;

/** An entry point of a published package: what users import, under which name. */
interface Entry {
  readonly name: string;
  /** Functions and other values. */
  readonly values: readonly string[];
}

/** A comment in a package's declarations, and what it describes. */
interface Documented {
  readonly package: string;
  readonly comment: string;
  /** Name of the function; undefined for whatever else. */
  readonly function: string | undefined;
}

/** Names that a module exports as values. */
function exportedValues(declarations: string): string[] {
  const listed = [...declarations.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, names = ""]) => names.split(","));
  const declared = [...declarations.matchAll(/^export declare (?:abstract )?(?:function|const|class) (\w+)/gm)];
  const names = listed.map((name) => name.trim()).filter((name) => name !== "" && !name.startsWith("type "));
  return [...names, ...declared.map(([, name = ""]) => name)];
}

async function readPackage(folder: string): Promise<{ entries: Entry[]; documented: Documented[] }> {
  const { name, exports } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const dist = join(folder, "dist");
  const files = (await readdir(dist, { recursive: true })).filter((file) => file.endsWith(".d.ts"));
  const texts = await Promise.all(files.map((file) => readFile(join(dist, file), "utf8")));
  const paths = Object.entries<{ types?: string }>(exports).filter(
    ([path, { types }]) => types?.startsWith("./dist/") && path !== "./internals",
  );
  const entries = paths.map(async ([path, { types = "" }]) => ({
    name: path === "." ? name : `${name}/${path.slice(2)}`,
    values: exportedValues(await readFile(join(folder, types), "utf8")),
  }));
  const comments = texts.flatMap((text) => [
    ...text.matchAll(/\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*(?:export declare function (\w+))?/g),
  ]);
  return {
    entries: await Promise.all(entries),
    documented: comments.map(([, comment = "", called]) => ({ package: name, comment, function: called })),
  };
}

const packages = (await readdir(join(ROOT, "packages"))).filter((name) => name.startsWith("sam2-"));
const read = await Promise.all(packages.map((name) => readPackage(join(ROOT, "packages", name))));
const entries = read.flatMap((each) => each.entries);
const documented = read.flatMap((each) => each.documented);

/** TypeScript in a comment. */
const examplesIn = (comment: string): string[] =>
  [...comment.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code.replaceAll(/^ *\* ?/gm, ""));

const functions = new Set(documented.flatMap((each) => each.function ?? []));
/** What users import: sam2-core is for the packages that publish its names again. */
const imported = entries.filter(({ name }) => name !== "sam2-core").flatMap(({ values }) => values);
const called = [...new Set(imported)].filter((name) => functions.has(name)).sort();

test("there are functions to look at", () => {
  expect(called).toEqual(
    expect.arrayContaining(["byteSource", "createHostedFetch", "createSegmenter", "handleHosted"]),
  );
});

test.each(called)("%s has an example", (name) => {
  const comments = documented.filter((each) => each.function === name).map(({ comment }) => comment);
  expect(comments.some((comment) => comment.includes("@example") && examplesIn(comment).length > 0)).toBe(true);
});

/** Imports of what an example needs of its own package, and does not import itself. */
function importsFor(code: string, owner: string): string {
  const taken = (code.match(/^import .*/gm) ?? []).join("\n");
  const has = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);
  const own = entries.filter(({ name }) => name === owner || name.startsWith(`${owner}/`));
  // the first entry of those that export a name: there may be another form of the same
  const from = new Map(own.reverse().flatMap(({ name, values }) => values.map((value) => [value, name] as const)));
  return [...from]
    .filter(([value]) => has(code, value) && !has(taken, value))
    .map(([value, name]) => `import { ${value} } from "${name}";\n`)
    .join("");
}

/** Pages in Markdown: the docs', the README and those of the packages. */
async function pages(): Promise<string[]> {
  const docs = (await readdir(DOCS, { recursive: true })).filter((file) =>
    /^(?!api\/|\.|node_modules\/).*\.md$/.test(file),
  );
  return ["README.md", ...packages.map((name) => `packages/${name}/README.md`), ...docs.map((file) => `docs/${file}`)];
}

/** The TypeScript of all pages, as files: their names tell the page and the place in it. Imports are the page's own. */
async function pageExamples(): Promise<[name: string, code: string][]> {
  const blocks = (await pages()).map(async (page) => {
    const text = await readFile(join(ROOT, page), "utf8").catch(() => "");
    return [...text.matchAll(/^```(tsx?)\n([\s\S]*?)^```/gm)].map(([, language, code = ""], i): [string, string] => [
      `${page.slice(0, -3).replaceAll("/", "-")}-${i + 1}.${language}`,
      code,
    ]);
  });
  return (await Promise.all(blocks)).flat();
}

/** What the comparison with other libraries says that is written with this one: one click, and what is made of its result. */
async function comparedLines(): Promise<string> {
  const text = await readFile(join(DOCS, "comparison.md"), "utf8");
  const code = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, line = ""]) => line);
  const rows = text.split("\n").map((line) => line.split(" | "));
  const click = code(rows.find(([library]) => library === "| **sam2-web**")?.[1]);
  const table = rows.filter((cells) => cells.length > 2);
  const others = table.flatMap(([, ours]) => code(ours)).filter((line) => /^await |^result\./.test(line));
  expect([click.length, others.length > 3]).toEqual([2, true]);
  const imports = `import { segment, sharedSegmenter } from "sam2-web";\nconst image = new Image();\n`;
  return `${imports}${[...click, ...others].join("\n")}`;
}

test("examples compile", async () => {
  const inCode = documented.flatMap(({ package: owner, comment }) =>
    examplesIn(comment).map((code) => `${importsFor(code, owner)}${code}`),
  );
  expect(inCode.length).toBeGreaterThan(called.length);
  const inDocs = await pageExamples();
  expect(inDocs.length).toBeGreaterThan(20);
  const examples = [
    ...inCode.map((code, i) => [`example-${i + 1}.ts`, code] as const),
    ...inDocs,
    ["comparison.ts", await comparedLines()] as const,
  ];
  await rm(FOLDER, { recursive: true, force: true });
  await mkdir(FOLDER, { recursive: true });
  await Promise.all([
    ...examples.map(([name, code]) => writeFile(join(FOLDER, name), `${code}\nexport {};\n`)),
    writeFile(join(FOLDER, "given.d.ts"), GIVEN),
    writeFile(
      join(FOLDER, "tsconfig.json"),
      JSON.stringify({
        extends: "../../tsconfig.tests.json",
        compilerOptions: { jsx: "react-jsx" },
        include: ["*.ts", "*.tsx"],
        exclude: [],
      }),
    ),
  ]);
  const complaints = await new Promise<string>((resolve) => {
    execFile(join(ROOT, "node_modules", ".bin", "tsc"), ["--project", FOLDER], (_, stdout) => resolve(stdout));
  });
  expect(complaints).toBe("");
});
