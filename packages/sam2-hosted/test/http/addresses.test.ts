/** Which requests are answered here, and which are left to the services. */
import { expect, test } from "vitest";
import { falRequest, serviceOf } from "../../src/http/addresses.ts";

const OURS = "5f0a2c1e-33cd-8a51-9d5e-0b6a3c7f1e22";
const THEIRS = "5f0a2c1e-33cd-4a51-9d5e-0b6a3c7f1e22";

test.each<[string, ReturnType<typeof serviceOf>]>([
  ["https://dream-gateway.livepeer.cloud/segment-anything-2", "livepeer"],
  ["https://livepeer.studio/api/beta/generate/segment-anything-2", "livepeer"],
  ["https://livepeer.studio/api/beta/generate/text-to-image", null],
  ["https://fal.run/fal-ai/sam2/auto-segment", "fal"],
  ["https://queue.fal.run/fal-ai/sam2/auto-segment?fal_webhook=x", "fal"],
  ["https://fal.run/fal-ai/sam2/image", null],
  ["https://fal.run/fal-ai/flux/dev", null],
  [`https://queue.fal.run/fal-ai/sam2/requests/${OURS}`, "fal"],
  [`https://queue.fal.run/fal-ai/sam2/requests/${OURS}/status`, "fal"],
  [`https://queue.fal.run/fal-ai/sam2/requests/${OURS}/status/stream`, "fal"],
  [`https://queue.fal.run/fal-ai/sam2/requests/${OURS}/cancel`, "fal"],
  [`https://queue.fal.run/fal-ai/sam2/requests/${THEIRS}`, null],
  [`https://queue.fal.run/fal-ai/flux/requests/${OURS}`, null],
  [`https://fal.run/fal-ai/sam2/requests/${OURS}`, null],
  ["https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3", "fal"],
  ["https://rest.fal.ai/storage/upload/initiate-multipart", "fal"],
  ["https://rest.fal.ai/tokens/", null],
  ["https://v3.fal.media/files/sam2-hosted/1/photo.png", "fal"],
  ["https://v3.fal.media/files/rabbit/YYbm6L.png", null],
  ["https://api.segmind.com/v1/sam-v2-image", "segmind"],
  ["https://api.segmind.com/v1/sdxl1.0-txt2img", null],
  ["https://api.segmind.com/v1/get-user-credits", null],
  ["https://example.com/segment-anything-2", null],
  ["no address", null],
])("%s: %s", (address, service) => {
  expect(serviceOf(address)).toBe(service);
});

test("what is asked of a queued request", () => {
  const path = `/fal-ai/sam2/requests/${OURS}`;
  expect([path, `${path}/cancel`, `${path}/other`].map(falRequest)).toEqual([
    { id: OURS, action: "result" },
    { id: OURS, action: "cancel" },
    null,
  ]);
});
