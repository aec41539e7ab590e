/** The pictures of the set, side by side. Only those in view are in the document, and only they are decoded. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { Check, Eye, Zap } from "lucide-react";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { type LabeledImage, placeOf } from "../labels/annotations.ts";
import { counted } from "../labels/counted.ts";
import { reviewOf } from "../labels/review.ts";
import { useWorkspace } from "../view/viewed.ts";
import { usePage, useShell } from "./page.ts";
import { Thumbnails } from "./thumbnails.ts";

/** CSS pixels from one picture to the next. */
const WIDTH = 92;

/** See the file. */
export function FilmStrip() {
  const { workspace } = usePage();
  const all = useWorkspace(({ project }) => project.images);
  const wanted = useShell((shell) => shell.shown);
  const images = useMemo(
    () => (wanted === null ? all : all.filter((image) => reviewOf(image) === wanted)),
    [all, wanted],
  );
  const current = useWorkspace((state) => state.current);
  const scroll = useRef<HTMLElement>(null);
  const [thumbnails] = useState(() => new Thumbnails((id) => workspace.set.pictureOf(id)));
  const columns = useVirtualizer({
    horizontal: true,
    count: images.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => WIDTH,
    getItemKey: (index) => images[index]?.id ?? index,
    overscan: 4,
    paddingStart: 8,
    paddingEnd: 8,
  });
  const place = placeOf(images, current);
  useEffect(() => {
    if (place >= 0) columns.scrollToIndex(place, { align: "auto" });
  }, [place, columns]);
  if (all.length === 0) return null;
  return (
    <nav ref={scroll} className="strip" aria-label="Pictures">
      {images.length === 0 && <p className="hint">No picture is {wanted}.</p>}
      <ul style={{ width: columns.getTotalSize() }}>
        {columns.getVirtualItems().map(({ index, start, key }) => {
          const image = images[index];
          return (
            image && (
              <li
                key={key}
                aria-setsize={images.length}
                aria-posinset={index + 1}
                style={{ transform: `translateX(${start}px)` }}
              >
                <Frame image={image} isCurrent={image.id === current} thumbnails={thumbnails} />
              </li>
            )
          );
        })}
      </ul>
    </nav>
  );
}

const Frame = memo(function Frame({
  image,
  isCurrent,
  thumbnails,
}: {
  readonly image: LabeledImage;
  readonly isCurrent: boolean;
  readonly thumbnails: Thumbnails;
}) {
  const { workspace } = usePage();
  const { id, name, objects, sha256 } = image;
  const [address, setAddress] = useState(() => thumbnails.known(id));
  const closed = useWorkspace(({ closedFolders }) => closedFolders.length);
  const arrivals = useWorkspace((state) => state.arrivals);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a picture may be readable once its folder is open, or once it has come
  useEffect(() => {
    const unwanted = new AbortController();
    // without a hash there is no picture yet
    if (sha256 !== null) {
      void thumbnails.of(id, unwanted.signal).then((made) => !unwanted.signal.aborted && setAddress(made));
    }
    return () => unwanted.abort();
  }, [id, sha256, thumbnails, closed, arrivals]);
  const isEmbedded = useWorkspace(({ embeddings }) => sha256 !== null && embeddings.pictures.has(sha256));
  const count = objects.length;
  const state = reviewOf(image);
  return (
    <button
      type="button"
      className="frame"
      aria-current={isCurrent}
      aria-label={`${name}, ${counted(count, "object")}${state === "to do" ? "" : `, ${state}`}${isEmbedded ? ", has its embedding" : ""}`}
      title={name}
      onClick={() => workspace.open(id)}
    >
      {address && <img src={address} alt="" draggable={false} />}
      {state !== "to do" && (
        <span className={state === "done" ? "review is-done" : "review"} aria-hidden>
          {state === "done" ? <Check /> : <Eye />}
        </span>
      )}
      {isEmbedded && (
        <span className="embedded" aria-hidden>
          <Zap />
        </span>
      )}
      {count > 0 && (
        <span className="badge" aria-hidden>
          {count}
        </span>
      )}
    </button>
  );
});
