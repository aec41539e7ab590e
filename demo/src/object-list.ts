/** The list of a picture's objects: edits their classes, names and order; hides, locks and deletes them. */

import { button, element } from "./element.ts";
import type { LabeledObject, ObjectClass } from "./labels/annotations.ts";

/** Called by the list. */
export interface ObjectListEvents {
  /** The objects are to become these. */
  change(objects: readonly LabeledObject[], said: string): void;
  /** An object is to be edited by hand, or no longer. */
  select(id: string | null): void;
  /** An object is pointed at, or none is. */
  emphasize(id: string | null): void;
}

/** Shows the objects in order; the selected one's row says more. */
export function showObjects(
  objects: readonly LabeledObject[],
  classes: readonly ObjectClass[],
  selected: string | null,
  events: ObjectListEvents,
): void {
  element("objects").replaceChildren(
    ...objects.map((object, index) => {
      const row = document.createElement("li");
      row.append(...summary(objects, index, classes, selected, events));
      if (object.id === selected) row.append(...details(objects, index, events));
      for (const kind of ["pointerenter", "focusin"]) {
        row.addEventListener(kind, () => events.emphasize(object.id));
      }
      for (const kind of ["pointerleave", "focusout"]) row.addEventListener(kind, () => events.emphasize(null));
      return row;
    }),
  );
}

/** What every row has: color, class, Edit, Hide, Delete. */
function summary(
  objects: readonly LabeledObject[],
  index: number,
  classes: readonly ObjectClass[],
  selected: string | null,
  events: ObjectListEvents,
): HTMLElement[] {
  const object = objects[index] as LabeledObject;
  const { id, className, hidden, locked } = object;
  const place = index + 1;
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = classes.find(({ name }) => name === className)?.color ?? "";
  const choice = document.createElement("select");
  choice.ariaLabel = `Class of object ${place}`;
  choice.replaceChildren(...classes.map(({ name }) => new Option(name, name, false, name === className)));
  choice.addEventListener("change", () =>
    events.change(objects.with(index, { ...object, className: choice.value }), `Object ${place} is ${choice.value}.`),
  );
  const edit = button("Edit", `Edit object ${place} by hand`, () => events.select(id === selected ? null : id));
  edit.ariaPressed = String(id === selected);
  const hide = button(hidden ? "Show" : "Hide", `${hidden ? "Show" : "Hide"} object ${place}`, () =>
    events.change(
      objects.with(index, { ...object, hidden: !hidden }),
      `Object ${place} is ${hidden ? "shown" : "hidden"}.`,
    ),
  );
  const remove = button("Delete", `Delete object ${place}`, () =>
    events.change(
      objects.filter((each) => each !== object),
      `Object ${place} is deleted; Undo brings it back.`,
    ),
  );
  remove.disabled = choice.disabled = locked;
  return [swatch, choice, edit, hide, remove];
}

/** What the selected object's row has besides: name, order, lock. */
function details(objects: readonly LabeledObject[], index: number, { change }: ObjectListEvents): HTMLElement[] {
  const object = objects[index] as LabeledObject;
  const { locked } = object;
  const place = index + 1;
  const name = document.createElement("input");
  name.value = object.name;
  name.placeholder = "Name";
  name.ariaLabel = `Name of object ${place}`;
  name.disabled = locked;
  name.addEventListener("change", () =>
    change(objects.with(index, { ...object, name: name.value.trim() }), `Object ${place} is named.`),
  );
  const move = (by: -1 | 1): void => {
    const swapped = objects.with(index, objects[index + by] as LabeledObject).with(index + by, object);
    change(swapped, `Object ${place} is now ${place + by}.`);
  };
  const up = button("↑", `Move object ${place} up`, () => move(-1));
  const down = button("↓", `Move object ${place} down`, () => move(1));
  up.disabled = index === 0;
  down.disabled = index === objects.length - 1;
  const lock = button(locked ? "Unlock" : "Lock", `${locked ? "Unlock" : "Lock"} object ${place}`, () =>
    change(
      objects.with(index, { ...object, locked: !locked }),
      `Object ${place} is ${locked ? "unlocked" : "locked"}.`,
    ),
  );
  return [name, up, down, lock];
}
