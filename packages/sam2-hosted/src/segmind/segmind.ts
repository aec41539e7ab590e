/** Segmind's `POST /v1/sam-v2-image` (segmind.com/models/sam-v2-image/api). */
import { isSam2Error, Sam2Error, shown } from "sam2-contract";
import {
  type BoxXYWH,
  checkOptions,
  DETAILS,
  type Detail,
  type Mask,
  type OptionNames,
  type Pixels,
  type SegmenterImage,
} from "sam2-core";
import { jsonBody } from "../http/body.ts";
import type { HeldBytes } from "../http/byte-budget.ts";
import { segmindError } from "../http/error-forms.ts";
import { json, Problem } from "../http/problem.ts";
import type { HostedService } from "../http/service.ts";
import { within } from "../http/within.ts";
import { maskPicture, overlayMask, type PictureCodec, toBase64 } from "../picture/codec.ts";
import { type PictureAccess, readPicture, UnreadablePicture } from "../picture/picture.ts";
import type { HostedSegmenter } from "../segmenter.ts";
import type { TextDetector } from "./text-detector.ts";

/** Options of the Segmind part. */
export interface SegmindOptions {
  /** Key that must come as `x-api-key`; none is asked for by default. */
  readonly apiKey?: string | undefined;
  /** Turns words into boxes, for `prompt`; without it such requests are refused. */
  readonly textDetector?: TextDetector | undefined;
  /** Requests that are answered in all; the rest get a 406. No limit by default. */
  readonly credits?: number | undefined;
  /** Requests that are answered in any minute; the rest get a 429. No limit by default. */
  readonly requestsPerMinute?: number | undefined;
}

const NAMES: OptionNames<SegmindOptions> = { apiKey: true, textDetector: true, credits: true, requestsPerMinute: true };

/** How the segmenter is asked. */
interface Asking {
  readonly signal: AbortSignal;
  readonly detail: Detail;
}

/** Points as the service takes them: [x, y], or [[x, y], …], as text or as arrays. */
function readPoints(name: string, value: unknown): [number, number][] {
  if (value === undefined || value === null || value === "") return [];
  const wrong = (): Problem => segmindError(400, `${name}: expected [x, y] or [[x, y], …], got ${shown(value)}`);
  let given: unknown = value;
  if (typeof value === "string") {
    try {
      given = JSON.parse(value);
    } catch {
      throw wrong();
    }
  }
  if (!Array.isArray(given)) throw wrong();
  const rows: unknown[] = given.length > 0 && !Array.isArray(given[0]) ? [given] : given;
  const isPoint = (row: unknown): row is [number, number] =>
    Array.isArray(row) && row.length === 2 && row.every((item) => typeof item === "number" && Number.isFinite(item));
  if (!rows.every(isPoint)) throw wrong();
  return rows as [number, number][];
}

/** The fields of a request. @throws Problem 400 */
function readFields(body: Readonly<Record<string, unknown>>) {
  const { image, prompt, coordinates, remove_coordinates } = body;
  if (typeof image !== "string" || image === "") {
    throw segmindError(400, `image: expected a URL or base64, got ${image === undefined ? "nothing" : shown(image)}`);
  }
  const flag = (name: string, byDefault: boolean): boolean => {
    const value = body[name] ?? byDefault;
    if (typeof value === "boolean") return value;
    throw segmindError(400, `${name}: expected true or false, got ${shown(value)}`);
  };
  const overlay_mask = flag("overlay_mask", true);
  const base64 = flag("base64", false);
  // the service does not have it
  const detail = DETAILS.find((when) => when === (body.detail ?? "off"));
  if (detail === undefined) {
    throw segmindError(400, `detail: expected ${DETAILS.join(", ")}, got ${shown(body.detail)}`);
  }
  const text = typeof prompt === "string" ? prompt.trim() : "";
  // with words, coordinates are ignored, as the service says
  const wanted = text ? [] : readPoints("coordinates", coordinates);
  const removed = text ? [] : readPoints("remove_coordinates", remove_coordinates);
  if (!text && wanted.length === 0) throw segmindError(400, "expected a prompt or coordinates, got neither");
  return { image, text, wanted, removed, detail, overlay_mask, base64 };
}

/** Answers for the service; counts requests. */
export class SegmindService implements HostedService {
  readonly #segmenter: HostedSegmenter;
  readonly #codec: PictureCodec;
  readonly #options: SegmindOptions;
  readonly #access: PictureAccess;
  /** When the requests of the last minute came, in milliseconds. */
  #recent: number[] = [];
  #used = 0;

  constructor(segmenter: HostedSegmenter, codec: PictureCodec, options: SegmindOptions, access: PictureAccess) {
    checkOptions("HostedOptions.segmind", options, NAMES);
    for (const name of ["credits", "requestsPerMinute"] as const) {
      const most = options[name];
      // every comparison with NaN is false: it would limit nothing
      if (most === undefined || (typeof most === "number" && most >= 0)) continue;
      throw new Sam2Error("InvalidPromptError", `segmind.${name}: expected a number of at least 0, got ${shown(most)}`);
    }
    this.#segmenter = segmenter;
    this.#codec = codec;
    this.#options = options;
    this.#access = access;
  }

  async answer(request: Request): Promise<Response> {
    if (request.method !== "POST") {
      throw Problem.method("POST", segmindError(405, "the requested HTTP method is not allowed").body);
    }
    const { apiKey, credits = Number.POSITIVE_INFINITY, requestsPerMinute = Number.POSITIVE_INFINITY } = this.#options;
    if (apiKey !== undefined && request.headers.get("x-api-key") !== apiKey) {
      throw segmindError(401, "missing or invalid API key");
    }
    const now = performance.now();
    this.#recent = this.#recent.filter((time) => now - time < 60_000);
    if (this.#recent.length >= requestsPerMinute) throw segmindError(429, "too many requests");
    if (this.#used >= credits) throw segmindError(406, "not enough credits");
    this.#recent.push(now);
    // taken before the answer is there, so that requests that come at once cannot take more than there are
    this.#used++;
    const { budget, limits } = this.#access;
    const answer = await within(limits.answerTime, request.signal, (signal) =>
      budget.holding((held) => this.#segment(request, held, signal)),
    ).catch((error: unknown) => {
      this.#used--;
      throw error;
    });
    if (credits !== Number.POSITIVE_INFINITY) answer.headers.set("x-remaining-credits", String(credits - this.#used));
    return answer;
  }

  async #segment(request: Request, held: HeldBytes, signal: AbortSignal): Promise<Response> {
    const { prompts } = this.#access.limits;
    const { image, text, wanted, removed, detail, overlay_mask, base64 } = readFields(
      await jsonBody(
        request,
        { limits: this.#access.limits, held, signal, error: segmindError },
        segmindError(400, "expected a JSON object"),
      ),
    );
    if (wanted.length + removed.length > prompts) {
      throw segmindError(400, `expected at most ${prompts} coordinates, got ${wanted.length + removed.length}`);
    }
    const { file } = await readPicture(image, this.#access, held, signal).catch((error: Error) => {
      throw error instanceof UnreadablePicture ? segmindError(400, `image: ${error.message}`) : error;
    });
    const encoded = await this.#segmenter.setImage(file, { signal }).catch((error: Error) => {
      throw isSam2Error(error, "InvalidImageError") ? segmindError(400, `image: ${error.message}`) : error;
    });
    try {
      const mask = text
        ? await this.#ofText(encoded, file, text, { signal, detail })
        : await this.#ofPoints(encoded, wanted, removed, { signal, detail });
      const drawn = overlay_mask ? await this.#overlaid(file, mask) : maskPicture(mask);
      const format = { type: overlay_mask ? "image/jpeg" : "image/png", quality: 0.95 } as const;
      const picture = await this.#codec.encode(drawn, format);
      return base64 ? json({ image: await toBase64(picture) }) : new Response(picture);
    } finally {
      await encoded.release();
    }
  }

  async #overlaid(picture: Blob, mask: Mask): Promise<Pixels> {
    const pixels = await this.#codec.decode(picture);
    overlayMask(pixels, mask);
    return pixels;
  }

  async #ofPoints(
    image: SegmenterImage,
    wanted: readonly [number, number][],
    removed: readonly [number, number][],
    options: Asking,
  ): Promise<Mask> {
    const result = await this.#segmenter.segment(
      {
        image,
        point_coords: [...wanted, ...removed],
        point_labels: [...wanted.map(() => 1), ...removed.map(() => 0)],
        multimask_output: wanted.length + removed.length === 1,
      },
      options,
    );
    return result.mask();
  }

  /** All that the words name, as one mask. */
  async #ofText(image: SegmenterImage, picture: Blob, text: string, options: Asking): Promise<Mask> {
    const { textDetector } = this.#options;
    if (!textDetector) {
      throw segmindError(400, "prompt: words need a text detector, and none is set up here; give coordinates instead");
    }
    const boxes = await textDetector.detect(picture, text, options.signal);
    if (boxes.length === 0) throw segmindError(400, `prompt: nothing was found for "${text}"`);
    const corners = boxes.map(({ box: [x, y, width, height] }: { box: BoxXYWH }) => [x, y, x + width, y + height]);
    const result = await this.#segmenter.segment({ image, box: corners, multimask_output: false }, options);
    const union = new Uint8Array(image.width * image.height);
    for (const object of boxes.keys()) {
      const { data } = result.mask(0, object);
      for (let i = 0; i < union.length; i++) union[i] = (union[i] as number) | (data[i] as number);
    }
    return { data: union, width: image.width, height: image.height };
  }
}
