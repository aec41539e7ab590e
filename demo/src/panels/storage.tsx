/** Why labels are not kept, and what the person can do about it. */
import { TriangleAlert, X } from "lucide-react";
import { useSyncExternalStore } from "react";
import type { Trouble } from "../storage/label-store.ts";
import { useWorkspace } from "../view/viewed.ts";
import { usePage, useShell } from "./page.ts";

/** Where the panel lies over the picture, and is closed at first. */
const NARROW = "(max-width: 999px)";

function listenToWidth(listener: () => void): () => void {
  const query = matchMedia(NARROW);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}

/** Nothing while they are kept. Beside a closed panel it is over the picture, until the person closes it. */
export function Storage({ place }: { readonly place: "panel" | "picture" }) {
  const { shell } = usePage();
  const trouble = useWorkspace((state) => state.trouble);
  const isEmpty = useWorkspace(({ project }) => project.images.length === 0);
  const closed = useShell(({ closedTrouble }) => closedTrouble);
  const isNarrow = useSyncExternalStore(listenToWidth, () => matchMedia(NARROW).matches);
  if (!trouble) return null;
  const isOverPicture = isNarrow && !isEmpty && trouble.kind !== closed;
  if (isOverPicture !== (place === "picture")) return null;
  if (!isOverPicture) {
    return (
      <p className="notice" role="status" aria-label="Storage">
        {inWords(trouble)}
      </p>
    );
  }
  return (
    <div className="error" role="status" aria-label="Storage">
      <TriangleAlert aria-hidden />
      <p>{inWords(trouble)}</p>
      <button
        type="button"
        className="icon-button small"
        aria-label="Close the notice"
        onClick={() => shell.update({ closedTrouble: trouble.kind })}
      >
        <X aria-hidden />
      </button>
    </div>
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
    case "closed":
      return "The browser closed this page's storage, as it does when this site's data is deleted. What is in this window may be all that is left: export your labels, then reload the page.";
    case "full":
      return "There is no more room on this device. What was kept is safe; the rest is in this window only. Delete pictures, or export your labels.";
    case "failed":
      return `Your labels could not be kept: ${(trouble.error as Error).message}. What was kept is safe; the rest is in this window only. Export it, then reload the page.`;
  }
}
