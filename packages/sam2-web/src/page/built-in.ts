/** The built-in model: the files of the npm package sam2-mini, which bundlers copy along. */
import { Sam2Error, seeGuide } from "sam2-contract";
import type { ExportSource } from "sam2-core";

/** Its name in the catalog. */
export const BUILT_IN = "sam2-mini";

/**
 * Where its files are.
 *
 * @throws MissingPackageError
 */
export async function builtInModel(): Promise<ExportSource> {
  try {
    // inside `try`, bundlers take it for optional: who names other models need not install it
    const { sam2Mini } = await import("sam2-mini");
    return sam2Mini;
  } catch (cause) {
    const message = `the built-in model is in the npm package ${BUILT_IN}, which was not found: install it, or name another model. `;
    throw new Sam2Error("MissingPackageError", message + seeGuide("the-model-is-not-found"), { cause });
  }
}
