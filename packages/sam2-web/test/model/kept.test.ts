/** Checkpoints that were converted: opened again from the form that is kept, on each kind of storage. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { EXPORTER_VERSION } from "sam2-contract";
import type { LoadedModel, LoadOptions, ModelForms, ModelSource } from "sam2-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakeStorage, type Kind } from "../storage/fake-storage.ts";

const TOY = fileURLToPath(new URL("../../../../models/reference/fixtures/toy/", import.meta.url));
const BASE = "https://example.com/toy/";
const CHECKPOINT = { id: "toy", checkpoint: BASE };
const FILES = new Map<string, Buffer<ArrayBuffer>>();
for (const name of ["config.json", "model.safetensors"]) {
  FILES.set(BASE + name, (await readFile(TOY + name)) as Buffer<ArrayBuffer>);
}
type ToyConfig = { readonly vision_config: { readonly backbone_config: object } };
const WEIGHTS = FILES.get(`${BASE}model.safetensors`) as Buffer<ArrayBuffer>;

let storage: FakeStorage;
/** The addresses that were fetched. */
let fetched: string[];
let isOnline: boolean;
let conversions: number;
/** What the exporter fails with. */
let failure: Error | null;
/** What the server makes of config.json. */
let spoiled: ((config: ToyConfig) => unknown) | null;

vi.mock("sam2-export", async (original) => {
  const exporter = await original<typeof import("sam2-export")>();
  const exportToMemory: typeof exporter.exportToMemory = (...given) => {
    conversions++;
    if (failure) throw failure;
    return exporter.exportToMemory(...given);
  };
  return { ...exporter, exportToMemory };
});

beforeEach(() => {
  [fetched, isOnline, conversions, failure, spoiled] = [[], true, 0, null, null];
  FILES.set(SAFETENSORS, WEIGHTS);
  vi.stubGlobal("fetch", async (url: string) => {
    if (!isOnline) throw new TypeError("no network");
    fetched.push(url.slice(BASE.length));
    if (spoiled && url === CONFIG) return Response.json(spoiled(JSON.parse(String(FILES.get(url)))));
    return new Response(FILES.get(url) ?? null, { status: FILES.has(url) ? 200 : 404 });
  });
});
afterEach(() => vi.unstubAllGlobals());

/** How a visit opens the model: the index of the form that its device takes. */
interface Visit extends Partial<LoadOptions> {
  readonly source?: ModelSource;
  readonly form?: number;
}

/** Opens the model in a page that is loaded anew, as a worker does. */
async function visit({ source = CHECKPOINT, form = 0, ...options }: Visit = {}): Promise<LoadedModel> {
  vi.resetModules();
  const { decoderOf, loadModel } = await import("sam2-core");
  const { openCache } = await import("../../src/storage/store.ts");
  const model: ModelForms = await loadModel(source, {
    cache: await openCache(),
    base: BASE,
    draft: false,
    dtype: "fp32",
    keepsWeights: false,
    decoderAlone: false,
    acceptChanges: false,
    onProgress: () => undefined,
    ...options,
  });
  const whole = model.forms[form] ?? expect.fail(`no form ${form}`);
  const taken = options.decoderAlone ? decoderOf(whole) : whole;
  const loaded = await taken.load();
  await model.settle(taken);
  return loaded;
}

/** The graphs of a model, to compare. */
const graphs = ({ bytes }: LoadedModel): string[] =>
  [bytes.encoder, bytes.decoder].map((graph) =>
    createHash("sha256")
      .update(graph ?? "")
      .digest("hex"),
  );

/** What is kept of the model, by the ends of the keys. */
const kept = (): string[] =>
  [...storage.files]
    // a file that could not be written is left behind empty
    .flatMap(([name, { length }]) => (length > 0 ? [name] : []))
    .map((name) => decodeURIComponent(name.split("/").at(-1) as string))
    .filter((key) => key.startsWith("model/"))
    .map((key) => key.split("/").slice(2).join("/"))
    .sort();
const FORM = ["converted/whole/decoder.onnx", "converted/whole/encoder.onnx", "converted/whole/head"];
const [CONFIG, SAFETENSORS] = [`${BASE}config.json`, `${BASE}model.safetensors`];

/** The bytes of a kept file. */
const bytesOf = (end: string): Uint8Array =>
  [...storage.files].find(([name]) => decodeURIComponent(name).endsWith(end))?.[1] ?? expect.fail(`no ${end}`);

const fetchedWeights = (): number => fetched.filter((name) => name === "model.safetensors").length;

describe.each<[Kind, boolean]>([
  ["private files", true],
  ["the Cache API", true],
  ["nowhere", false],
])("kept in %s", (kind, keeps) => {
  beforeEach(() => {
    storage = new FakeStorage(kind);
  });

  test("the second visit neither fetches nor converts, and needs no network; nothing else is kept", async () => {
    const first = await visit();
    expect(kept()).toEqual(keeps ? [...FORM, CONFIG] : []);
    isOnline = !keeps;
    const second = await visit();
    expect(second).toMatchObject({ spec: first.spec, dtype: "fp32" });
    expect(graphs(second)).toEqual(graphs(first));
    expect([fetchedWeights(), conversions]).toEqual(keeps ? [1, 1] : [2, 2]);
  });
});

describe("a form", () => {
  beforeEach(() => {
    storage = new FakeStorage("private files");
  });

  const attention = ({ spec }: LoadedModel): string => (spec as { attention?: string }).attention ?? "";

  test("for another device takes the place of the one before", async () => {
    expect(attention(await visit({ form: 0 }))).toBe("fused");
    expect(attention(await visit({ form: 1 }))).toBe("decomposed");
    expect([fetchedWeights(), conversions]).toEqual([2, 2]);
    expect(kept()).toEqual([...FORM, CONFIG]);
    expect(attention(await visit({ form: 1 }))).toBe("decomposed");
    expect(conversions).toBe(2);
  });

  test("of another device is used where there is no network, and that is told", async () => {
    await visit({ form: 0 });
    isOnline = false;
    const loaded = await visit({ form: 1 });
    expect(attention(loaded)).toBe("fused");
    expect(loaded.fault).toBe("without a network, what is kept is used: fp32, fused attention");
  });

  test("gives its decoder alone, whatever the device", async () => {
    const whole = await visit({ form: 0 });
    const alone = await visit({ form: 1, decoderAlone: true });
    expect(alone.bytes).toEqual({ encoder: null, decoder: whole.bytes.decoder });
    expect([fetchedWeights(), conversions]).toEqual([1, 1]);
  });

  test("of which the decoder alone was opened is kept; the weights stay until the encoder is opened, too", async () => {
    for (let count = 0; count < 2; count++) {
      expect((await visit({ form: 1, decoderAlone: true })).bytes.encoder).toBeNull();
      expect(kept()).toEqual([...FORM, CONFIG, SAFETENSORS]);
    }
    expect(attention(await visit({ form: 1 }))).toBe("decomposed");
    expect(kept()).toEqual([...FORM, CONFIG]);
    expect([fetchedWeights(), conversions]).toEqual([1, 1]);
  });

  test("in int8 is not used in place of one for a GPU", async () => {
    await visit({ dtype: "int8" });
    isOnline = false;
    await expect(visit({ dtype: "fp32" })).rejects.toMatchObject({ name: "DownloadError" });
    expect((await visit({ dtype: "int8" })).dtype).toBe("int8");
  });

  test("that was damaged is told by name and made anew", async () => {
    const first = await visit();
    bytesOf("encoder.onnx").fill(7, 1000, 1100);
    const again = await visit();
    expect(graphs(again)).toEqual(graphs(first));
    expect(again.fault).toMatch(/^IntegrityError: toy: kept encoder\.onnx: expected SHA-256 .*; converted anew$/);
    expect((await visit()).fault).toBeUndefined();
    expect(conversions).toBe(2);
  });

  test("that was damaged is an error where it cannot be made anew", async () => {
    await visit();
    bytesOf("decoder.onnx").fill(7, 1000, 1100);
    isOnline = false;
    await expect(visit()).rejects.toMatchObject({
      name: "IntegrityError",
      message: expect.stringMatching(/kept decoder.onnx.*the network failed/),
    });
  });

  test.each<[string, (head: Record<string, unknown>) => object, Visit]>([
    ["by another version of the exporter", (head) => ({ ...head, exporter: EXPORTER_VERSION + 1 }), {}],
    ["of other weights", (head) => ({ ...head, checkpoint: { config: "", weights: [""] } }), {}],
    ["with a broken head", () => [], {}],
    ["at another size", (head) => head, { source: { ...CHECKPOINT, imageSize: 160 } }],
    ["in another precision", (head) => head, { dtype: "fp16" }],
  ])("%s is not taken, and makes room", async (_, change, next) => {
    await visit();
    const [name, head] = [...storage.files].find(([key]) => decodeURIComponent(key).endsWith("head")) ?? expect.fail();
    storage.files.set(name, Buffer.from(JSON.stringify(change(JSON.parse(String(Buffer.from(head)))))));
    await visit(next);
    expect(conversions).toBe(2);
    expect(kept()).toEqual([...FORM, CONFIG]);
  });

  test("that could not be converted, for lack of memory: the checkpoint stays, and is not fetched again", async () => {
    failure = new RangeError("Array buffer allocation failed");
    await expect(visit()).rejects.toThrow(failure.message);
    expect(kept()).toEqual([CONFIG, SAFETENSORS]);
    failure = null;
    await visit();
    expect([kept(), fetchedWeights(), conversions]).toEqual([[...FORM, CONFIG], 1, 2]);
  });

  test.each<[string, (config: ToyConfig) => unknown]>([
    ["InvalidConfigError", (config) => ({ ...config, model_type: "sam" })],
    [
      "TensorShapeError",
      ({ vision_config, ...config }) => {
        const backbone_config = { ...vision_config.backbone_config, mlp_ratio: 2 };
        return { ...config, vision_config: { ...vision_config, backbone_config } };
      },
    ],
  ])(
    "that could not be converted, with the %s of a config.json that was mended since: it is fetched again",
    async (name, spoil) => {
      spoiled = spoil;
      await expect(visit()).rejects.toMatchObject({ name });
      spoiled = null;
      await visit();
      expect([kept(), fetchedWeights()]).toEqual([[...FORM, CONFIG], 1]);
    },
  );

  test("of a checkpoint that changed meanwhile is made of its new weights and their config.json", async () => {
    await visit({ form: 0 });
    const changed = Buffer.from(WEIGHTS);
    changed.writeUInt8(changed.readUInt8(changed.length - 8) ^ 1, changed.length - 8);
    FILES.set(SAFETENSORS, changed);
    spoiled = (config) => ({ ...config, note: "of the new weights" });
    fetched = [];
    await visit({ form: 1, acceptChanges: true });
    expect(fetched).toEqual(["model.safetensors", "config.json"]);
    expect(Buffer.from(bytesOf(`model/toy/${CONFIG}`)).toString()).toContain("of the new weights");
  });

  test("there is no room for: the checkpoint stays", async () => {
    await visit();
    const { writes } = storage;
    for (let full = writes - 3; full < writes; full++) {
      storage = new FakeStorage("private files");
      storage.beforeWrite = (count) => {
        if (count >= full) throw new DOMException("no room", "QuotaExceededError");
      };
      await visit();
      expect(kept(), `full from write ${full} on`).toEqual([CONFIG, SAFETENSORS]);
      storage.beforeWrite = () => undefined;
      await visit();
      expect(kept()).toEqual([...FORM, CONFIG]);
    }
  });

  test("leaves the weights to a draft, which has a form of its own", async () => {
    await visit({ keepsWeights: true });
    expect(kept()).toEqual([...FORM, CONFIG, SAFETENSORS]);
    await visit({ draft: true });
    const draft = FORM.map((key) => key.replace("whole", "draft"));
    expect(kept()).toEqual([...draft, ...FORM, CONFIG]);
    expect(fetchedWeights()).toBe(1);
  });
});

describe("a file that a person gave", () => {
  let digested: number;
  beforeEach(() => {
    storage = new FakeStorage("private files");
    digested = 0;
    const { subtle } = crypto;
    const digest = (name: string, bytes: BufferSource): Promise<ArrayBuffer> => {
      if (bytes.byteLength === WEIGHTS.length) digested++;
      return subtle.digest(name, bytes);
    };
    vi.stubGlobal("crypto", { subtle: { digest } });
  });

  const given = (weights: Uint8Array<ArrayBuffer>, date = 1): Visit => ({
    source: {
      id: "mine",
      config: new Blob([FILES.get(CONFIG) as Buffer<ArrayBuffer>]),
      weights: [new File([weights], "model.safetensors", { lastModified: date })],
    },
  });

  test("is hashed and converted once", async () => {
    const first = await visit(given(WEIGHTS));
    expect(graphs(await visit(given(WEIGHTS)))).toEqual(graphs(first));
    expect([digested, conversions]).toEqual([1, 1]);
    await visit(given(WEIGHTS, 2));
    expect([digested, conversions]).toEqual([2, 1]);
  });

  test("with the same name, size and date is told from another one", async () => {
    const first = await visit(given(WEIGHTS));
    const other = WEIGHTS.map((byte, i) => (i > WEIGHTS.length / 2 && i % 4 === 0 ? byte ^ 1 : byte));
    const second = await visit(given(other));
    expect(graphs(second)).not.toEqual(graphs(first));
    expect(conversions).toBe(2);
  });
});
