/**
 * Writes a graph as ONNX (protobuf; field numbers from onnx.proto, IR version 9).
 *
 * The file is made in pieces: first the structure, then one constant after the other, each read when it is needed.
 * So at most one tensor is in memory at a time.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Sam2Error } from "sam2-contract";
import { type Attribute, type Dim, type Graph, type Initializer, type Node, OPSET, type Value } from "./graph.ts";
import { halvesOfFloats } from "./safetensors.ts";
import { elements, misfit } from "./weights.ts";

const IR_VERSION = 9;
const ELEMENT_TYPE = { float: 1, int8: 3, int64: 7, half: 10 } as const;
const ELEMENT_BYTES = { float: 4, int8: 1, int64: 8, half: 2 } as const;
const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** Protobuf's limit for one file. Larger models would need ONNX's external data, which is not supported here. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** Writes a length-delimited field whose content `fill` writes. */
function message(writer: BinaryWriter, field: number, fill: (writer: BinaryWriter) => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  fill(writer);
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function integer(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function writeAttribute(writer: BinaryWriter, name: string, value: Attribute): void {
  text(writer, 1, name);
  if (typeof value === "number") {
    integer(writer, 3, value);
    integer(writer, 20, ATTRIBUTE_TYPE.int);
  } else if (typeof value === "string") {
    writer.tag(4, WireType.LengthDelimited).bytes(new TextEncoder().encode(value));
    integer(writer, 20, ATTRIBUTE_TYPE.string);
  } else if ("float" in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    integer(writer, 20, ATTRIBUTE_TYPE.float);
  } else {
    for (const item of value) integer(writer, 8, item);
    integer(writer, 20, ATTRIBUTE_TYPE.ints);
  }
}

function writeNode(writer: BinaryWriter, node: Node): void {
  for (const input of node.inputs) text(writer, 1, input?.name ?? "");
  for (const output of node.outputs) text(writer, 2, output.name);
  text(writer, 3, node.outputs[0]?.name ?? "");
  text(writer, 4, node.type);
  for (const [name, value] of Object.entries(node.attributes)) {
    message(writer, 5, (inner) => writeAttribute(inner, name, value));
  }
  if (node.domain !== "") text(writer, 7, node.domain);
}

function writeDim(writer: BinaryWriter, dim: Dim): void {
  if (typeof dim === "number") integer(writer, 1, dim);
  else text(writer, 2, dim);
}

function writeValueInfo(writer: BinaryWriter, value: Value): void {
  text(writer, 1, value.name);
  message(writer, 2, (type) =>
    message(type, 1, (tensor) => {
      integer(tensor, 1, ELEMENT_TYPE.float);
      message(tensor, 2, (shape) => {
        for (const dim of value.dims) message(shape, 1, (inner) => writeDim(inner, dim));
      });
    }),
  );
}

/** Its element type, its shape, and the size of its raw data. */
function layout(item: Initializer): { type: keyof typeof ELEMENT_TYPE; dims: readonly number[]; bytes: number } {
  const type = item.kind === "int64" ? "int64" : item.storage;
  const dims = item.kind === "int64" ? [item.values.length] : item.weight.dims;
  return { type, dims, bytes: elements(dims) * ELEMENT_BYTES[type] };
}

/** Refuses a graph over the limit. */
function checkSize(graph: Graph, bytes: number): void {
  if (bytes <= MAX_MODEL_BYTES) return;
  const advice = graph.options.storage === "float" ? "; export as fp16" : "";
  throw new Sam2Error("OutputError", `${graph.name}: ${bytes} bytes are over ONNX's limit of 2 GB${advice}`);
}

/** TensorProto up to its raw data, and the size of that data. */
function tensorHead(item: Initializer): { head: Uint8Array; bytes: number } {
  const { type, dims, bytes } = layout(item);
  const writer = new BinaryWriter();
  for (const dim of dims) integer(writer, 1, dim);
  integer(writer, 2, ELEMENT_TYPE[type]);
  text(writer, 8, item.name);
  writer.tag(9, WireType.LengthDelimited).uint32(bytes);
  return { head: writer.finish(), bytes };
}

async function tensorBytes(item: Initializer): Promise<Uint8Array> {
  if (item.kind === "int64") return new Uint8Array(BigInt64Array.from(item.values, BigInt).buffer);
  const values = await item.weight.load();
  if (values.length !== elements(item.weight.dims)) {
    throw misfit(`${item.name} has ${values.length} values for [${item.weight.dims}]`);
  }
  if (item.storage === "float") return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (item.storage === "int8") return new Uint8Array(Int8Array.from(values).buffer);
  const halves = halvesOfFloats(values);
  const lost = halves.findIndex((half) => (half & 0x7c00) === 0x7c00);
  if (lost >= 0) {
    throw new Sam2Error(
      "TensorValueError",
      `tensor "${item.name}": element ${lost} is ${values[lost]}, over the largest half-precision number, 65504; export as fp32`,
    );
  }
  return new Uint8Array(halves.buffer);
}

/**
 * The bytes of the ONNX file, piece by piece.
 *
 * @throws OutputError when the model is over protobuf's 2 GB; TensorValueError as weights are read
 */
export async function* serialize(graph: Graph): AsyncGenerator<Uint8Array> {
  // first: protobuf's writer takes no tensor of 4 GB
  checkSize(
    graph,
    graph.initializers.reduce((total, item) => total + layout(item).bytes, 0),
  );
  const tensors = graph.initializers.map((item) => {
    const { head, bytes } = tensorHead(item);
    const frame = new BinaryWriter()
      .tag(5, WireType.LengthDelimited)
      .uint32(head.length + bytes)
      .finish();
    return { item, prefix: [frame, head], size: frame.length + head.length + bytes };
  });
  const structure = new BinaryWriter();
  for (const node of graph.nodes) message(structure, 1, (inner) => writeNode(inner, node));
  text(structure, 2, graph.name);
  for (const value of graph.inputs) message(structure, 11, (inner) => writeValueInfo(inner, value));
  for (const value of graph.outputs) message(structure, 12, (inner) => writeValueInfo(inner, value));
  const body = structure.finish();
  const graphBytes = tensors.reduce((total, tensor) => total + tensor.size, body.length);
  checkSize(graph, graphBytes);

  const head = new BinaryWriter();
  integer(head, 1, IR_VERSION);
  text(head, 2, "sam2-export");
  for (const [domain, version] of [
    ["", OPSET],
    ["com.microsoft", 1],
  ] as const) {
    message(head, 8, (inner) => {
      if (domain !== "") text(inner, 1, domain);
      integer(inner, 2, version);
    });
  }
  head.tag(7, WireType.LengthDelimited).uint32(graphBytes);
  yield head.finish();
  yield body;
  for (const { item, prefix } of tensors) {
    yield* prefix;
    yield await tensorBytes(item);
  }
}
