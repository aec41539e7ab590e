import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { build, type Plugin } from "vite";

const LICENSES = "LICENSES.md";

/** Whose copyright it is, of packages that ship no license text: SPDX's list has the texts, with a blank for that. */
const COPYRIGHT: Readonly<Record<string, string>> = {
  "@bufbuild/protobuf": "Copyright 2021-2026 Buf Technologies, Inc.\nCopyright 2008 Google Inc. All rights reserved.",
  "onnxruntime-web": "Copyright (c) Microsoft Corporation",
};

/** What else is to be said of a package. */
const NOTES: Readonly<Record<string, (version: string) => string>> = {
  "onnxruntime-web": (version) =>
    "Its WebAssembly contains software of others: " +
    `https://github.com/microsoft/onnxruntime/blob/v${version}/ThirdPartyNotices.txt`,
  // names both licenses, and ships the text of one
  pako: () =>
    "Of its lib/zlib:\n\n(C) 1995-2013 Jean-loup Gailly and Mark Adler\n" +
    `(C) 2014-2017 Vitaly Puzrin and Andrey Tupitsin\n\n${spdxText("Zlib")}`,
};

/** A bundled package. */
interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license?: string | undefined;
  /** The license file that the package ships, if it ships one. */
  readonly text?: string;
}

const require = createRequire(import.meta.url);

/** The package that a module is of; null for our own modules. */
function packageOf(moduleId: string): BundledPackage | null {
  const [, folder] = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(moduleId) ?? [];
  if (folder === undefined) return null;
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as BundledPackage;
  const file = readdirSync(folder).find((each) => /^(licen[cs]e|copying)/i.test(each));
  return {
    name,
    version,
    license,
    ...(file === undefined ? {} : { text: readFileSync(join(folder, file), "utf8").trim() }),
  };
}

/** The text of a license of SPDX's list, without its line for a copyright. */
function spdxText(identifier: string): string {
  const file = require.resolve(`spdx-license-list/licenses/${identifier}.json`);
  const { licenseText } = JSON.parse(readFileSync(file, "utf8")) as { licenseText: string };
  return licenseText.replace(/^Copyright \(c\) <year>.*\n+/m, "").trim();
}

/**
 * The license texts of a package: its own file, else SPDX's texts of all the licenses that it names.
 *
 * @throws Error where a package names no license, or its copyright is not known
 */
export function licenseText({ name, license, text }: BundledPackage): string {
  if (license === undefined) throw new Error(`${name}: expected a license in its package.json`);
  if (text !== undefined) return text;
  const copyright = COPYRIGHT[name];
  if (copyright === undefined) {
    throw new Error(`${name} ships no license text: add whose copyright it is to ${import.meta.url}`);
  }
  const identifiers = license.split(/[()\s]+|\bAND\b|\bOR\b/).filter((part) => part !== "");
  return [copyright, ...identifiers.map(spdxText)].join("\n\n");
}

function toMarkdown(packages: readonly BundledPackage[]): string {
  const sections = packages.map((bundled) => {
    const { name, version, license } = bundled;
    const note = NOTES[name]?.(version);
    const paragraphs = [`## ${name} - ${version} (${license})`, ...(note ? [note] : []), licenseText(bundled)];
    return `${paragraphs.join("\n\n")}\n`;
  });
  return `# Licenses\n\nWhat is bundled here, and its licenses.\n\n${sections.join("\n")}`;
}

/**
 * Writes the licenses of all that is bundled, `LICENSES.md`: into these scripts, and into the workers that they start.
 *
 * @param input the scripts
 */
export function licenses(input: readonly string[]): Plugin {
  return {
    name: "licenses",
    apply: "build",
    async generateBundle() {
      const { root, resolve } = this.environment.config;
      const modules = new Set<string>();
      const record: Plugin = {
        name: "record-modules",
        generateBundle(_, bundle) {
          for (const file of Object.values(bundle)) {
            if (file.type === "chunk") for (const id of file.moduleIds) modules.add(id);
          }
        },
      };
      await build({
        configFile: false,
        logLevel: "error",
        root,
        publicDir: false,
        resolve: { conditions: [...resolve.conditions] },
        plugins: [record],
        worker: { format: "es", plugins: () => [record] },
        // what a library exports counts as used
        build: { write: false, rollupOptions: { input: [...input], preserveEntrySignatures: "strict" } },
      });
      const packages = new Map<string, BundledPackage>();
      for (const id of modules) {
        const bundled = packageOf(id);
        if (bundled) packages.set(`${bundled.name}@${bundled.version}`, bundled);
      }
      const sorted = [...packages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bundled]) => bundled);
      this.emitFile({ type: "asset", fileName: LICENSES, source: toMarkdown(sorted) });
    },
  };
}
