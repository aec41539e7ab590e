/** Requests to the hosted APIs, one after the other, as strangers send them; the segmenter is a stand-in. */

import { everythingSettings, toModelPrompt } from "sam2-core";
import { createHostedFetch } from "sam2-hosted";
import type { Segmenter } from "sam2-web";
import { fakeSegmenter, png } from "../../../packages/sam2-hosted/test/fakes.ts";
import { mutatedJson } from "../mutate.ts";
import { jsonOf, must, NoCase, type Target } from "../target.ts";

const [WIDTH, HEIGHT] = [30, 20];

/** Three maps of logits for any prompt that is as documented, and nothing for everything. */
const SEGMENTER = {
  ...fakeSegmenter(WIDTH, HEIGHT, (request) => {
    toModelPrompt(request, { width: WIDTH, height: HEIGHT, imageSize: 64, maskSize: 4 });
  }),
  setImage: async () => ({ width: WIDTH, height: HEIGHT, release: async () => undefined }),
  segmentEverything: async (_: unknown, options: Parameters<typeof everythingSettings>[0]) => {
    everythingSettings(options);
    return [];
  },
} as unknown as Segmenter;

const base64 = async (file: Blob): Promise<string> => Buffer.from(await file.arrayBuffer()).toString("base64");
const PICTURE = await base64(png(WIDTH, HEIGHT));
const LARGE = await base64(png(100_000, 100_000));

const LIVEPEER = "https://livepeer.studio/api/beta/generate/segment-anything-2";
const FAL = "fal.run/fal-ai/sam2/auto-segment";
const SEGMIND = "https://api.segmind.com/v1/sam-v2-image";
const QUEUED = "https://queue.fal.run/fal-ai/sam2/requests/@id";

const form = (fields: object): object => ({ url: LIVEPEER, method: "POST", form: { image: PICTURE, ...fields } });
const post = (url: string, json: object): object => ({ url, method: "POST", json });

const SEEDS: readonly unknown[] = [
  [form({ point_coords: "[[3,4]]", point_labels: "[1]", return_logits: "false" })],
  [form({ box: "[1,2,10,12]", multimask_output: "no", model_id: "facebook/sam2-hiera-tiny", normalize_coords: "1" })],
  [
    form({
      mask_input: JSON.stringify([
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
      ]),
    }),
  ],
  [post(SEGMIND, { image: PICTURE, coordinates: "[[1,2],[3,4]]", base64: true })],
  [post(SEGMIND, { image: LARGE, coordinates: [[1, 2]], remove_coordinates: "[5,6]", overlay_mask: false })],
  [
    post(`https://${FAL}`, {
      image_url: `data:image/png;base64,${PICTURE}`,
      points_per_side: 8,
      output_format: "jpeg",
    }),
  ],
  [
    post(`https://queue.${FAL}`, { image_url: "http://169.254.169.254/latest", sync_mode: true, pred_iou_thresh: 0.5 }),
    { url: `${QUEUED}/status?logs=1` },
    { url: `${QUEUED}/cancel`, method: "PUT" },
    { url: QUEUED },
  ],
  [
    post("https://rest.fal.ai/storage/upload/initiate", { file_name: "a.png", content_type: "image/png" }),
    { url: "https://v3.fal.media/files/sam2-hosted/@id/a.png", method: "PUT", text: "bytes" },
    { url: "https://api.segmind.com/v1/sam-v2-image", method: "DELETE", headers: { "x-api-key": "x" } },
  ],
];

interface Sent {
  readonly url?: unknown;
  readonly method?: unknown;
  readonly headers?: unknown;
  readonly json?: unknown;
  readonly text?: unknown;
  readonly form?: unknown;
}

const textOfField = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

function bodyOf({ json, text, form: fields }: Sent): BodyInit | null {
  if (json !== undefined) return JSON.stringify(json);
  if (text !== undefined) return textOfField(text);
  if (typeof fields !== "object" || fields === null) return null;
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (name !== "image") body.append(name, textOfField(value));
    else body.append(name, new Blob([Buffer.from(textOfField(value), "base64")]));
  }
  return body;
}

/** A request as the platform makes it. @throws NoCase for what it refuses to make */
function requestOf(sent: Sent, id: string): Request {
  try {
    const { url, method = "GET", headers } = sent;
    return new Request(String(url).replace("@id", id), {
      method: String(method),
      body: bodyOf(sent),
      headers: (headers ?? {}) as Record<string, string>,
    });
  } catch (cause) {
    throw new NoCase("no such request can be made", { cause });
  }
}

/** Drawing needs a browser, and what needs it says so. */
const NO_BROWSER = /OffscreenCanvas|createImageBitmap|ImageData/;

const hosted: Target = {
  name: "hosted",
  isJson: true,
  cases: mutatedJson(SEEDS),
  // what is wrong is answered, never thrown
  isRefusal: () => false,
  async check(bytes) {
    const requests = jsonOf(bytes);
    if (!Array.isArray(requests) || requests.length > 8) return;
    const answer = createHostedFetch(SEGMENTER, {
      serving: "others",
      limits: { answerTime: 2_000, downloadTime: 1_000, bodyBytes: 1e6 },
    });
    let id = "00000000-0000-8000-8000-000000000000";
    for (const sent of requests) {
      const response = await answer(requestOf((sent ?? {}) as Sent, id));
      const { status } = response;
      const type = response.headers.get("Content-Type") ?? "";
      const text = await response.text();
      must(status < 500 || NO_BROWSER.test(text), `an answer is no ${status}: ${text.slice(0, 200)}`);
      must(status >= 200, `${status} is a status`);
      if (!type.includes("json")) continue;
      const json = JSON.parse(text) as { request_id?: unknown } | null;
      if (status >= 400) {
        const isNamed =
          typeof json === "object" && json !== null && ("detail" in json || "error" in json || "status" in json);
        must(isNamed, `a ${status} says why: ${text.slice(0, 200)}`);
      }
      if (typeof json?.request_id === "string") id = json.request_id;
    }
  },
};

export const HOSTED: readonly Target[] = [hosted];
