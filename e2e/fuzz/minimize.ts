/** Makes a case that fails smaller, as long as it fails. */
import { put, slots, take, valueIn } from "./mutate.ts";
import { jsonCase, textOf } from "./target.ts";

/** Says whether a case fails as the first did. */
export type StillFails = (bytes: Uint8Array) => Promise<boolean>;

/** Steps are tried until none helps, or until this says that it is time. */
export type Enough = () => boolean;

/** A smaller case that fails, or the same. */
export async function minimized(
  bytes: Uint8Array,
  isJson: boolean,
  stillFails: StillFails,
  enough: Enough,
): Promise<Uint8Array> {
  const value = isJson ? parsed(bytes) : undefined;
  if (value !== undefined) {
    const smaller = await minimizedJson(value, stillFails, enough);
    if (smaller !== undefined) return jsonCase(smaller);
  }
  return minimizedBytes(bytes, stillFails, enough);
}

/** A case's JSON; undefined where it is none, or too deep to be copied. */
function parsed(bytes: Uint8Array): unknown {
  try {
    return structuredClone(JSON.parse(textOf(bytes)));
  } catch {
    return undefined;
  }
}

/** Parts are taken away, then replaced by plainer ones. Undefined where the value as written anew does not fail. */
async function minimizedJson(value: unknown, stillFails: StillFails, enough: Enough): Promise<unknown> {
  let best = value;
  const isBetter = async (candidate: unknown): Promise<boolean> => {
    if (enough() || !(await stillFails(jsonCase(candidate)))) return false;
    best = candidate;
    return true;
  };
  if (!(await isBetter(value))) return undefined;
  for (let improved = true; improved && !enough(); ) {
    improved = false;
    for (let at = 0; at < slots(best).length && !enough(); at++) {
      for (const step of steps(valueAt(best, at))) {
        const candidate = structuredClone(best);
        const slot = slots(candidate)[at];
        if (!slot) break;
        if (step === TAKEN) take(slot);
        else put(slot, step);
        if (!(await isBetter(candidate))) continue;
        improved = true;
        break;
      }
    }
  }
  return best;
}

function valueAt(root: unknown, at: number): unknown {
  const slot = slots(root)[at];
  return slot && valueIn(slot);
}

const TAKEN = Symbol("taken away");

/** What may stand in place of a value, the plainest first; every step leads to something smaller. */
function steps(value: unknown): unknown[] {
  if (Array.isArray(value) && value.length > 1) {
    const middle = Math.ceil(value.length / 2);
    return [TAKEN, [], value.slice(0, middle), value.slice(middle)];
  }
  if (Array.isArray(value)) return value.length > 0 ? [TAKEN, []] : [TAKEN];
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0 ? [TAKEN, {}] : [TAKEN];
  if (typeof value === "string" && value !== "") {
    const middle = Math.ceil(value.length / 2);
    const halves = value.length > 1 ? [value.slice(0, middle), value.slice(middle)] : [];
    return [TAKEN, "", ...halves];
  }
  return [TAKEN];
}

/** Stretches are cut out, half the file at first, one byte at last. */
async function minimizedBytes(bytes: Uint8Array, stillFails: StillFails, enough: Enough): Promise<Uint8Array> {
  let best = bytes;
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = size > 1 ? Math.ceil(size / 2) : 0) {
    for (let at = 0; at < best.length && !enough(); ) {
      const candidate = Uint8Array.from([...best.subarray(0, at), ...best.subarray(at + size)]);
      if (await stillFails(candidate)) best = candidate;
      else at += size;
    }
  }
  return best;
}
