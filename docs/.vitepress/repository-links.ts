/** Pages link to files of the repository as they do on GitHub: by their paths. On the site these become addresses there. */
import { statSync } from "node:fs";
import { join, posix } from "node:path";
import type { MarkdownItAsync } from "vitepress";

/** Where a page's link goes, if that is outside of the docs; null for all other links. */
function outside(link: string, page: string): { readonly path: string; readonly place: string } | null {
  if (/^(?:[a-z]+:|[/#])/.test(link)) return null;
  const [target = "", place] = link.split("#");
  const path = posix.join("docs", posix.dirname(page), target);
  return path.startsWith("docs/") ? null : { path, place: place === undefined ? "" : `#${place}` };
}

/**
 * A plug-in of markdown-it.
 *
 * @param root folder of the repository
 * @param address of the repository
 * @throws where a page links to a file that is not there
 */
export function repositoryLinks(md: MarkdownItAsync, root: string, address: string): void {
  md.core.ruler.push("repository-links", ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const found = token.type === "link_open" ? outside(String(token.attrGet("href")), env.relativePath) : null;
      if (!found) continue;
      const file = statSync(join(root, found.path), { throwIfNoEntry: false });
      if (!file) throw new Error(`${env.relativePath}: a link to ${found.path}, which is not there`);
      token.attrSet("href", `${address}/${file.isDirectory() ? "tree" : "blob"}/main/${found.path}${found.place}`);
    }
  });
}
