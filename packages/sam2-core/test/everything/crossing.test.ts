/** Masks that go from the worker to the page: each crosses once. */
import { expect, test } from "vitest";
import { MaskReceiver, MaskSender } from "../../src/everything/crossing.ts";
import type { EverythingMask } from "../../src/everything/everything.ts";

const mask = (area: number): EverythingMask => ({
  segmentation: { size: [1, 1], counts: "" },
  area,
  bbox: [0, 0, 0, 0],
  predicted_iou: 1,
  point_coords: [],
  stability_score: 1,
  crop_box: [0, 0, 1, 1],
});

test("lists that grow, shrink and change their order arrive as they were sent", () => {
  const [a, b, c] = [mask(1), mask(2), mask(3)];
  const lists = [[], [a], [b, a], [c, b], [a, c], [a, c]];
  const sender = new MaskSender();
  const receiver = new MaskReceiver();
  const crossed: number[] = [];
  for (const list of lists) {
    const sent = structuredClone(sender.send(list));
    crossed.push(sent.added.length);
    expect(receiver.receive(sent)).toEqual(list);
  }
  expect(crossed).toEqual([0, 1, 1, 1, 0, 0]);
});

test("a mask that is told again is the same object", () => {
  const receiver = new MaskReceiver();
  const sender = new MaskSender();
  const only = mask(5);
  const [first] = receiver.receive(structuredClone(sender.send([only])));
  const [second] = receiver.receive(structuredClone(sender.send([only])));
  expect(second).toBe(first);
});
