/** Targets that do what fuzzing has to find. The case's text says which. */
import fc from "fast-check";
import { Sam2Error } from "sam2-contract";
import { type Target, textOf } from "../target.ts";

const FAULTS: Readonly<Record<string, () => unknown>> = {
  good: () => undefined,
  refused: () => {
    throw new Sam2Error("InvalidPromptError", "expected a good one");
  },
  "bare TypeError": () => (null as unknown as { name: string }).name,
  "no error": () => Promise.reject("a text"),
  endless: () => {
    for (;;);
  },
  "never answered": () => new Promise(() => {}),
  "2 GB of arrays": () => Array.from({ length: 40 }, () => new Uint8Array(50e6).fill(1)),
  "2 GB of objects": () => {
    const all: unknown[] = [];
    for (let i = 0; i < 50e6; i++) all.push({ i });
    return all;
  },
  ended: () => process.exit(3),
};

export const TARGETS: readonly Target[] = [
  {
    name: "faulty",
    isJson: false,
    cases: fc.constant(new Uint8Array()),
    check: (bytes) => (FAULTS[textOf(bytes)] ?? FAULTS.good)?.(),
  },
];
