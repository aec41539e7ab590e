/** Files: what is kept, and what is freed when. */
import { expect, test } from "vitest";
import { Files } from "../../src/fal/files.ts";

const file = (size: number): Blob => new Blob([new Uint8Array(size)]);

test("an upload takes a reserved address, once freed it takes none", () => {
  const files = new Files(1e6, () => undefined);
  const address = files.reserve("a photo.png", "image/png");
  expect(address).toMatch(/^https:\/\/v3\.fal\.media\/files\/sam2-hosted\/[0-9a-f-]{36}\/a_photo\.png$/);
  expect([files.put(address, file(3)), files.get(address)?.size]).toEqual([true, 3]);
  files.clear();
  expect([files.put(address, file(3)), files.get(address)]).toEqual([false, undefined]);
});

test("what an answer refers to cannot be overwritten", () => {
  const files = new Files(1e6, () => undefined);
  expect(files.put(files.publish(file(3), "mask.png", "request"), file(4))).toBe(false);
});

test("files of a request go with it", () => {
  const files = new Files(1e6, () => undefined);
  const [first, second] = [files.publish(file(3), "a", "one"), files.publish(file(3), "a", "two")];
  files.freeOf("one");
  expect([files.get(first), files.get(second)?.size]).toEqual([undefined, 3]);
});

test("the oldest make room, counted with a thousand bytes beside their own", () => {
  const files = new Files(10_000, () => undefined);
  const addresses = Array.from({ length: 4 }, () => files.publish(file(3000), "a", "one"));
  expect(addresses.map((address) => files.get(address) !== undefined)).toEqual([false, false, true, true]);
  const empty = Array.from({ length: 20 }, () => files.reserve("a", ""));
  expect(empty.filter((address) => files.get(address) !== undefined)).toHaveLength(10);
});

test("one that is larger than all room is kept until the next", () => {
  const files = new Files(10_000, () => undefined);
  const large = files.publish(file(20_000), "a", "one");
  expect(files.get(large)?.size).toBe(20_000);
  files.publish(file(1), "a", "one");
  expect(files.get(large)).toBeUndefined();
});
