/** The docs: errors lead to sections that are there, and links that lead nowhere are noticed. */
import { readFile } from "node:fs/promises";
import { ERROR_NAMES } from "sam2-contract";
import { expect, test } from "vitest";
import { deadLinks, readPage } from "../../docs/.vitepress/links.ts";

test("each error has a section that says what to do, and there are no other errors", async () => {
  const page = await readFile(new URL("../../docs/guides/errors.md", import.meta.url), "utf8");
  const sections = [...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  expect(sections.sort()).toEqual([...ERROR_NAMES].sort());
});

const SITE = {
  "index.html": '<h1 id="top">Start</h1>',
  "guides/batch.html": '<h2 id="the-shapes">The shapes</h2><h2 id="größe">Größe</h2>',
  "demo/index.html": "",
};

test.each([
  ["guides/batch.html", true],
  ["/docs/guides/batch.html#the-shapes", true],
  ["/docs/guides/batch.html#gr%C3%B6%C3%9Fe", true],
  ["/docs/", true],
  ["/docs/demo/#anything", true],
  ["#top", true],
  ["https://example.com/nowhere", true],
  ["data:image/png;base64,", true],
  ["/docs/guides/batch.html#shapes", false],
  ["#bottom", false],
  ["/docs/guides/gone.html", false],
  ["/guides/batch.html", false],
  ["picture.png", false],
])("a link to %s leads somewhere: %s", (link, isAlive) => {
  const html = { ...SITE, "index.html": `${SITE["index.html"]}<a title="a &amp; b" href="${link}">there</a>` };
  // the demo's own places are not looked at
  const read = Object.entries(html).filter(([path]) => path !== "demo/index.html");
  const pages = new Map(read.map(([path, text]) => [path, readPage(text)]));
  expect(deadLinks(pages, new Set(Object.keys(html)), "/docs/")).toEqual(isAlive ? [] : [`index.html: ${link}`]);
});
