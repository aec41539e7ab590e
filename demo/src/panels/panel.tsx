/** Classes, objects, and what the set holds. */
import { ChartColumn, CircleCheck, Download, FileUp } from "lucide-react";
import { useEffect, useState } from "react";
import { isNearlyFull, type Room, room } from "../storage/room.ts";
import { useWorkspace } from "../view/viewed.ts";
import { imageOf } from "../workspace/state.ts";
import { ClassList } from "./class-list.tsx";
import { ObjectList } from "./object-list.tsx";
import { useCommand, useShell } from "./page.ts";
import { Storage } from "./storage.tsx";

/** See the file. */
export function Panel({ picture }: { readonly picture: ImageBitmap | null }) {
  const [exporting, importing] = [useCommand("export"), useCommand("import")];
  const isOpen = useShell(({ isPanelOpen }) => isPanelOpen);
  return (
    <aside className={isOpen ? "panel is-open" : "panel"} aria-label="Labels">
      <Storage place="panel" />
      <ClassList />
      <ObjectList picture={picture} />
      <ReviewActions />
      <div className="panel-actions">
        <button type="button" className="primary" onClick={() => exporting.run()}>
          <Download aria-hidden /> Export
        </button>
        <button type="button" onClick={() => importing.run()}>
          <FileUp aria-hidden /> Import
        </button>
      </div>
      <Kept />
    </aside>
  );
}

/** Says that the picture is done, and shows how far the set is. */
function ReviewActions() {
  const [done, overview] = [useCommand("done"), useCommand("overview")];
  const isDone = useWorkspace((state) => imageOf(state)?.review === "done");
  return (
    <div className="panel-actions">
      <button type="button" className={isDone ? "is-done" : ""} aria-pressed={isDone} onClick={() => done.run()}>
        <CircleCheck aria-hidden /> Done
      </button>
      <button type="button" onClick={() => overview.run()}>
        <ChartColumn aria-hidden /> Overview
      </button>
    </div>
  );
}

/** How much is labeled, and how much room is left. */
function Kept() {
  const images = useWorkspace(({ project }) => project.images);
  const [left, setLeft] = useState<Room | null>(null);
  useEffect(() => {
    // asking the browser is slow: not for each of many pictures that are added
    const timer = setTimeout(() => void room().then(setLeft), images.length === 0 ? 0 : 200);
    return () => clearTimeout(timer);
  }, [images]);
  const labeled = images.filter(({ objects }) => objects.length > 0).length;
  return (
    <p className="kept">
      {labeled} of {images.length} pictures labeled
      {left && <br />}
      {left && inWords(left)}
    </p>
  );
}

/** The storage in use, as text. */
function inWords(there: Room): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const { used, total } = there;
  if (!isNearlyFull(there)) return `${megabytes(used)} on this device`;
  const size = `${megabytes(used)} of ${megabytes(total ?? used)} on this device`;
  return `${size}: nearly full. Delete pictures, or export your labels.`;
}
