/** Checks that every link of the built site leads somewhere: to a file of it, and to the place in it that is named. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";

/** A page of the site: the names of its places, and what it links to. */
interface Page {
  readonly places: ReadonlySet<string>;
  readonly links: readonly string[];
}

const ENTITIES: Readonly<Record<string, string>> = { "&amp;": "&", "&quot;": '"', "&#39;": "'" };

const attributes = (html: string, names: string): string[] =>
  [...html.matchAll(new RegExp(`\\s(?:${names})="([^"]*)"`, "g"))].map(([, value = ""]) =>
    value.replace(/&\w+;|&#39;/g, (entity) => ENTITIES[entity] ?? entity),
  );

export function readPage(html: string): Page {
  return { places: new Set(attributes(html, "id")), links: attributes(html, "href|src") };
}

/**
 * Links that lead nowhere, each with its page.
 *
 * @param pages by their paths in the site, such as `guides/batch.html`
 * @param files paths of all files of the site
 */
export function deadLinks(pages: ReadonlyMap<string, Page>, files: ReadonlySet<string>, base: string): string[] {
  const site = new URL(base, "https://site.invalid");
  return [...pages].flatMap(([path, { links }]) =>
    links
      .filter((link) => {
        const target = new URL(link, new URL(path, site));
        if (target.origin !== site.origin) return false;
        if (!target.pathname.startsWith(site.pathname)) return true;
        const inSite = decodeURIComponent(target.pathname.slice(site.pathname.length));
        const file = inSite === "" || inSite.endsWith("/") ? `${inSite}index.html` : inSite;
        const place = decodeURIComponent(target.hash.slice(1));
        return !files.has(file) || (place !== "" && pages.get(file)?.places.has(place) === false);
      })
      .map((link) => `${path}: ${link}`),
  );
}

/** @throws where a link of the site built in `folder` leads nowhere */
export async function checkLinks(folder: string, base: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Set(
    entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name))),
  );
  // the demo is a site of its own, with tests of its own
  const htmlFiles = [...files].filter((file) => file.endsWith(".html") && !file.startsWith("demo/"));
  const read = async (file: string): Promise<[string, Page]> => [
    file,
    readPage(await readFile(join(folder, file), "utf8")),
  ];
  const dead = deadLinks(new Map(await Promise.all(htmlFiles.map(read))), files, base);
  if (dead.length > 0) throw new Error(`dead links:\n  ${dead.join("\n  ")}`);
}
