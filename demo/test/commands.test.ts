/** Commands of the page, where the browser cannot do what they ask for. */
import { expect, test, vi } from "vitest";
import type { Workspace } from "../src/workspace/workspace.ts";

vi.stubGlobal("navigator", { platform: "" });
const { commandsOf } = await import("../src/panels/commands.ts");

test.each(["cut out", "save mask"])("a file that cannot be made is said: %s", async (id) => {
  const fail = vi.fn();
  const answer = { result: { mask: () => ({ width: 1, height: 1, data: Uint8Array.of(1) }) }, chosen: 0 };
  const workspace = {
    state: { get: () => ({ picture: new Blob(["no picture"]) }) },
    notices: { fail },
    withAnswer: (act: (given: unknown) => void) => act(answer),
  } as unknown as Workspace;
  const commands = commandsOf(workspace, {} as never, { current: null }, {} as never, false);
  commands.find((each) => each.id === id)?.run();
  await expect.poll(() => fail.mock.calls).toEqual([[expect.any(Error), "nothing was saved; the mask is still here."]]);
});
