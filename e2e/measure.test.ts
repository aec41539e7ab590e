/** The page that measures the device: its table, on the built-in model. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedBrowser } from "./browser.ts";
import { type DemoServer, serveDemo } from "./demo-page.ts";

let server: DemoServer;
beforeAll(async () => {
  server = await serveDemo();
});
afterAll(() => server.close());

test("the built-in model is measured, and the table can be copied; nothing is sent", async () => {
  const context = await (await sharedBrowser()).newContext({ permissions: ["clipboard-read", "clipboard-write"] });
  try {
    const page = await context.newPage();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(`${request.method()} ${new URL(request.url()).origin}/`));
    await page.goto(`${server.url}measure.html`);
    await page.getByRole("button", { name: "Measure" }).click();
    const copy = page.getByRole("button", { name: "Copy as Markdown" });
    await copy.click({ timeout: 100_000 });
    const rows = await page.getByRole("row").allInnerTexts();
    const threads = await page.evaluate(() => Math.min(4, navigator.hardwareConcurrency));
    expect(rows).toHaveLength(threads > 1 ? 3 : 2);
    expect(rows.at(-1)).toMatch(/^sam2-mini\tWASM, \d threads?\tfp16\t[\d.]+ m?s\t[\d.]+ m?s\t[\d.]+ m?s/);
    await page.getByText("copied").waitFor();
    const text = await page.evaluate(() => navigator.clipboard.readText());
    expect(text).toMatch(/^\| model \| on \| precision \| open \| encode \| click \|\n/);
    expect(new Set(asked)).toEqual(new Set([`GET ${server.url}`]));
  } finally {
    await context.close();
  }
});
