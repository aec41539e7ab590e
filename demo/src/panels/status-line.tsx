/** At the foot of the picture: what was said, what goes on, what went wrong; and the zoom. */
import { TriangleAlert, X } from "lucide-react";
import { useWorkspace } from "../view/viewed.ts";
import { busyOf } from "../workspace/state.ts";
import { IconButton } from "./icon-button.tsx";
import { useCommand, usePage } from "./page.ts";

/** What was said last; screen readers read it out. */
export function StatusLine() {
  const said = useWorkspace((state) => state.said);
  return (
    <p className="status" role="status" aria-label="Status">
      {said}
    </p>
  );
}

/** What the page is busy with, and a way to cancel what the person asked for. While it asks the person, it waits. */
export function BusyLine() {
  const { workspace } = usePage();
  const text = useWorkspace((state) => busyOf(state)?.text ?? null);
  const share = useWorkspace((state) => busyOf(state)?.share ?? null);
  const isTask = useWorkspace((state) => state.task !== null);
  const isAsking = useWorkspace((state) => state.question !== null);
  if (text === null || isAsking) return null;
  return (
    <section className="busy" aria-label="Busy">
      <span>{text}</span>
      <progress max={1} aria-label={text} {...(share === null ? {} : { value: share })} />
      {isTask && (
        <button type="button" className="quiet" onClick={() => workspace.notices.cancel()}>
          Cancel
        </button>
      )}
    </section>
  );
}

/** What went wrong. */
export function ErrorLine() {
  const { workspace } = usePage();
  const error = useWorkspace((state) => state.error);
  if (error === null) return null;
  return (
    <div className="error" role="alert">
      <TriangleAlert aria-hidden />
      <p>{error}</p>
      <button
        type="button"
        className="icon-button small"
        aria-label="Dismiss"
        onClick={() => workspace.notices.forgetError()}
      >
        <X aria-hidden />
      </button>
    </div>
  );
}

/** Zoom out, in, and fit. */
export function ZoomBar() {
  const zooms = [useCommand("zoom out"), useCommand("fit"), useCommand("zoom in")];
  const isShown = useWorkspace(({ picture }) => picture !== null);
  if (!isShown) return null;
  return (
    <section className="zoom-bar" aria-label="Zoom">
      {zooms.map((command) => (
        <IconButton key={command.id} command={command} />
      ))}
    </section>
  );
}
