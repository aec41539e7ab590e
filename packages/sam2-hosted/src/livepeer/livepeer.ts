/** Livepeer's `POST /segment-anything-2` (livepeer/ai-runner, `routes/segment_anything_2.py`, and its OpenAPI description). */
import { isSam2Error } from "sam2-contract";
import { checkOptions, DETAILS, livepeerLength, type OptionNames } from "sam2-core";
import { formBody } from "../http/body.ts";
import type { ByteBudget, HeldBytes } from "../http/byte-budget.ts";
import { livepeerError } from "../http/error-forms.ts";
import { Fields } from "../http/fields.ts";
import type { HostedLimits } from "../http/limits.ts";
import { Problem } from "../http/problem.ts";
import type { HostedService } from "../http/service.ts";
import { within } from "../http/within.ts";
import { checkPicture, type PictureAccess, UnreadablePicture } from "../picture/picture.ts";
import type { HostedSegmenter } from "../segmenter.ts";
import { streamAnswer } from "./answer-stream.ts";

/** Options of the Livepeer part. */
export interface LivepeerOptions {
  /** Token that must come as `Authorization: Bearer …`; none is asked for by default. */
  readonly bearerToken?: string | undefined;
  /** Names that `model_id` may have beside the segmenter's own; Meta's published ones by default. */
  readonly modelIds?: readonly string[] | undefined;
}

const NAMES: OptionNames<LivepeerOptions> = { bearerToken: true, modelIds: true };

/** Names that software written for the service asks for. */
const PUBLISHED = /^facebook\/sam2(\.1)?-hiera-(tiny|small|base-plus|large)$/;

/** Errors of the segmenter that the request is to blame for. */
const REFUSED = ["InvalidPromptError", "InvalidImageError", "UnsupportedPromptError"] as const;

/** Answers for the service. */
export class LivepeerService implements HostedService {
  readonly #segmenter: HostedSegmenter;
  readonly #options: LivepeerOptions;
  readonly #limits: HostedLimits;
  readonly #budget: ByteBudget;

  constructor(
    segmenter: HostedSegmenter,
    options: LivepeerOptions,
    { limits, budget }: Pick<PictureAccess, "limits" | "budget">,
  ) {
    checkOptions("HostedOptions.livepeer", options, NAMES);
    this.#segmenter = segmenter;
    this.#options = options;
    this.#limits = limits;
    this.#budget = budget;
  }

  async answer(request: Request): Promise<Response> {
    if (request.method !== "POST") throw Problem.method("POST", { detail: "Method Not Allowed" });
    const { bearerToken } = this.#options;
    if (bearerToken !== undefined && request.headers.get("Authorization") !== `Bearer ${bearerToken}`) {
      const { body } = livepeerError(401, "Invalid bearer token.");
      throw new Problem(401, body, { "WWW-Authenticate": "Bearer" });
    }
    return within(this.#limits.answerTime, request.signal, (signal) =>
      this.#budget.holding((held) => this.#segment(request, held, signal)),
    );
  }

  async #segment(request: Request, held: HeldBytes, signal: AbortSignal): Promise<Response> {
    const form = await formBody(request, { limits: this.#limits, held, signal, error: livepeerError });
    const { image, modelId, prompt, detail } = readForm(form);
    for (const [name, numbers] of [["point_coords", 2] as const, ["box", 4] as const]) {
      const count = numbersIn(prompt[name]) / numbers;
      const { prompts } = this.#limits;
      if (count > prompts) throw livepeerError(400, `${name}: expected at most ${prompts}, got ${count}`);
    }
    const { id } = this.#segmenter.model;
    const { modelIds } = this.#options;
    const known = modelIds ? modelIds.includes(modelId ?? "") : PUBLISHED.test(modelId ?? "");
    if (modelId && modelId !== id && !known) {
      throw livepeerError(400, `pipeline configured with ${id} but called with ${modelId}`);
    }
    try {
      const { width, height } = await checkPicture(image, this.#limits);
      // at once where it is clear already, and again when the number of objects is known
      const { multimask_output, return_logits } = prompt;
      this.#checkLength(width, height, multimask_output ? 3 : 1, return_logits);
      const result = await this.#segmenter.segment({ image, ...prompt }, { signal, detail });
      this.#checkLength(result.width, result.height, result.scores.data.length, return_logits);
      const body = streamAnswer(result, request.signal);
      return new Response(body, { headers: { "Content-Type": "application/json" } });
    } catch (error) {
      const refused = error instanceof UnreadablePicture || REFUSED.some((name) => isSam2Error(error, name));
      throw refused ? livepeerError(400, (error as Error).message) : error;
    }
  }

  /** @throws Problem 400 for an answer that is longer than the limit */
  #checkLength(width: number, height: number, masks: number, logits: boolean): void {
    const length = livepeerLength(width, height, masks, logits);
    const { answerLength } = this.#limits;
    if (length <= answerLength) return;
    const asked = `${masks} ${logits ? "masks as logits" : "masks"} of ${width}×${height}`;
    const smaller = `ask for ${logits ? "return_logits=false, " : ""}multimask_output=false or a smaller image`;
    throw livepeerError(400, `expected at most ${answerLength} characters, got ${length} for ${asked}: ${smaller}`);
  }
}

/** How many numbers a JSON array has, before it is parsed. */
function numbersIn(text = ""): number {
  return text.split(",").length;
}

/** The fields of a request, of which the prompt is read by the segmenter. @throws Problem 422 */
function readForm(form: FormData) {
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
  // the service does not have it
  const detail = fields.choice("detail", "off", DETAILS);
  if (image !== undefined && !(image instanceof Blob)) {
    throw Problem.unprocessable([{ loc: ["body", "image"], msg: "Value error, expected a file", type: "value_error" }]);
  }
  fields.check();
  return { image: image as Blob, modelId, prompt, detail };
}
