/** Several objects at once: selected by a lasso or by keys, and then deleted, agreed to, hidden, or made another class. */
import type { LabeledObject } from "../labels/annotations.ts";
import { counted } from "../labels/counted.ts";
import { isUnchecked } from "../labels/review.ts";
import { filled, type Place } from "../masks/outline.ts";
import { areaOf, intersection, turnsOf } from "../masks/turns.ts";
import { OfTheSet } from "./of-the-set.ts";
import { objectsOf, selectedOf } from "./state.ts";

/** The selected objects; what is done to them is one step. */
export class Selection extends OfTheSet {
  /** Selects the objects of which at least half is inside a line, besides those that are selected already if `isMore`. */
  within(ring: readonly Place[], isMore: boolean): void {
    const state = this.state.get();
    if (!state.size || ring.length < 3) return;
    const inside = turnsOf(filled([ring], state.size.width, state.size.height));
    const found = objectsOf(state).filter(({ rle, hidden }) => {
      if (hidden) return false;
      const turns = turnsOf(rle);
      const both = areaOf(intersection(turns, inside));
      return both > 0 && 2 * both >= areaOf(turns);
    });
    this.#select(isMore ? [...selectedOf(state), ...found] : found);
  }

  /** Selects all objects that are shown. */
  all(): void {
    this.#select(objectsOf(this.state.get()).filter(({ hidden }) => !hidden));
  }

  #select(objects: readonly LabeledObject[]): void {
    const [selected = null, ...others] = new Set(objects.map(({ id }) => id));
    this.state.update({ selected, others });
    const found = others.length + (selected === null ? 0 : 1);
    this.notices.say(found === 0 ? "No object is selected." : `${found} selected.`);
  }

  /** Changes the selected objects that are not locked, as one step. @returns whether there are any */
  #change(change: (object: LabeledObject) => LabeledObject | null, name: string, said: string): boolean {
    const state = this.state.get();
    const changed = selectedOf(state).filter(({ locked }) => !locked);
    if (changed.length === 0) {
      this.notices.say("Nothing that can be changed is selected.");
      return false;
    }
    const objects = objectsOf(state).flatMap((each) => (changed.includes(each) ? (change(each) ?? []) : [each]));
    const what = counted(changed.length, "object");
    const words = (text: string): string => text.replace("#", what);
    this.set.setObjects(objects, words(name), words(said));
    return true;
  }

  /** Deletes them. */
  delete(): void {
    const [only, ...others] = selectedOf(this.state.get());
    if (only && others.length === 0) this.set.deleteObject(only.id);
    else if (this.#change(() => null, "Delete #", "# deleted; Undo brings them back."))
      this.state.update({ selected: null, others: [] });
  }

  /** Makes them objects of a class. */
  setClass(className: string): void {
    this.#change((each) => ({ ...each, className }), `Make # ${className}`, `The class of # is now ${className}.`);
  }

  /** Agrees to them. */
  agree(): void {
    const agreed = (each: LabeledObject): LabeledObject => (isUnchecked(each) ? { ...each, checked: true } : each);
    this.#change(agreed, "Agree to #", "Agreed to #.");
  }

  /** Hides them; shows them again if all that can be changed are hidden. */
  hide(): void {
    const hidden = selectedOf(this.state.get()).some((each) => !each.hidden && !each.locked);
    const name = hidden ? "Hide" : "Show";
    this.#change((each) => ({ ...each, hidden }), `${name} #`, hidden ? "# hidden." : "# shown.");
  }
}
