/**
 * Writes the API pages from the packages' declarations to docs/api: a page for each entry point, and of large packages
 * one for each topic; pages.json has them in order.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import {
  Application,
  Comment,
  Converter,
  DeclarationReflection,
  type ProjectReflection,
  ReflectionKind,
  Renderer,
  type TypeDocOptions,
} from "typedoc";
import type { PluginOptions } from "typedoc-plugin-markdown";
import type { ApiPage } from "./.vitepress/api-pages.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT = fileURLToPath(new URL("api", import.meta.url));

/** Packages whose names are published again by others, or that nobody imports. */
const LEFT_OUT = ["headless", "sam2-core"];

/** The package that most people use. */
const MAIN = "sam2-web";

/** A page of a package. */
interface Topic {
  readonly name: string;
  /** What is found there, in a sentence. */
  readonly says: string;
  /** What it takes: declarations by `path/of/file.d.ts#name`. The first topic that takes one has it. */
  readonly takes: RegExp;
}

/** Of packages that are too large for one page: their topics, in the order in which they are met. */
const TOPICS: Readonly<Record<string, readonly Topic[]>> = {
  "sam2-web": [
    {
      name: "Segmenting",
      says: "`createSegmenter`; or `segment`, all in one call.",
      takes: /\/(?:page\/shared|image\/source)\.|#(?:createSegmenter|SegmenterOptions)$/,
    },
    {
      name: "Segmenter",
      says: "What `createSegmenter` gives: images, prompts, everything mode, and the options of each call.",
      takes: /\/(?:page\/create-segmenter|segmenter\/(?:images|options)|second-look)\./,
    },
    { name: "Prompts", says: "What to segment: points, boxes, masks.", takes: /\/prompt\// },
    {
      name: "Results",
      says: "The answer: masks, best first, in every form.",
      takes: /\/(?:page|segmenter)\/result\.|\/detail\//,
    },
    { name: "Everything mode", says: "All things in a picture.", takes: /\/everything\// },
    { name: "Progress", says: "How far a call is.", takes: /\/progress\.|\/storage\/download\./ },
    {
      name: "Models and devices",
      says: "Which model, where it runs, and what is kept of it.",
      takes: /\/(?:model|runtime|storage|worker|predictor)\//,
    },
    { name: "Drawing", says: "Masks on a canvas, as label maps, and objects cut out.", takes: /\/mask\/overlay\./ },
    { name: "Masks", says: "RLE, polygons, areas and overlaps of masks; no browser is needed.", takes: /\/mask\// },
    {
      name: "Files",
      says: "Embeddings as files, sizes of pictures, Livepeer's JSON.",
      takes: /\/embedding\/|\/image\/header\.|\/livepeer\./,
    },
    { name: "In common with Node", says: "What sam2-web and sam2-node build on.", takes: /\/segmenter\/segmenter\./ },
    { name: "Errors", says: "Names of errors, and how to tell them.", takes: /\/errors\./ },
  ],
  "sam2-canvas": [
    { name: "Element", says: "`<sam2-canvas>`: properties and events.", takes: /\/sam2-canvas-element\./ },
    { name: "Session", says: "A view and a segmenter joined: prompts and answers.", takes: /\/session\./ },
    {
      name: "Picture view",
      says: "A picture with masks and marks: zoom, pan, pointers, keys.",
      takes: /\/(?:picture-view|input|paint|pyramid|emitter)\./,
    },
    { name: "Prompts and history", says: "Points and a box as plain data; undo.", takes: /\/(?:prompts|history)\./ },
    {
      name: "Geometry",
      says: "Where the picture is, and outlines of masks.",
      takes: /\/(?:viewport|contour|shape|paths)\./,
    },
  ],
  "sam2-node": [
    { name: "Segmenter", says: "`createSegmenter`, and what it gives.", takes: /\/segmenter\./ },
    {
      name: "Pictures, devices and the rest",
      says: "What Node takes for a picture, and where a model runs.",
      takes: /./,
    },
  ],
};

/** What users import: a name, and the declarations behind it. */
interface EntryPoint {
  readonly name: string;
  readonly declarations: string;
}

async function entryPointsOf(folder: string): Promise<EntryPoint[]> {
  const { name, exports } = JSON.parse(await readFile(join(ROOT, folder, "package.json"), "utf8"));
  const entries = Object.entries<{ types?: string }>(exports).map(([path, { types = "" }]) => ({
    name: path === "." ? name : `${name}/${path.slice(2)}`,
    path,
    declarations: join(ROOT, folder, types),
  }));
  const files = new Set<string>();
  return entries.filter(({ path, declarations }) => {
    // a second name of the same declarations has no page of its own
    const isNew = declarations.endsWith(".d.ts") && !files.has(declarations);
    files.add(declarations);
    return isNew && path !== "./internals";
  });
}

async function entryPoints(): Promise<EntryPoint[]> {
  const names = (await readdir(join(ROOT, "packages"))).filter((name) => !LEFT_OUT.includes(name));
  // names that several packages export have their page with the first of them
  const packages = [MAIN, ...names.filter((name) => name !== MAIN)];
  const folders = [...packages.map((name) => `packages/${name}`), "models/sam2-mini"];
  return (await Promise.all(folders.map(entryPointsOf))).flat();
}

/** Gives each module the name that users import it by; TypeDoc names it after its file. */
function rename(project: ProjectReflection, entries: readonly EntryPoint[]): void {
  const modules = project.getChildrenByKind(ReflectionKind.Module);
  for (const { name, declarations } of entries) {
    const file = relative(ROOT, declarations).replace(/(?:\/index)?\.d\.ts$/, "");
    const module = modules.find((each) => each.name === file);
    if (!module) throw new Error(`${name}: no module ${file} among ${modules.map((each) => each.name).join(", ")}`);
    module.name = name;
  }
}

/** Splits the module of a package into a module for each topic. */
function splitByTopic(project: ProjectReflection, name: string, known: readonly Topic[]): void {
  const whole = project.getChildByName([name]) as DeclarationReflection;
  const topics = known.map(({ name, says, takes }) => {
    const topic = new DeclarationReflection(name, ReflectionKind.Module, whole);
    topic.comment = new Comment([{ kind: "text", text: says }]);
    project.registerReflection(topic, undefined, undefined);
    return { topic, takes };
  });
  for (const child of [...(whole.children ?? [])]) {
    const declared = `${project.getSymbolIdFromReflection(child)?.packagePath}#${child.name}`;
    const found = topics.find(({ takes }) => takes.test(declared));
    if (!found) throw new Error(`${declared}: no topic takes it`);
    whole.removeChild(child);
    child.parent = found.topic;
    found.topic.addChild(child);
  }
  for (const { topic } of topics) whole.addChild(topic);
}

/** The pages of modules, in order, each with those below it. */
function pagesOf(modules: readonly DeclarationReflection[], addresses: ReadonlyMap<unknown, string>): ApiPage[] {
  return modules.map((module) => ({
    name: module.name,
    address: addresses.get(module)?.replace(/(?:index)?\.md$/, "") ?? "",
    pages: pagesOf(module.getChildrenByKind(ReflectionKind.Module), addresses),
  }));
}

const entries = await entryPoints();
const options: Partial<TypeDocOptions> & PluginOptions = {
  plugin: ["typedoc-plugin-markdown"],
  entryPoints: entries.map(({ declarations }) => relative(ROOT, declarations)),
  basePath: ROOT,
  tsconfig: fileURLToPath(new URL("tsconfig.json", import.meta.url)),
  readme: "none",
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  // what <sam2-canvas> has of every element is not ours to explain
  excludeExternals: true,
  sort: ["source-order"],
  outputs: [{ name: "markdown", path: OUT }],
  router: "module",
  entryFileName: "index",
  hidePageHeader: true,
  hideBreadcrumbs: true,
  parametersFormat: "table",
  interfacePropertiesFormat: "table",
  classPropertiesFormat: "table",
  typeAliasPropertiesFormat: "table",
  typeDeclarationFormat: "table",
  indexFormat: "table",
  tableColumnSettings: { hideModifiers: true, hideInherited: true },
  groupOrder: ["Functions", "Classes", "Interfaces", "Type Aliases", "Variables"],
  pageTitleTemplates: { index: "API", module: "{name}" },
  logLevel: "Warn",
};
const app = await Application.bootstrapWithPlugins(options);
// before declarations are grouped by their modules
app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
  rename(project, entries);
  for (const [name, topics] of Object.entries(TOPICS)) splitByTopic(project, name, topics);
});
let pages: ApiPage[] = [];
app.renderer.on(Renderer.EVENT_END, (rendered) => {
  const addresses = new Map(rendered.pages.map(({ model, url }) => [model, url]));
  const modules = rendered.project.getChildrenByKind(ReflectionKind.Module);
  const ordered = entries.flatMap(({ name }) => modules.filter((module) => module.name === name));
  pages = pagesOf(ordered, addresses);
});
const project = await app.convert();
if (!project) throw new Error("the declarations could not be read");
await app.generateOutputs(project);
await writeFile(join(OUT, "pages.json"), JSON.stringify(pages));
