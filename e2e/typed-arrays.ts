/**
 * Typed arrays of the same bytes are equal without a look at each element by vitest, which takes two microseconds for
 * each. Whatever else, arrays that differ included, is left to vitest, which shows how they differ.
 */
import { expect } from "vitest";

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function sameBytes(a: unknown, b: unknown): true | undefined {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b)) return undefined;
  if (a.constructor !== b.constructor || a.byteLength !== b.byteLength) return undefined;
  const [left, right] = [bytesOf(a), bytesOf(b)];
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return undefined;
  return true;
}

// files that share a process run this again, and their testers add up
const scope = globalThis as { comparesBytes?: true };
if (!scope.comparesBytes) {
  scope.comparesBytes = true;
  expect.addEqualityTesters([sameBytes]);
}
