/** The open picture's objects, in the order in which they lie over each other. Only the rows in view are in the document. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp, Eye, EyeOff, Lock, LockOpen, SquareCheckBig, SquarePlus, Trash2 } from "lucide-react";
import { useDeferredValue, useRef, useState } from "react";
import type { LabeledObject, ObjectClass } from "../labels/annotations.ts";
import { useWorkspace } from "../view/viewed.ts";
import { objectsOf } from "../workspace/state.ts";
import { ObjectShape } from "./object-shape.tsx";
import { ObjectThumbnail } from "./object-thumbnail.tsx";
import { usePage } from "./page.ts";

/** CSS pixels. */
const ROW = 52;

/** So many objects are more than one looks through. */
const MANY = 8;

/** See the file. */
export function ObjectList({ picture }: { readonly picture: ImageBitmap | null }) {
  const objects = useWorkspace(objectsOf);
  const classes = useWorkspace(({ project }) => project.classes);
  const selected = useWorkspace((state) => state.selected);
  const others = useWorkspace((state) => state.others);
  const [sought, setSought] = useState("");
  const wanted = useDeferredValue(sought.trim().toLowerCase());
  const scroll = useRef<HTMLDivElement>(null);
  const shown = objects
    .map((object, index) => ({ object, index }))
    .filter(({ object: { className, name } }) => `${className} ${name}`.toLowerCase().includes(wanted));
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW,
    getItemKey: (index) => shown[index]?.object.id ?? index,
    overscan: 6,
  });
  return (
    <section className="objects" aria-label="Objects">
      <h2>
        Objects <span className="count">{objects.length}</span>
      </h2>
      {objects.length > MANY && (
        <input
          type="search"
          aria-label="Search the objects"
          placeholder="Search"
          value={sought}
          onChange={(event) => setSought(event.target.value)}
        />
      )}
      {objects.length === 0 && <p className="hint">What you keep is listed here. Click a thing, then press Enter.</p>}
      <div ref={scroll} className="object-scroll" tabIndex={objects.length > MANY ? 0 : -1}>
        <ul aria-label="Objects" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ index, start, key }) => {
            const row = shown[index];
            return (
              row && (
                <li
                  key={key}
                  ref={rows.measureElement}
                  data-index={index}
                  aria-setsize={shown.length}
                  aria-posinset={index + 1}
                  style={{ transform: `translateY(${start}px)` }}
                >
                  <Row
                    object={row.object}
                    place={row.index + 1}
                    isLast={row.index === objects.length - 1}
                    classes={classes}
                    isSelected={row.object.id === selected}
                    isOther={selected === null ? null : others.includes(row.object.id)}
                    picture={picture}
                  />
                </li>
              )
            );
          })}
        </ul>
      </div>
    </section>
  );
}

function Row({
  object,
  place,
  isLast,
  classes,
  isSelected,
  isOther,
  picture,
}: {
  readonly object: LabeledObject;
  readonly place: number;
  readonly isLast: boolean;
  readonly classes: readonly ObjectClass[];
  readonly isSelected: boolean;
  /** Whether it is selected besides another one; null while none is selected. */
  readonly isOther: boolean | null;
  readonly picture: ImageBitmap | null;
}) {
  const { workspace } = usePage();
  const { set } = workspace;
  const { id, className, name, hidden, locked, rle } = object;
  const color = classes.find((each) => each.name === className)?.color ?? "#1d6ed8";
  const [EyeIcon, LockIcon, AlsoIcon] = [
    hidden ? EyeOff : Eye,
    locked ? Lock : LockOpen,
    isOther ? SquareCheckBig : SquarePlus,
  ];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: what is pointed at is drawn stronger, no more
    <div
      className={isSelected || isOther ? "object is-selected" : "object"}
      onPointerEnter={() => workspace.point(id)}
      onPointerLeave={() => workspace.point(null)}
      onFocus={() => workspace.point(id)}
      onBlur={() => workspace.point(null)}
    >
      <div className="object-summary">
        <button
          type="button"
          className="object-main"
          aria-label={`Edit object ${place} by hand`}
          aria-pressed={isSelected}
          onClick={({ shiftKey, ctrlKey, metaKey }) => {
            if (shiftKey || ctrlKey || metaKey) workspace.selectAlso(id);
            else workspace.select(isSelected ? null : id);
          }}
        >
          <ObjectThumbnail picture={picture} rle={rle} color={color} />
          <span className="object-words">
            <span>{name || className}</span>
            <small>
              <span className="swatch" style={{ background: color }} /> {name ? className : `object ${place}`}
            </small>
          </span>
        </button>
        <button
          type="button"
          className="icon-button small"
          aria-label={`${hidden ? "Show" : "Hide"} object ${place}`}
          onClick={() => {
            const said = `Object ${place} is ${hidden ? "shown" : "hidden"}.`;
            set.changeObject(id, { hidden: !hidden }, `${hidden ? "Show" : "Hide"} ${className}`, said);
          }}
        >
          <EyeIcon aria-hidden />
        </button>
        <button
          type="button"
          className="icon-button small"
          aria-label={`${locked ? "Unlock" : "Lock"} object ${place}`}
          onClick={() => {
            const said = `Object ${place} is ${locked ? "unlocked" : "locked"}.`;
            set.changeObject(id, { locked: !locked }, `${locked ? "Unlock" : "Lock"} ${className}`, said);
          }}
        >
          <LockIcon aria-hidden />
        </button>
        {isOther === null || isSelected ? (
          <button
            type="button"
            className="icon-button small"
            aria-label={`Delete object ${place}`}
            disabled={locked}
            onClick={() => set.deleteObject(id)}
          >
            <Trash2 aria-hidden />
          </button>
        ) : (
          <button
            type="button"
            className="icon-button small"
            aria-label={`Select object ${place} too`}
            aria-pressed={isOther}
            disabled={locked}
            onClick={() => workspace.selectAlso(id)}
          >
            <AlsoIcon aria-hidden />
          </button>
        )}
      </div>
      {isSelected && (
        <div className="object-details">
          <input
            key={name}
            aria-label={`Name of object ${place}`}
            placeholder="Name"
            defaultValue={name}
            disabled={locked}
            onKeyDown={({ key, currentTarget }) => key === "Enter" && currentTarget.blur()}
            onBlur={({ target }) => {
              const wanted = target.value.trim();
              if (wanted !== name)
                set.changeObject(id, { name: wanted }, "Name an object", `Object ${place} is named.`);
            }}
          />
          <select
            aria-label={`Class of object ${place}`}
            value={className}
            disabled={locked}
            onChange={({ target }) => {
              const to = target.value;
              set.changeObject(id, { className: to }, `Make it ${to}`, `Object ${place} is ${to}.`);
            }}
          >
            {classes.map((each) => (
              <option key={each.name}>{each.name}</option>
            ))}
          </select>
          <button
            type="button"
            className="icon-button small"
            aria-label={`Move object ${place} up`}
            disabled={place === 1}
            onClick={() => set.moveObject(id, -1)}
          >
            <ArrowUp aria-hidden />
          </button>
          <button
            type="button"
            className="icon-button small"
            aria-label={`Move object ${place} down`}
            disabled={isLast}
            onClick={() => set.moveObject(id, 1)}
          >
            <ArrowDown aria-hidden />
          </button>
          <ObjectShape />
        </div>
      )}
    </div>
  );
}
