/** The ONNX writer, read back by onnxruntime: names, shapes, attributes and values of any kind. */
import fc from "fast-check";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { describe, expect, test } from "vitest";
import { Graph, type GraphOptions } from "../src/graph.ts";
import { serialize } from "../src/onnx.ts";

const OPTIONS: GraphOptions = { attention: "decomposed", storage: "float", products: "float" };

async function bytesOf(graph: Graph): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of serialize(graph)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const open = async (graph: Graph): Promise<InferenceSession> =>
  InferenceSession.create(await bytesOf(graph), { logSeverityLevel: 3 });

// onnxruntime hands tensors over as properties of a plain object, where this one name is taken
const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((text) => text !== "__proto__");
const dims = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 });
const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });

describe("what is written is what onnxruntime reads", () => {
  test("constants and names", async () => {
    await fc.assert(
      fc.asyncProperty(
        dims.chain((shape) => {
          const count = shape.reduce((product, size) => product * size, 1);
          return fc.record({
            shape: fc.constant(shape),
            values: fc.array(finite, { minLength: count, maxLength: count }),
          });
        }),
        fc.uniqueArray(name, { minLength: 3, maxLength: 3 }),
        async ({ shape, values }, [input = "", weight = "", output = ""]) => {
          const graph = new Graph("g", OPTIONS);
          const constant = graph.constant({ name: weight, dims: shape, load: async () => Float32Array.from(values) });
          graph.output(output, graph.add(graph.input(input, shape), constant));
          const session = await open(graph);
          expect(session.inputNames).toEqual([input]);
          const zeros = new Tensor("float32", new Float32Array(values.length), shape);
          const result = (await session.run({ [input]: zeros }))[output];
          expect(result?.dims).toEqual(shape);
          expect(result?.data).toEqual(Float32Array.from(values, (value) => Math.fround(value) + 0));
          await session.release();
        },
      ),
      { numRuns: 100 },
    );
  });

  test("attributes: a float, integers that may be negative, a list, a string", async () => {
    await fc.assert(
      fc.asyncProperty(finite, fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), async (alpha, permutation) => {
        const graph = new Graph("g", OPTIONS);
        const sloped = graph.unary("LeakyRelu", graph.input("x", [2, 3, 4]), { alpha: { float: alpha } });
        const moved = graph.transpose(sloped, permutation);
        graph.output("y", graph.unary("Identity", graph.unary("Softmax", moved, { axis: -1 })));
        graph.output("raw", graph.unary("Identity", moved));
        const session = await open(graph);
        const data = Float32Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? i : -i));
        const { raw, y } = await session.run({ x: new Tensor("float32", data, [2, 3, 4]) });
        expect(raw?.dims).toEqual(permutation.map((axis) => [2, 3, 4][axis]));
        const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);
        const slope = Math.fround(alpha);
        expect(sorted(raw?.data as Float32Array)).toEqual(
          sorted(data.map((v) => (v < 0 ? Math.fround(v * slope) : v))),
        );
        const width = y?.dims.at(-1) as number;
        const [...row] = (y as Tensor).data.slice(0, width) as Float32Array;
        expect(row.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4);
        await session.release();
      }),
      { numRuns: 60 },
    );
  });

  test("half precision is stored in half and read as float", async () => {
    const graph = new Graph("g", { ...OPTIONS, storage: "half" });
    const weight = { name: "w", dims: [2, 2], load: async () => Float32Array.of(1, -2, 0.5, 1 / 3) };
    graph.output("y", graph.add(graph.input("x", [2, 2]), graph.matrix(weight)));
    const session = await open(graph);
    const { y } = await session.run({ x: new Tensor("float32", new Float32Array(4), [2, 2]) });
    expect(Array.from(y?.data as Float32Array)).toEqual([1, -2, 0.5, 0.333251953125]);
  });
});

test("a file that is cut short is refused by onnxruntime", async () => {
  const graph = new Graph("g", OPTIONS);
  graph.output("y", graph.add(graph.input("x", [2]), graph.floats([1, 2])));
  const bytes = await bytesOf(graph);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: bytes.length - 1 }), async (length) => {
      await expect(InferenceSession.create(bytes.subarray(0, length), { logSeverityLevel: 4 })).rejects.toThrow();
    }),
    { numRuns: 40 },
  );
});

test.each([[[2 ** 30]], [[2 ** 16, 2 ** 16]], [[2 ** 29 - 1]]])(
  "a tensor %j is over the limit of a file",
  async (dims) => {
    const graph = new Graph("g", OPTIONS);
    graph.output("y", graph.constant({ name: "w", dims, load: async () => expect.unreachable() }));
    await expect(bytesOf(graph)).rejects.toMatchObject({
      name: "OutputError",
      message: expect.stringMatching(/^g: \d+ bytes are over ONNX's limit of 2 GB; export as fp16$/),
    });
  },
);

test("a file that is over the limit in half precision, too", async () => {
  const graph = new Graph("g", { ...OPTIONS, storage: "half" });
  graph.output("y", graph.matrix({ name: "w", dims: [2 ** 16, 2 ** 15], load: async () => expect.unreachable() }));
  await expect(bytesOf(graph)).rejects.toThrow(/over ONNX's limit of 2 GB$/);
});

test("a graph of too many operations", () => {
  const graph = new Graph("g", OPTIONS);
  let x = graph.input("x", [1]);
  const build = (): void => {
    for (let i = 0; i <= 100_000; i++) x = graph.unary("Identity", x);
  };
  expect(build).toThrow(
    expect.objectContaining({
      name: "InvalidConfigError",
      message: "config.json: expected a model of at most 100000 operations a graph, g takes more",
    }),
  );
});

describe("mistakes of a graph's author are found at export", () => {
  const graph = (): Graph => new Graph("g", OPTIONS);
  test.each<[string, (g: Graph) => unknown, RegExp]>([
    ["matmul", (g) => g.matmul(g.input("a", [2, 3]), g.input("b", [4, 2])), /matmul \[2,3\] by \[4,2\]/],
    ["reshape", (g) => g.reshape(g.input("a", [2, 3]), [5]), /reshape \[2,3\] to \[5\]/],
    ["reshape of a free size", (g) => g.reshape(g.input("a", ["B", 3]), ["B", 1, 3]), /needs a pattern/],
    ["transpose", (g) => g.transpose(g.input("a", [2, 3]), [0]), /transpose \[2,3\] by \[0\]/],
    ["constant", (g) => g.floats([1, 2], [3]), /2 values for \[3\]/],
  ])("%s", (_, build, message) => {
    expect(() => build(graph())).toThrow(message);
  });
});
