/** Reads what is given on the command line. */
import { InvalidArgumentError, Option } from "commander";
import { DTYPES } from "sam2-contract";
import { DETAILS, type Detail } from "sam2-core";

/** Numbers with commas between. */
export function numbers(text: string, count: number): number[] {
  // Number() takes a blank for 0
  const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (values.length !== count || values.some((value) => !Number.isFinite(value))) {
    throw new InvalidArgumentError(count === 1 ? "expected a number" : `expected ${count} numbers with commas between`);
  }
  return values;
}

/** One number. */
export function number(text: string): number {
  return numbers(text, 1)[0] as number;
}

/** A whole number over 0. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value <= 0) throw new InvalidArgumentError("expected a whole number over 0");
  return value;
}

/** Which model. */
export const modelOption = (): Option =>
  new Option("--model <model>", "a model of the catalog, a folder, or the address of a model.json").default(
    "sam2-mini",
  );

/** Where it runs. */
export const deviceOption = (): Option =>
  new Option("--device <device>", "where to run")
    .choices(["auto", "cpu", "cuda", "coreml", "dml", "webgpu"] as const)
    .default("auto");

/** In which precision. */
export const dtypeOption = (): Option =>
  new Option("--dtype <dtype>", "precision to run a checkpoint in").choices(["auto", ...DTYPES]).default("auto");

/** The option of `detailOption`, as commander names it. */
export interface DetailFlags {
  readonly detail: Detail;
}

/**
 * The same as options of a call. Left out when it is `off`: journals and jobs of earlier releases, which had no such option, then
 * still match.
 */
export function detailAsked({ detail }: DetailFlags): { detail?: Detail } {
  return detail === "off" ? {} : { detail };
}

/** Whether small things are looked at twice. */
export const detailOption = (): Option =>
  new Option("--detail <when>", "a second look at small things").choices(DETAILS).default("off");

/** Which queue; its address may hold a password, so the environment can name it, too. */
export const queueOption = (): Option =>
  new Option("--queue <redis>", "a queue on Redis or Valkey: redis://[:password@]host:port").env("SAM2_QUEUE");

/** How many pictures at a time. */
export const workersOption = (): Option =>
  new Option(
    "--workers <n>",
    "pictures at a time, each with a model in memory; as many as cores by default, up to 16",
  ).argParser(wholeNumber);

/** Options of everything mode, as commander names them. */
export interface EverythingFlags {
  readonly pointsPerSide?: number;
  readonly predIouThresh?: number;
  readonly stabilityScoreThresh?: number;
}

/** What everything mode looks for. */
export const everythingOptions = (): Option[] => [
  new Option("--points-per-side <n>", "everything: points along a side of the grid; default 32").argParser(number),
  new Option("--pred-iou-thresh <t>", "everything: lowest predicted IoU; default 0.8").argParser(number),
  new Option("--stability-score-thresh <t>", "everything: lowest stability score; default 0.95").argParser(number),
];
