/** Which pictures a server remembers. */
import { expect, test } from "vitest";
import { RecentPictures } from "../dist/serve/recent-pictures.js";

/** Remembers pictures, and tells which of them were new. */
async function newOnes(limits: { count: number; bytes: number }, pictures: readonly string[]): Promise<string> {
  const recent = new RecentPictures<undefined>(limits);
  const found: string[] = [];
  for (const picture of pictures) await recent.recall(new Blob([picture]), () => void found.push(picture));
  return found.join(" ");
}

test.each<[string, { count: number; bytes: number }, string, string]>([
  ["one that came before", { count: 2, bytes: 99 }, "a b a b", "a b"],
  ["more than the count, however small they are", { count: 2, bytes: 99 }, "a b c a", "a b c a"],
  ["the one that was used last stays", { count: 2, bytes: 99 }, "a b a c a b", "a b c b"],
  ["more than the bytes", { count: 9, bytes: 4 }, "aa bb cc aa", "aa bb cc aa"],
  ["one that is larger than all that is kept", { count: 9, bytes: 4 }, "aa bbbbb bbbbb aa", "aa bbbbb aa"],
])("%s", async (_, limits, pictures, expected) => {
  expect(await newOnes(limits, pictures.split(" "))).toBe(expected);
});

test("a picture that comes again is the Blob that it was, with what was noted", async () => {
  const recent = new RecentPictures<number>({ count: 9, bytes: 99 });
  const first = await recent.recall(new Blob(["a"]), () => 1);
  expect(await recent.recall(new Blob(["a"]), () => 2)).toBe(first);
  expect(first.about).toBe(1);
});
