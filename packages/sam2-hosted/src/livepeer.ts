/** Livepeer's `POST /segment-anything-2` (livepeer/ai-runner, `routes/segment_anything_2.py`, and its OpenAPI description). */
import { isSam2Error, type Segmenter, toLivepeerJSON } from "sam2-web";
import { Fields } from "./fields.ts";
import { json, Problem } from "./problem.ts";

/** Options of the Livepeer part. */
export interface LivepeerOptions {
  /** Token that must come as `Authorization: Bearer …`; none is asked for by default. */
  readonly bearerToken?: string | undefined;
  /** Names that `model_id` may have; Meta's published ones and the segmenter's own by default. */
  readonly modelIds?: readonly string[] | undefined;
}

/** Names that software written for the service asks for. */
const PUBLISHED = /^facebook\/sam2(\.1)?-hiera-(tiny|small|base-plus|large)$/;

/** What the service calls an error. */
const httpError = (msg: string): { detail: { msg: string } } => ({ detail: { msg } });

/** Answers a request. @throws Problem */
export async function answerLivepeer(
  request: Request,
  segmenter: Segmenter,
  { bearerToken, modelIds }: LivepeerOptions,
): Promise<Response> {
  if (request.method !== "POST") throw new Problem(405, { detail: "Method Not Allowed" }, { Allow: "POST" });
  if (bearerToken !== undefined && request.headers.get("Authorization") !== `Bearer ${bearerToken}`) {
    throw new Problem(401, httpError("Invalid bearer token."), { "WWW-Authenticate": "Bearer" });
  }
  const form = await request.formData().catch(() => new FormData());
  const fields = new Fields(Object.fromEntries(form));
  const image = fields.required("image");
  const modelId = fields.text("model_id");
  // empty fields are absent ones
  const optional = (name: string): string | undefined => fields.text(name) || undefined;
  const prompt = {
    point_coords: optional("point_coords"),
    point_labels: optional("point_labels"),
    box: optional("box"),
    mask_input: optional("mask_input"),
    multimask_output: fields.boolean("multimask_output", true),
    return_logits: fields.boolean("return_logits", true),
    normalize_coords: fields.boolean("normalize_coords", true),
  };
  if (image !== undefined && !(image instanceof Blob)) {
    throw Problem.unprocessable([{ loc: ["body", "image"], msg: "Value error, expected a file", type: "value_error" }]);
  }
  fields.check();
  const known = modelIds ? modelIds.includes(modelId ?? "") : PUBLISHED.test(modelId ?? "");
  if (modelId && modelId !== segmenter.model.id && !known) {
    throw new Problem(400, httpError(`pipeline configured with ${segmenter.model.id} but called with ${modelId}`));
  }
  try {
    const result = await segmenter.segment({ image: image as Blob, ...prompt }, { signal: request.signal });
    return json(toLivepeerJSON(result));
  } catch (error) {
    const name = ["InvalidPromptError", "InvalidImageError", "UnsupportedPromptError"] as const;
    if (name.some((each) => isSam2Error(error, each))) throw new Problem(400, httpError((error as Error).message));
    if (request.signal.aborted) throw error;
    throw new Problem(500, httpError((error as Error).message));
  }
}
