/** The docs: errors lead to sections that are there, and links that lead nowhere are noticed. */
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ERROR_NAMES } from "sam2-contract";
import { expect, test } from "vitest";
import { deadLinks, readPage } from "../../docs/.vitepress/links.ts";

const ROOT = new URL("../../", import.meta.url);
const SAM2 = fileURLToPath(new URL("packages/sam2-node/dist/command/main.js", ROOT));

test("each error has a section that says what to do, and there are no other errors", async () => {
  const page = await readFile(new URL("docs/guides/errors.md", ROOT), "utf8");
  const sections = [...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  expect(sections.sort()).toEqual([...ERROR_NAMES].sort());
});

/** The first lines of code that a page shows. */
async function firstLines(page: string): Promise<string | undefined> {
  return /^```js\n([\s\S]*?)^```/m.exec(await readFile(new URL(page, ROOT), "utf8"))?.[1];
}

test.each(["docs/index.md", "docs/start.md", "packages/sam2-web/README.md"])(
  "%s begins with the README's lines",
  async (page) => {
    expect(await firstLines("README.md")).toContain('from "sam2-web"');
    expect(await firstLines(page)).toBe(await firstLines("README.md"));
  },
);

/** The lines of a page that are for a shell. */
async function commands(page: string): Promise<string[]> {
  const text = await readFile(new URL(page, ROOT), "utf8");
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, lines = ""]) => lines.trim().split("\n"));
}

test.each(["README.md", "docs/start.md", "packages/sam2-web/README.md"])(
  "what %s says to install first is what the example for Vite, which runs its lines, depends on",
  async (page) => {
    const example = await readFile(new URL("examples/vite/package.json", ROOT), "utf8");
    const [first] = await commands(page);
    expect(first).toBe(`npm install ${Object.keys(JSON.parse(example).dependencies).reverse().join(" ")}`);
  },
);

test.each(["README.md", "CONTRIBUTING.md"])("the commands of %s are there", async (page) => {
  const { scripts } = JSON.parse(await readFile(new URL("package.json", ROOT), "utf8"));
  const names = (await commands(page)).flatMap((line) => /^npm (?:run )?([\w:]+)/.exec(line)?.[1] ?? []);
  expect(names.length).toBeGreaterThan(4);
  expect(["install", "run", ...Object.keys(scripts)]).toEqual(expect.arrayContaining(names));
});

/** What a page calls `sam2` with: the command, and its options. */
async function calls(page: string): Promise<[command: string, options: string[]][]> {
  const found = (await commands(page)).map((line) => /^(?:npm run (segment) --|npx .*?sam2 (\w+)) ([^#]*)/.exec(line));
  return found.flatMap((call) => (call ? [[call[1] ?? call[2] ?? "", call[3]?.match(/--[a-z][\w-]*/g) ?? []]] : []));
}

test.each(["README.md", "packages/sam2-node/README.md"])("sam2 has the options that %s gives it", async (page) => {
  const said = await calls(page);
  expect(said.length).toBeGreaterThan(1);
  for (const [command, options] of said) {
    const { stdout } = await promisify(execFile)(process.execPath, [SAM2, command, "--help"]);
    for (const option of options) expect(stdout).toMatch(new RegExp(`^ +${option}\\b`, "m"));
  }
});

const PACKAGES = (await readdir(new URL("packages", ROOT))).filter((name) => name.startsWith("sam2-"));

test.each(PACKAGES)("the homepage of %s is its README, which says what it is", async (name) => {
  const { homepage } = JSON.parse(await readFile(new URL(`packages/${name}/package.json`, ROOT), "utf8"));
  expect(homepage).toMatch(new RegExp(`/packages/${name}#readme$`));
  expect(await readFile(new URL(`packages/${name}/README.md`, ROOT), "utf8")).toMatch(new RegExp(`^# ${name}\n\n\\S`));
});

test("each section that an error's message links to is there", async () => {
  const guide = await readFile(new URL("packages/sam2-contract/src/guide.ts", ROOT), "utf8");
  const page = await readFile(new URL("docs/guides/troubleshooting.md", ROOT), "utf8");
  const linked = [...guide.matchAll(/^ {2}\| "([\w-]+)"/gm)].map(([, section]) => section);
  const sections = [...page.matchAll(/^## (.*)$/gm)].map(([, title = ""]) => title.toLowerCase().replaceAll(" ", "-"));
  expect(linked).toContain("the-model-is-not-found");
  expect(sections).toEqual(expect.arrayContaining(linked));
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
