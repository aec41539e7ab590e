/** Whatever a request holds, it is answered with a status of the service and in its form. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createHostedFetch } from "../../src/page/create-hosted-fetch.ts";
import { fakeSegmenter, pngUri } from "../fakes.ts";

const hosted = createHostedFetch(fakeSegmenter(30, 20));
const picture = await pngUri(30, 20);

/** Any JSON, and values that get past the first checks. */
const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(picture, "data:,", "[1, 2]", "[[1, 2]]", "http://127.0.0.1/", "true", "NaN", 1e9, -1),
  // text that cannot be an address, and an object that cannot be text
  fc.constantFrom<unknown>("\ud800", { toString: 1 }),
);
const fields = (...names: string[]): fc.Arbitrary<Record<string, unknown>> =>
  fc.dictionary(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...names) }, fc.string()), value);
const json = (...names: string[]): fc.Arbitrary<string> => fields(...names).map((given) => JSON.stringify(given));

const form = fields("image", "model_id", "point_coords", "point_labels", "box", "mask_input", "return_logits").map(
  (given) => {
    const data = new FormData();
    for (const [name, each] of Object.entries(given)) {
      const text = typeof each === "string" ? each : JSON.stringify(each);
      data.append(name, name === "image" ? new Blob([text]) : text);
    }
    return data;
  },
);

test.each<[string, fc.Arbitrary<BodyInit>, readonly number[], RegExp]>([
  [
    "https://livepeer.studio/api/beta/generate/segment-anything-2",
    form,
    [200, 400, 422],
    /^\{("masks"|"detail":(\{"msg"|\[\{"loc"))/,
  ],
  [
    "https://fal.run/fal-ai/sam2/auto-segment",
    json("image_url", "sync_mode", "output_format", "points_per_side", "pred_iou_thresh"),
    [422],
    /^\{"detail":\[\{"loc"/,
  ],
  [
    "https://rest.fal.ai/storage/upload/initiate",
    json("file_name", "content_type"),
    [200, 422],
    /^\{("upload_url":"https:|"detail":\[\{"loc")/,
  ],
  [
    "https://api.segmind.com/v1/sam-v2-image",
    json("image", "prompt", "coordinates", "remove_coordinates", "overlay_mask", "base64"),
    [400],
    /^\{"error":"/,
  ],
])("%s", async (address, bodies, statuses, answer) => {
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 9, arbitrary: bodies }, fc.string()), async (body) => {
      const response = await hosted(address, { method: "POST", body });
      expect(await response.text()).toMatch(answer);
      expect(statuses).toContain(response.status);
    }),
    { numRuns: 150 },
  );
});
