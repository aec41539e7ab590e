/**
 * Stands in for `page/built-in.ts` in the standalone library, which no bundler looks at. There the packages sam2-web and
 * sam2-mini lie side by side: in node_modules, on a CDN that serves npm's packages, or wherever they were copied to.
 */
import type { ExportSource } from "sam2-core";

export const BUILT_IN = "sam2-mini";

/**
 * Addresses of sam2-mini's files.
 *
 * @param script address of the standalone library: `…/sam2-web@1.2.3/standalone/sam2-web.js` on a CDN
 */
export function besides(script: string): ExportSource {
  const folder = new URL(script).pathname.replace(/(?:\/standalone)?\/[^/]*$/, "");
  const version = /@[^/@]+$/.exec(folder)?.[0] ?? "";
  const file = (name: string): string => new URL(`${folder}/../sam2-mini${version}/onnx/${name}`, script).href;
  return { manifest: file("model.json"), encoder: file("encoder.onnx"), decoder: file("decoder.onnx") };
}

export const builtInModel = (): ExportSource => besides(import.meta.url);
