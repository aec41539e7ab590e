/** What the decoder is fed: its prompt, and for a mask that was not given, zeros that stay where it runs. */
import { expect, test, vi } from "vitest";
import { type GraphInput, GraphSessions, type ModelPrompt, type ModelSpec } from "../../src/index.ts";

/** A tensor on a device; `made` says how. */
class FakeTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
  readonly made: "sent" | "zeros";
  isFreed = false;

  constructor(dims: readonly number[], made: "sent" | "zeros", data: unknown = null) {
    [this.dims, this.made, this.data] = [dims, made, data];
  }

  get size(): number {
    return this.dims.reduce((product, size) => product * size, 1);
  }

  async getData(): Promise<unknown> {
    return this.data;
  }

  dispose(): void {
    this.isFreed = true;
  }
}

const SPEC = { id: "fake", imageSize: 32, maskSize: 8 } as ModelSpec;

function open() {
  const runs: Record<string, FakeTensor>[] = [];
  const decoder = {
    inputNames: ["image_embed", "point_coords", "point_labels", "mask_input", "has_mask_input"],
    run: async (inputs: Readonly<Record<string, FakeTensor>>) => {
      runs.push(inputs);
      const objects = inputs.point_coords?.dims[0] ?? 0;
      const output = (...dims: number[]): FakeTensor =>
        new FakeTensor(dims, "sent", new Float32Array(dims.reduce((product, size) => product * size, 1)));
      return { masks: output(objects, 4, 8, 8), iou_predictions: output(objects, 4) };
    },
    release: async () => undefined,
  };
  const sessions = new GraphSessions<FakeTensor>({
    spec: SPEC,
    encoder: null,
    decoder,
    tensor: ({ dims, data }: GraphInput) => new FakeTensor(dims, "sent", data),
    zeros: (dims) => new FakeTensor(dims, "zeros"),
  });
  return { sessions, runs, decoder };
}

function prompt(objects: number, mask = false): ModelPrompt {
  const tensor = (...dims: number[]) => ({
    data: new Float32Array(dims.reduce((product, size) => product * size, 1)),
    dims,
  });
  return {
    coords: tensor(objects, 1, 2),
    labels: tensor(objects, 1),
    mask: mask ? tensor(objects, 1, 8, 8) : null,
    multimask: true,
  };
}

test("clicks send nothing but themselves", async () => {
  const { sessions, runs } = open();
  const embedding = { tensors: {}, bytes: 0, encodeTime: 0 };
  for (const each of [prompt(1), prompt(1), prompt(1, true), prompt(1), prompt(3)])
    await sessions.decode(embedding, each);
  const masks = runs.map(({ mask_input }) => mask_input as FakeTensor);
  expect(masks.map(({ made }) => made)).toEqual(["zeros", "zeros", "sent", "zeros", "zeros"]);
  expect(new Set(masks).size).toBe(3);
  expect(masks.map(({ dims }) => dims[0])).toEqual([1, 1, 1, 1, 3]);
  expect(masks.map(({ isFreed }) => isFreed)).toEqual([true, true, false, true, false]);
  const sent = Object.values(runs[0] ?? {}).filter(({ made }) => made === "sent");
  expect(sent.reduce((total, { size }) => total + size, 0)).toBe(4);
  await sessions.dispose();
  expect(masks[4]?.isFreed).toBe(true);
});

test.each<[string, unknown, string]>([
  ["an error of the runtime's", new RangeError("memory access out of bounds"), "memory access out of bounds"],
  ["a number, as WebAssembly throws", 33_145_872, "33145872"],
])("a run that fails by %s: a named error, and the next prompt is answered", async (_, thrown, reason) => {
  const { sessions, runs } = open();
  const embedding = { tensors: {}, bytes: 0, encodeTime: 0 };
  runs.push = () => {
    throw thrown;
  };
  await expect(sessions.decode(embedding, prompt(1))).rejects.toMatchObject({
    name: "DeviceError",
    message: `fake: the decoder failed while it ran: ${reason}`,
    cause: thrown,
  });
  runs.push = () => 1;
  expect((await sessions.decode(embedding, prompt(1))).masks.dims).toEqual([1, 4, 8, 8]);
});

test("an encoding's time is its own: it begins when the one before has ended", async () => {
  let clock = 0;
  vi.spyOn(performance, "now").mockImplementation(() => clock);
  const graph = {
    inputNames: ["image"],
    run: async () => {
      await new Promise((resolve) => setTimeout(resolve));
      clock += 10;
      return {};
    },
    release: async () => undefined,
  };
  const { decoder } = open();
  const tensor = ({ dims }: GraphInput): FakeTensor => new FakeTensor(dims, "sent");
  const zeros = (dims: readonly number[]): FakeTensor => new FakeTensor(dims, "zeros");
  const sessions = new GraphSessions<FakeTensor>({ spec: SPEC, encoder: graph, decoder, tensor, zeros });
  const encodings = await Promise.all([1, 2, 3].map(() => sessions.encode(new Float32Array(3 * 32 ** 2))));
  expect(encodings.map(({ encodeTime }) => encodeTime)).toEqual([10, 10, 10]);
  vi.restoreAllMocks();
});
