/** The open picture's objects, in the order in which they lie over each other. Only the rows in view are in the document. */
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  ArrowDown,
  ArrowUp,
  Eye,
  EyeOff,
  ListFilter,
  Lock,
  LockOpen,
  SquareCheckBig,
  SquarePlus,
  Trash2,
} from "lucide-react";
import { type RefObject, useDeferredValue, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { LabeledObject, ObjectClass } from "../labels/annotations.ts";
import { ALL_OBJECTS, isUnchecked, isWanted, type ObjectFilter } from "../labels/review.ts";
import { useWorkspace } from "../view/viewed.ts";
import { objectsOf } from "../workspace/state.ts";
import { RowButton } from "./icon-button.tsx";
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
  const [filter, setFilter] = useState(ALL_OBJECTS);
  const [isFiltering, setFiltering] = useState(false);
  const [isSearching, setSearching] = useState(false);
  const wanted = useDeferredValue(filter);
  const scroll = useRef<HTMLDivElement>(null);
  const shown = objects.map((object, index) => ({ object, index })).filter(({ object }) => isWanted(object, wanted));
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW,
    getItemKey: (index) => shown[index]?.object.id ?? index,
    overscan: 6,
  });
  const selectedRow = shown.findIndex(({ object }) => object.id === selected);
  useEffect(() => {
    if (selectedRow >= 0) rows.scrollToIndex(selectedRow, { align: "auto" });
  }, [selectedRow, rows]);
  return (
    <section className="objects" aria-label="Objects">
      <h2>
        Objects{" "}
        <span className="count">
          {shown.length === objects.length ? objects.length : `${shown.length} of ${objects.length}`}
        </span>
        {objects.length > 0 && (
          <button
            type="button"
            className="icon-button small"
            aria-label="Filter the objects"
            aria-expanded={isFiltering}
            onClick={() => {
              setFiltering(!isFiltering);
              setFilter(ALL_OBJECTS);
            }}
          >
            <ListFilter aria-hidden />
          </button>
        )}
      </h2>
      {(objects.length > MANY || isFiltering || isSearching || filter.text !== "") && (
        <input
          type="search"
          aria-label="Search the objects"
          placeholder="Search"
          value={filter.text}
          onFocus={() => setSearching(true)}
          onBlur={() => setSearching(false)}
          onChange={({ target }) => setFilter({ ...filter, text: target.value })}
        />
      )}
      {isFiltering && <FilterFields classes={classes} filter={filter} setFilter={setFilter} />}
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

/** A share as a percentage of two digits, without an exponent. */
function inPercent(share: number): string {
  return (100 * share).toLocaleString("en", { maximumSignificantDigits: 2 });
}

/** What is wanted of the objects, besides the text. */
function FilterFields({
  classes,
  filter,
  setFilter,
}: {
  readonly classes: readonly ObjectClass[];
  readonly filter: ObjectFilter;
  readonly setFilter: (filter: ObjectFilter) => void;
}) {
  return (
    <fieldset className="filter" aria-label="Filter">
      <select
        aria-label="Objects of the class"
        value={filter.className}
        onChange={({ target }) => setFilter({ ...filter, className: target.value })}
      >
        <option value="">All classes</option>
        {classes.map(({ name }) => (
          <option key={name}>{name}</option>
        ))}
      </select>
      <select
        aria-label="Objects in the state"
        value={filter.state}
        onChange={({ target }) => setFilter({ ...filter, state: target.value as ObjectFilter["state"] })}
      >
        <option value="all">All states</option>
        <option value="unchecked">To look at</option>
        <option value="hidden">Hidden</option>
        <option value="locked">Locked</option>
      </select>
      <label>
        <span>Score up to {filter.mostScore.toFixed(2)}</span>
        <input
          type="range"
          min={0}
          max={1}
          step={0.01}
          value={filter.mostScore}
          onChange={({ target }) => setFilter({ ...filter, mostScore: target.valueAsNumber })}
        />
      </label>
      <label>
        <span>Size up to {inPercent(filter.mostShare)} %</span>
        <input
          type="range"
          min={0}
          max={1}
          step={0.01}
          aria-valuetext={`${inPercent(filter.mostShare)} percent of the picture`}
          value={filter.mostShare ** 0.25}
          onChange={({ target }) => setFilter({ ...filter, mostShare: target.valueAsNumber ** 4 })}
        />
      </label>
    </fieldset>
  );
}

/**
 * Hands the focus on before the row that has it goes: to the row beside it where keys are used, else to the picture, which
 * is what the next key is for.
 */
function useFocusOn(row: RefObject<HTMLElement | null>): void {
  const { view } = usePage();
  useLayoutEffect(() => {
    const item = row.current?.closest("li");
    return () => {
      const focused = document.activeElement;
      if (!item?.contains(focused)) return;
      const beside = item.nextElementSibling ?? item.previousElementSibling;
      const next = focused?.matches(":focus-visible") ? beside?.querySelector("button") : null;
      (next ?? view.current?.element)?.focus({ preventScroll: true });
    };
  }, [row, view]);
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
  const row = useRef<HTMLDivElement>(null);
  useFocusOn(row);
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
      ref={row}
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
              {object.score !== undefined && (
                <span className={isUnchecked(object) ? "score" : "score is-checked"} title="Score">
                  {object.score.toFixed(2)}
                </span>
              )}
            </small>
          </span>
        </button>
        <RowButton
          name={`${hidden ? "Show" : "Hide"} object ${place}`}
          icon={EyeIcon}
          onPress={() => {
            const said = `Object ${place} is ${hidden ? "shown" : "hidden"}.`;
            set.changeObject(id, { hidden: !hidden }, `${hidden ? "Show" : "Hide"} ${className}`, said);
          }}
        />
        <RowButton
          name={`${locked ? "Unlock" : "Lock"} object ${place}`}
          icon={LockIcon}
          onPress={() => {
            const said = `Object ${place} is ${locked ? "unlocked" : "locked"}.`;
            set.changeObject(id, { locked: !locked }, `${locked ? "Unlock" : "Lock"} ${className}`, said);
          }}
        />
        {isOther === null || isSelected ? (
          <RowButton
            name={`Delete object ${place}`}
            icon={Trash2}
            isDisabled={locked}
            onPress={() => set.deleteObject(id)}
          />
        ) : (
          <RowButton
            name={`Select object ${place} too`}
            icon={AlsoIcon}
            isPressed={isOther}
            isDisabled={locked}
            onPress={() => workspace.selectAlso(id)}
          />
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
          <RowButton
            name={`Move object ${place} up`}
            icon={ArrowUp}
            isDisabled={place === 1}
            onPress={() => set.moveObject(id, -1)}
          />
          <RowButton
            name={`Move object ${place} down`}
            icon={ArrowDown}
            isDisabled={isLast}
            onPress={() => set.moveObject(id, 1)}
          />
          <ObjectShape />
        </div>
      )}
    </div>
  );
}
