import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Server, serve } from "../src/server.ts";

let folder: string;
let server: Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "server-"));
  await mkdir(join(folder, "served", "inner"), { recursive: true });
  await mkdir(join(folder, "served-not"));
  await writeFile(join(folder, "served", "a b.txt"), "inside");
  await writeFile(join(folder, "served", "a..b.txt"), "dots");
  await writeFile(join(folder, "outside.txt"), "outside");
  await writeFile(join(folder, "served-not", "outside.txt"), "outside");
  server = await serve({ folders: { "files/": join(folder, "served") } });
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** Asks for a path as it is: `fetch` would tidy it up first. */
function ask(path: string): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    get({ hostname, port, path }, async (response) => {
      let body = "";
      for await (const chunk of response) body += chunk;
      resolve({ status: response.statusCode ?? 0, body });
    }).on("error", reject);
  });
}

describe("folders that are served beside the page", () => {
  test.each([
    ["a file", "/files/a%20b.txt", "inside"],
    ["a file with two dots in its name", "/files/a..b.txt", "dots"],
  ])("%s", async (_, path, body) => {
    expect(await ask(path)).toEqual({ status: 200, body });
  });

  test.each([
    ["a folder", "/files/inner"],
    ["a folder, with its slash", "/files/inner/"],
    ["the served folder itself", "/files/"],
    ["what is not there", "/files/none.txt"],
    ["a way out", "/files/../outside.txt"],
    ["a way out, encoded", "/files/%2e%2e/outside.txt"],
    ["a way out, with an encoded slash", "/files/..%2foutside.txt"],
    ["a folder whose name begins alike", "/files/../served-not/outside.txt"],
    ["an encoding that is none", "/files/%zz"],
    ["a name with a zero byte", "/files/a%00.txt"],
  ])("%s is not found, and the next request is answered", async (_, path) => {
    expect(await ask(path)).toEqual({ status: 404, body: "" });
    expect(await ask("/files/a%20b.txt")).toMatchObject({ status: 200 });
  });
});
