/** Whether tensors have the names and shapes that a decoder takes for an encoded image. */
import { Sam2Error, shown, type TensorShape } from "sam2-contract";
import type { EmbeddingTensors } from "./codec.ts";

/**
 * Checks the tensors of an embedding.
 *
 * @param shapes by name, in the letters of `sam2-contract`: `S` is the image size, `C` any number of channels
 * @throws InvalidEmbeddingError
 */
export function checkTensors(
  tensors: EmbeddingTensors,
  shapes: Readonly<Record<string, TensorShape>>,
  imageSize: number,
): void {
  const names = Object.keys(shapes);
  const came = Object.keys(tensors);
  if (came.length !== names.length || !names.every((name) => came.includes(name))) {
    throw new Sam2Error("InvalidEmbeddingError", `expected the tensors ${names.join(", ")}, got ${shown(came)}`);
  }
  const letters: Record<string, number> = { S: imageSize };
  // the tensor with all channels tells how many there are
  const whole = names.find((name) => shapes[name]?.[1] === "C");
  if (whole !== undefined) letters.C = tensors[whole]?.dims[1] ?? 0;
  for (const name of names) {
    const expected = (shapes[name] as TensorShape).map((axis) => sizeOf(axis, letters));
    const { dims } = tensors[name] as (typeof tensors)[string];
    if (dims.join() !== expected.join()) {
      throw new Sam2Error("InvalidEmbeddingError", `tensor "${name}": expected [${expected}], got [${dims}]`);
    }
  }
}

/** The size of an axis: a number, a letter, or a letter divided by a number, as "S/16". */
function sizeOf(axis: number | string, letters: Readonly<Record<string, number>>): number {
  if (typeof axis === "number") return axis;
  const [letter = "", divisor = "1"] = axis.split("/");
  return (letters[letter] as number) / Number(divisor);
}
