/** The API pages, as docs/api.ts has written them, for the sidebar. */
import { readFileSync } from "node:fs";
import type { DefaultTheme } from "vitepress";

/** A page, and those below it. */
export interface ApiPage {
  readonly name: string;
  /** Path below /api/. */
  readonly address: string;
  readonly pages: readonly ApiPage[];
}

function itemOf({ name, address, pages }: ApiPage): DefaultTheme.SidebarItem {
  return { text: name, link: `/api/${address}`, ...(pages.length > 0 ? { items: pages.map(itemOf) } : {}) };
}

/** The packages; the first, which most people use, with its topics. */
export function apiSidebar(): DefaultTheme.SidebarItem[] {
  const file = new URL("../api/pages.json", import.meta.url);
  const [main, ...others] = (JSON.parse(readFileSync(file, "utf8")) as ApiPage[]).map(itemOf);
  return [
    { text: main?.text ?? "", items: [{ text: "Overview", link: main?.link ?? "" }, ...(main?.items ?? [])] },
    { text: "Other packages", items: [{ text: "All packages", link: "/api/" }, ...others] },
  ];
}
