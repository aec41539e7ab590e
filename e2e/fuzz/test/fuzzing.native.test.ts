/** What fuzzing rests on: every fault is named with its case, cases follow from the seed, and become small. */
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { minimized } from "../minimize.ts";
import { mutatedBytes, mutatedJson } from "../mutate.ts";
import { Runner } from "../runner.ts";
import { jsonCase, textOf } from "../target.ts";
import { TARGETS } from "../targets.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

const FAULTY = fileURLToPath(new URL("faulty-targets.ts", import.meta.url));

describe("a fault is found among good cases:", () => {
  // memory takes its time to run out
  const [patient, impatient] = [new Runner(FAULTY, 50_000), new Runner(FAULTY, 1_000)];
  afterAll(() => Promise.all([patient.close(), impatient.close()]));

  test.each([
    ["good", "held", /^$/],
    ["refused", "refused", /^$/],
    ["bare TypeError", "failed", /^TypeError: Cannot read/],
    ["no error", "failed", /thrown: a text/],
    ["endless", "hung", /^$/],
    ["never answered", "hung", /^$/],
    ["2 GB of objects", "crashed", /^exit /],
    ["ended", "crashed", /exit 3/],
  ])("%s", async (text, kind, error) => {
    const runner = kind === "hung" ? impatient : patient;
    const outcomes = await runner.run("faulty", ["good", "refused", text, "good"].map(bytesOf));
    expect(outcomes.map((each) => each.kind)).toEqual(["held", "refused", kind, "held"]);
    const [, , found] = outcomes;
    expect(found && "error" in found ? found.error : "").toMatch(error);
  });
});

test("2 GB of arrays are a fault: an error, or the engine's end where its own next request is refused", async () => {
  const runner = new Runner(FAULTY, 50_000);
  try {
    const outcomes = await runner.run("faulty", ["good", "2 GB of arrays", "good"].map(bytesOf));
    expect(outcomes.map((each) => each.kind)).toEqual(["held", expect.stringMatching(/^(failed|crashed)$/), "held"]);
    const [, found] = outcomes;
    expect(found && "error" in found ? found.error : "").toMatch(/^RangeError: Array buffer allocation failed|^exit /);
  } finally {
    await runner.close();
  }
});

test("cases follow from the seed", () => {
  for (const { name, cases } of TARGETS) {
    const sample = (seed: number): string[] =>
      fc.sample(cases, { seed, numRuns: 20 }).map((bytes) => Buffer.from(bytes).toString("base64"));
    expect(sample(7), name).toEqual(sample(7));
    expect(sample(7), name).not.toEqual(sample(8));
  }
});

test("a case does not depend on those before it: what is put into one is put into no other", () => {
  const cases = mutatedJson([[[], []]]);
  const sample = (): string[] => fc.sample(cases, { seed: 1, numRuns: 3000 }).map(textOf);
  expect(sample()).toEqual(sample());
});

test("changed seeds are as often good as not", () => {
  const json = fc.sample(mutatedJson([{ a: [1, 2], b: "text" }]), { seed: 1, numRuns: 300 });
  const isJson = (bytes: Uint8Array): boolean => {
    try {
      JSON.parse(textOf(bytes));
      return true;
    } catch {
      return false;
    }
  };
  expect(json.filter(isJson).length).toBeGreaterThan(250);
  expect(new Set(json.map(textOf)).size).toBeGreaterThan(150);
  const bytes = fc.sample(mutatedBytes([bytesOf("0123456789")]), { seed: 1, numRuns: 300 });
  expect(new Set(bytes.map(textOf)).size).toBeGreaterThan(150);
});

describe("a case is made small:", () => {
  const enough = (): boolean => false;

  test("JSON keeps what the fault needs", async () => {
    const given = { kept: [1, { wanted: "x", other: [1, 2, 3] }], gone: { a: 1 } };
    const hasWanted = async (bytes: Uint8Array): Promise<boolean> => /"wanted"/.test(textOf(bytes));
    const smaller = await minimized(jsonCase(given), true, hasWanted, enough);
    expect(JSON.parse(textOf(smaller))).toEqual({ kept: [{ wanted: "" }] });
  });

  test("bytes, too", async () => {
    const hasBoth = async (bytes: Uint8Array): Promise<boolean> => /a.*b/s.test(textOf(bytes));
    const smaller = await minimized(bytesOf(`${"x".repeat(100)}a${"y".repeat(50)}b`), false, hasBoth, enough);
    expect(textOf(smaller)).toBe("ab");
  });

  test("until the time is over", async () => {
    const given = bytesOf("x".repeat(100));
    expect(
      await minimized(
        given,
        false,
        async () => true,
        () => true,
      ),
    ).toEqual(given);
  });
});
