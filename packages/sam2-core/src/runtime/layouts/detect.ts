/** Which layout a pair of ONNX files has, told by the names of their inputs. */
import { Sam2Error } from "sam2-contract";
import type { Layout } from "./layout.ts";
import { sam2WebLayout } from "./sam2-web.ts";
import { transformersJsLayout } from "./transformers-js.ts";

/**
 * Finds the layout.
 *
 * @param encoderInputs null where the decoder alone is open
 * @throws InvalidModelError for an unknown layout
 */
export function detectLayout(encoderInputs: readonly string[] | null, decoderInputs: readonly string[]): Layout {
  const has = (names: readonly string[] | null, ...wanted: string[]): boolean =>
    names === null || wanted.every((name) => names.includes(name));
  if (
    has(encoderInputs, "image") &&
    has(decoderInputs, "image_embed", "point_coords", "mask_input", "has_mask_input")
  ) {
    return sam2WebLayout;
  }
  if (has(encoderInputs, "pixel_values") && has(decoderInputs, "input_points", "input_labels", "image_embeddings.0")) {
    return transformersJsLayout(decoderInputs.includes("input_boxes"));
  }
  throw new Sam2Error(
    "InvalidModelError",
    `expected inputs image → image_embed, point_coords, …, or pixel_values → input_points, …; got ${encoderInputs?.join() ?? "no encoder"} → ${decoderInputs.join()}`,
  );
}
