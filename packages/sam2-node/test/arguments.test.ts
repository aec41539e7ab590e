/** What is not a number is refused, on the command line of every command. */
import { expect, test } from "vitest";
import { run } from "./run-command.ts";

test.each<[string[], string]>([
  [["segment", "photo.png", "--point", "5"], "expected 2 numbers with commas between"],
  [["segment", "photo.png", "--point", "5,"], "expected 2 numbers with commas between"],
  [["segment", "photo.png", "--point", ","], "expected 2 numbers with commas between"],
  [["segment", "photo.png", "--point", "5, "], "expected 2 numbers with commas between"],
  [["segment", "photo.png", "--point", "5,six"], "expected 2 numbers with commas between"],
  [["segment", "photo.png", "--box", ",,300,400"], "expected 4 numbers with commas between"],
  [["segment", "photo.png", "--everything", "--pred-iou-thresh", ""], "expected a number"],
  [["segment", "photo.png", "--everything", "--stability-score-thresh", ""], "expected a number"],
  [["serve", "--port", "", "--workers", "none"], "expected a number"],
  [["serve", "--port", "0", "--workers", ""], "expected a whole number over 0"],
])("%j", async (args, expected) => {
  const { code, stderr } = await run(...args);
  expect([code, stderr]).toEqual([2, expect.stringMatching(new RegExp(`is invalid. ${expected}\n`))]);
});
