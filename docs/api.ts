/** Writes the API pages from the packages' declarations: docs/api, a page for each entry point. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Application, type ProjectReflection, ReflectionKind, type TypeDocOptions } from "typedoc";
import type { PluginOptions } from "typedoc-plugin-markdown";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUT = fileURLToPath(new URL("api", import.meta.url));

/** Packages whose names are published again by others, or that nobody imports. */
const LEFT_OUT = ["headless", "sam2-core"];

/** The package that most people use. */
const MAIN = "sam2-web";

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
const project = await app.convert();
if (!project) throw new Error("the declarations could not be read");
rename(project, entries);
await app.generateOutputs(project);
