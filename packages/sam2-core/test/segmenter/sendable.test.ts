/** What a call is rejected with that sends values to the worker. */
import { expect, test } from "vitest";
import { sending } from "../../src/segmenter/sendable.ts";

test.each([[null], ["enough"], [new Error("enough")]])(
  "a reason that is not of the values is passed on: %s",
  async (reason) => {
    await expect(sending({ box: () => 1 }, () => Promise.reject(reason))).rejects.toBe(reason);
  },
);
