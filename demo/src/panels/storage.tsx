/** Why labels are not kept, and what the person can do about it. */
import type { Trouble } from "../storage/label-store.ts";
import { useWorkspace } from "../view/viewed.ts";

/** Nothing while they are kept. */
export function Storage() {
  const trouble = useWorkspace((state) => state.trouble);
  return (
    trouble && (
      <p className="notice" role="status" aria-label="Storage">
        {inWords(trouble)}
      </p>
    )
  );
}

function inWords(trouble: Trouble): string {
  switch (trouble.kind) {
    case "no storage":
      return "This browser keeps nothing here, as in private windows. Your labels are in this window only: export them before you close it.";
    case "older window":
      return "Another window has an older version of this page open. Close it, and what you label is kept; until then it is in this window only.";
    case "newer window":
      return "A newer version of this page was opened. What was kept is safe; what you label from now on is in this window only. Export it, then reload the page.";
    case "full":
      return "There is no more room on this device. What was kept is safe; the rest is in this window only. Delete pictures, or export your labels.";
    case "failed":
      return `Your labels could not be kept: ${(trouble.error as Error).message}. What was kept is safe; the rest is in this window only. Export it, then reload the page.`;
  }
}
