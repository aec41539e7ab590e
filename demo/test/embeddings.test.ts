/** Pictures that were embedded elsewhere: made by sam2-node, found by the page's workspace, answered by a real model. */
import "fake-indexeddb/auto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IDBFactory } from "fake-indexeddb";
import { createSegmenter } from "sam2-node";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { LabelStore } from "../src/storage/label-store.ts";
import { takeIn } from "../src/view/intake.ts";
import type { Model } from "../src/workspace/sight.ts";
import { Workspace } from "../src/workspace/workspace.ts";

const MODEL = fileURLToPath(new URL("../../models/sam2-mini/onnx/", import.meta.url));
const PHOTOS = new URL("../../models/reference/fixtures/photo/", import.meta.url);

let folder: string;
let photo: Blob;
let embedding: Blob;
/** The same pixels as another file. */
let other: Blob;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sam2-page-"));
  process.env.SAM2_CACHE = folder;
  const bytes = await readFile(new URL("truck.png", PHOTOS));
  photo = new Blob([bytes], { type: "image/png" });
  other = new Blob([bytes, "\n"], { type: "image/png" });
  const segmenter = await createSegmenter({ model: MODEL, device: "cpu" });
  embedding = new Blob([await segmenter.saveEmbedding(photo)]);
  await segmenter.dispose();
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
});

const opened: Workspace[] = [];

/** A workspace on a real model, and which of its pictures were encoded. */
async function create(): Promise<{ workspace: Workspace; encoded: Blob[]; lazy: boolean[] }> {
  const [encoded, lazy]: [Blob[], boolean[]] = [[], []];
  const workspace = new Workspace({
    store: await LabelStore.open(),
    measure: async () => ({ width: 480, height: 320 }),
    openModel: async (_, { lazyEncoder, signal }) => {
      lazy.push(lazyEncoder);
      const segmenter = await createSegmenter({ model: MODEL, device: "cpu", lazyEncoder, signal });
      const setImage: Model["setImage"] = async (picture, options) => {
        if (options?.embedding === undefined) encoded.push(picture as Blob);
        return segmenter.setImage(picture as Blob, options);
      };
      return new Proxy(segmenter, {
        get: (target, key) => {
          if (key === "setImage") return setImage;
          const value: unknown = Reflect.get(target, key, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      }) as unknown as Model;
    },
    models: [{ name: "sam2-mini", title: "SAM 2 mini", details: "", source: "sam2-mini" }],
    files: {} as never,
    surroundings: { isSparing: async () => true },
  });
  opened.push(workspace);
  return { workspace, encoded, lazy };
}
afterAll(async () => {
  for (const { state } of opened) await state.get().model?.dispose();
});

const says = (workspace: Workspace, text: RegExp): Promise<void> =>
  expect.poll(() => workspace.state.get().said, { timeout: 20_000 }).toMatch(text);

test("a picture with its embedding opens without an encode, and is segmented; another is encoded as usual", async () => {
  const { workspace, encoded, lazy } = await create();
  const { state } = workspace;
  takeIn(workspace, [
    { name: "truck.png", blob: photo },
    { name: "truck.png.safetensors", blob: embedding },
    { name: "notes.safetensors", blob: new Blob(["no tensors"]) },
  ]);
  await expect.poll(() => state.get().project.images.length).toBe(1);
  workspace.models.choose("sam2-mini");
  await says(workspace, /480×320, ready in \d+ ms, from its embedding/);
  expect([encoded, lazy]).toEqual([[], [true]]);
  expect([...state.get().embeddings.pictures]).toEqual([state.get().project.images[0]?.sha256]);
  workspace.addPoint(200, 100, true);
  await says(workspace, /Mask with score/);
  expect(encoded).toEqual([]);

  // the same pixels are another file: that has none
  await workspace.set.add([{ name: "other.png", blob: other }]);
  await says(workspace, /ready in \d+ ms\. Click/);
  expect(encoded).toEqual([other]);
  const { refused, strangers, byModel } = workspace.embeddings.unused(state.get().project);
  expect([refused, strangers, byModel.size]).toEqual([[expect.stringMatching(/^notes\.safetensors: /)], [], 0]);
}, 60_000);

test("labels that come with embeddings are imported", async () => {
  const { workspace } = await create();
  const imported: string[] = [];
  workspace.transfer.import = async (files) => void imported.push(...files.map(({ name }) => name));
  takeIn(workspace, [
    { name: "truck.png.safetensors", blob: embedding },
    { name: "labels.json", blob: new Blob(["{}"], { type: "application/json" }) },
  ]);
  await expect.poll(() => imported).toEqual(["labels.json"]);
  expect(workspace.state.get().embeddings.files).toBe(1);
});

test("what does not fit is named once, and the picture is encoded", async () => {
  const { workspace, encoded } = await create();
  const { state } = workspace;
  const bytes = new Uint8Array(await embedding.arrayBuffer());
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
  // one of another model, and a damaged one
  const text = Buffer.from(await embedding.arrayBuffer()).toString("latin1");
  const foreign = text.replace(/("model":")[0-9a-f]{4}/, "$1beef").replace('"sam2-mini"', '"sam2-tiny"');
  const strange = text.replace(/("picture_sha256":")[0-9a-f]{4}/, "$1beef");
  const blobOf = (latin1: string): Blob => new Blob([Buffer.from(latin1, "latin1")]);
  await workspace.embeddings.add([
    { name: "foreign.safetensors", blob: blobOf(foreign) },
    { name: "strange.safetensors", blob: blobOf(strange) },
    { name: "damaged.safetensors", blob: new Blob([bytes]) },
  ]);
  workspace.models.choose("sam2-mini");
  await workspace.set.add([{ name: "truck.png", blob: photo }]);
  await says(workspace, /ready in \d+ ms\. Click/);
  expect(encoded).toEqual([photo]);
  const { refused, strangers, byModel } = workspace.embeddings.unused(state.get().project);
  expect(refused).toEqual([expect.stringMatching(/^damaged\.safetensors: .*SHA-256/)]);
  expect(strangers).toEqual(["strange.safetensors"]);
  expect([...byModel]).toEqual([["sam2-tiny", ["foreign.safetensors"]]]);
  expect(state.get().embeddings.pictures).not.toContain(state.get().project.images[0]?.sha256);
}, 60_000);

test("at an address each picture's embedding is found by its name; where there is none it is encoded, and named once", async () => {
  const { workspace, encoded } = await create();
  const { state } = workspace;
  const asked: string[] = [];
  const server = createServer(async ({ url = "" }, response) => {
    asked.push(url);
    const isThere = url === "/made/a%20b/truck.png.safetensors";
    response.writeHead(isThere ? 200 : 404, { "content-type": "application/octet-stream" });
    response.end(isThere ? Buffer.from(await embedding.arrayBuffer()) : "");
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/made`;
  try {
    expect(() => workspace.embeddings.lookAt("ftp://example.com")).toThrow("begins with https:");
    workspace.embeddings.lookAt(base);
    workspace.models.choose("sam2-mini");
    await workspace.set.add([
      { name: "a b/truck.png", blob: photo },
      { name: "other.png", blob: other },
    ]);
    await says(workspace, /from its embedding/);
    expect(state.get().embeddings.pictures.size).toBe(1);
    // the neighbor is looked for ahead; it is not encoded ahead: the encoder was not needed so far
    await expect.poll(() => state.get().embeddings.refused).toBe(1);
    expect(encoded).toEqual([]);
    for (let round = 0; round < 2; round++) {
      workspace.set.step(1);
      await says(workspace, /ready in \d+ ms\. Click/);
      workspace.set.step(-1);
      await says(workspace, /from its embedding/);
    }
    expect(new Set(encoded)).toEqual(new Set([other]));
    expect(asked.filter((url) => url.includes("other"))).toEqual(["/made/other.png.safetensors"]);
    const { refused } = workspace.embeddings.unused(state.get().project);
    expect(refused).toEqual([`${base}/other.png.safetensors: expected an embedding, got status 404`]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}, 60_000);
