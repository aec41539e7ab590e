/** What a page loads before it asks for anything. */
import { expect, test } from "vitest";
import { bundle } from "../size.ts";

test("the worker starts without the exporter, which only a checkpoint needs", async () => {
  const { page, worker } = await bundle('export { createSegmenter } from "sam2-web";');
  for (const { modules } of [page, worker ?? expect.fail("no worker was bundled")]) {
    expect(modules.length).toBeGreaterThan(5);
    expect(modules.filter((file) => /sam2-export|protobuf/.test(file))).toEqual([]);
  }
});
