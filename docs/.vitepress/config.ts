/** The docs site: its pages in order, its search, its look. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DefaultTheme, defineConfig } from "vitepress";
import { apiSidebar } from "./api-pages.ts";
import { checkLinks } from "./links.ts";
import { repositoryLinks } from "./repository-links.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const REPOSITORY = "https://github.com/sam2-web/sam2-web";

const icon = readFileSync(new URL("../../demo/public/icon.svg", import.meta.url), "utf8");
const ICON = `data:image/svg+xml,${encodeURIComponent(icon)}`;

const GUIDES: DefaultTheme.SidebarItem[] = [
  {
    text: "Begin",
    items: [
      { text: "Start", link: "/start" },
      { text: "Concepts", link: "/concepts" },
      { text: "Demo", link: "/demo" },
      { text: "Choosing a model", link: "/guides/models" },
    ],
  },
  {
    text: "Prompts and masks",
    items: [
      { text: "Batch prompts", link: "/guides/batch" },
      { text: "Small things: detail", link: "/guides/detail" },
      { text: "Everything mode", link: "/guides/everything" },
      { text: "Masks out", link: "/guides/masks" },
    ],
  },
  {
    text: "In your code",
    items: [
      { text: "A picture to click on", link: "/guides/canvas" },
      { text: "React", link: "/guides/react" },
      { text: "Annotorious, OpenSeadragon, Konva", link: "/guides/adapters" },
      { text: "Workers and memory", link: "/guides/workers-and-memory" },
      { text: "Node", link: "/guides/node" },
      { text: "Embeddings as files", link: "/guides/embeddings" },
    ],
  },
  {
    text: "Hosting",
    items: [
      { text: "Self-hosting models", link: "/guides/self-hosting" },
      { text: "Offline", link: "/guides/offline" },
      { text: "CSP and isolation", link: "/guides/csp-and-isolation" },
      { text: "Your own checkpoint", link: "/guides/checkpoint" },
    ],
  },
  {
    text: "Coming from elsewhere",
    items: [
      { text: "Meta's Python predictor", link: "/guides/from-python" },
      { text: "transformers.js", link: "/guides/from-transformers-js" },
      { text: "Livepeer, fal, Segmind", link: "/guides/hosted-apis" },
      { text: "A server", link: "/guides/serve" },
      { text: "Label a million pictures", link: "/guides/a-million-pictures" },
      { text: "Others, call by call", link: "/comparison" },
    ],
  },
  {
    text: "When something fails",
    items: [
      { text: "Troubleshooting", link: "/guides/troubleshooting" },
      { text: "Errors", link: "/guides/errors" },
      { text: "Slow, or poor masks", link: "/guides/speed-and-quality" },
    ],
  },
];

export default defineConfig({
  title: "sam2-web",
  description: "Segment images inside the browser with SAM 2. Nothing leaves the device.",
  lang: "en-US",
  // the drawing of the demo's page is for those who work on it
  srcExclude: ["page.md"],
  head: [["link", { rel: "icon", href: ICON, type: "image/svg+xml" }]],
  buildEnd: ({ outDir, site }) => checkLinks(outDir, site.base),
  markdown: { config: (md) => repositoryLinks(md, ROOT, REPOSITORY) },
  vite: {
    // the demo as it is built, which `npm run docs` puts there
    publicDir: join(ROOT, ".cache/docs"),
    // the search's index is large, and loaded when a person searches
    build: { chunkSizeWarningLimit: 2000 },
  },
  themeConfig: {
    logo: ICON,
    nav: [
      { text: "Start", link: "/start" },
      { text: "Guides", link: "/concepts", activeMatch: "^/(concepts|guides)" },
      { text: "API", link: "/api/", activeMatch: "^/api/" },
      { text: "Demo", link: "/demo" },
      { text: "GitHub", link: REPOSITORY },
    ],
    sidebar: { "/": GUIDES, "/api/": apiSidebar() },
    outline: { level: [2, 3] },
    search: { provider: "local" },
    externalLinkIcon: true,
    footer: { message: "Apache-2.0" },
  },
});
