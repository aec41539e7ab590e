/** Changes the shape of objects by hand: strokes, outlines, corners, and what is done to a mask as a whole. */
import { decodeRle, encodeRle, type Mask, maskParts, type Rle, rleArea } from "sam2-web";
import { type LabeledObject, newObject } from "../labels/annotations.ts";
import { counted } from "../labels/counted.ts";
import { feathered, type Pixels, seenBy } from "../masks/feather.ts";
import { joined } from "../masks/magnet.ts";
import {
  type CornerOf,
  cornerCount,
  cornerNear,
  filled,
  lineNear,
  outlineOf,
  type Place,
  type Rings,
  reshaped,
  withCornerAfter,
  withCornerAt,
  withoutCorner,
} from "../masks/outline.ts";
import { grown, resized, shrunk, smoothed, withoutHoles } from "../masks/shape.ts";
import { brushed, type Stroke } from "../masks/touch-up.ts";
import { areaOf, covers, difference, iouOf, rleOf, turnsOf, union } from "../masks/turns.ts";
import type { Notices } from "./notices.ts";
import type { Observable } from "./observable.ts";
import type { PictureSet } from "./picture-set.ts";
import { editedOf, imageOf, objectsOf, othersOf, type State } from "./state.ts";

/** What is done to the edited object's mask as a whole; `grow`, `shrink` and `smooth` by `options.reach` pixels. */
export type Reshaping = "grow" | "shrink" | "smooth" | "fill";

const RESHAPINGS: Readonly<Record<Reshaping, { readonly name: string; of(rle: Rle, reach: number): Rle }>> = {
  grow: { name: "Grow", of: grown },
  shrink: { name: "Shrink", of: shrunk },
  smooth: { name: "Smooth", of: smoothed },
  fill: { name: "Fill holes", of: withoutHoles },
};

/** What is seen of the picture. */
export interface Seen {
  /** CSS pixels that a pixel of the picture takes. */
  scale(): number;
  /** RGBA of a part of the picture; null while it is not shown. */
  pixelsOf(part: Omit<Pixels, "data">): Uint8ClampedArray | null;
}

/** CSS pixels: what is painted so near to the edge of an object is to meet it. */
const MAGNET = 8;

/** Adds a mask to another, or takes it away. */
function combined(rle: Rle, other: Rle, how: "add" | "subtract"): Rle {
  const [height, width] = rle.size;
  const [a, b] = [turnsOf(rle), turnsOf(other)];
  return rleOf(how === "add" ? union([a, b]) : difference(a, b), width, height);
}

/** Edits objects of the open picture; each change is a step that can be undone. */
export class Editing {
  readonly #state: Observable<State>;
  readonly #notices: Notices;
  readonly #set: PictureSet;
  /** The corners of masks, as they were last moved or simplified. */
  readonly #outlines = new WeakMap<Rle, { readonly tolerance: number; readonly rings: Rings }>();

  #seen: Seen = { scale: () => 1, pixelsOf: () => null };

  constructor(state: Observable<State>, notices: Notices, set: PictureSet) {
    this.#state = state;
    this.#notices = notices;
    this.#set = set;
  }

  /** From now on, edits depend on what is seen here. */
  lookAt(seen: Seen): void {
    this.#seen = seen;
  }

  /**
   * Selects the topmost object at a place, in pixels of the picture, or none; besides those that are selected if `isMore`.
   * Hidden and locked ones are passed over.
   */
  selectAt({ x, y }: Place, isMore = false): void {
    const found = objectsOf(this.#state.get()).findLast(
      ({ rle, hidden, locked }) => !hidden && !locked && covers(rle, x, y),
    );
    const { selected, others } = this.#state.get();
    if (!isMore || selected === null) this.#state.update({ selected: found?.id ?? null, others: [] });
    else if (found && found.id !== selected) {
      const without = others.filter((id) => id !== found.id);
      this.#state.update({ others: without.length < others.length ? without : [...others, found.id] });
    }
  }

  /** Says why a locked object stays as it is. @returns whether the selected object is locked */
  #isLocked(): boolean {
    const { selected } = this.#state.get();
    const isLocked = objectsOf(this.#state.get()).some(({ id, locked }) => id === selected && locked);
    if (isLocked) this.#notices.say("The selected object is locked: unlock it first.");
    return isLocked;
  }

  /** Says that nothing would be left. @returns whether that is so */
  #isEmpty(rle: Rle): boolean {
    const isEmpty = rleArea(rle) === 0;
    if (isEmpty) this.#notices.say("Nothing would be left of the object.");
    return isEmpty;
  }

  /** Gives an object another mask, if that has a pixel. */
  #setMask({ id }: LabeledObject, rle: Rle, name: string, said: string): void {
    if (!this.#isEmpty(rle)) this.#set.setMask(id, rle, name, said);
  }

  /** Makes a mask that has a pixel an object of the chosen class, and selects it, so that what follows is done to it. */
  #create(rle: Rle, name: string): void {
    if (this.#isEmpty(rle)) return;
    const object = newObject(this.#state.get().className, rle);
    this.#set.setObjects([...objectsOf(this.#state.get()), object], name, `Kept as ${object.className}.`);
    // the rules of classes may have left nothing of it
    const isThere = objectsOf(this.#state.get()).some(({ id }) => id === object.id);
    if (isThere) this.#state.update({ selected: object.id, others: [] });
  }

  // -- strokes and outlines -----------------------------------------------------------------------

  /**
   * Paints on the edited object, or erases from it. Without one, painting makes a new object, and erasing takes from the
   * object where the stroke begins.
   */
  brush(stroke: Stroke): void {
    const { size } = this.#state.get();
    const [first] = stroke.points;
    if (!size || !first || this.#isLocked()) return;
    if (stroke.erase && !editedOf(this.#state.get())) this.selectAt(first);
    const edited = editedOf(this.#state.get());
    const name = stroke.erase ? "Erase" : "Paint";
    if (edited) {
      const rle = encodeRle(this.#stroked(decodeRle(edited.rle), stroke));
      this.#setMask(edited, stroke.erase ? rle : this.#joined(rle, edited), name, "Touched up.");
    } else if (stroke.erase) {
      this.#notices.say("There is no object under the eraser.");
    } else {
      const { width, height } = size;
      const empty = { width, height, data: new Uint8Array(width * height) };
      const rle = this.#joined(encodeRle(this.#stroked(empty, stroke)), null);
      this.#create(rle, name);
    }
  }

  /** The mask after a stroke; a feathered one follows the picture. */
  #stroked(mask: Mask, stroke: Stroke): Mask {
    const share = this.#state.get().options.feather / 100;
    const part = seenBy(stroke, mask);
    const data = share > 0 ? this.#seen.pixelsOf(part) : null;
    return data ? feathered(mask, stroke, share, { ...part, data }) : brushed(mask, stroke);
  }

  /** A mask that was added to, joined to the edges of the other objects that are shown, if the person wants that. */
  #joined(rle: Rle, edited: LabeledObject | null): Rle {
    const { options } = this.#state.get();
    if (!options.join) return rle;
    const [height, width] = rle.size;
    const others = objectsOf(this.#state.get()).filter(({ id, hidden }) => id !== edited?.id && !hidden);
    const before = edited?.rle ?? rleOf(new Uint32Array(0), width, height);
    return joined(
      before,
      rle,
      others.map((each) => each.rle),
      MAGNET / this.#seen.scale(),
    );
  }

  /** Adds a mask to an object that is not locked, or subtracts it. */
  combine(id: string, rle: Rle, how: "add" | "subtract"): void {
    const edited = objectsOf(this.#state.get()).find((each) => each.id === id && !each.locked);
    if (!edited) return;
    const [name, said] =
      how === "add"
        ? (["Add to the object", "Added to the object."] as const)
        : (["Take from the object", "Taken from the object."] as const);
    this.#setMask(edited, combined(edited.rle, rle, how), name, said);
  }

  /** Sets the next corner of an outline that is drawn by hand; one at its first corner, or at its last, closes it. */
  drawCorner(place: Place, reach: number): void {
    const { drawn } = this.#state.get();
    const isAt = (corner: Place | undefined): boolean =>
      corner !== undefined && Math.hypot(corner.x - place.x, corner.y - place.y) <= reach;
    if (drawn.length >= 3 && (isAt(drawn[0]) || isAt(drawn.at(-1)))) this.closeOutline();
    else if (!isAt(drawn.at(-1))) this.#state.update({ drawn: [...drawn, place] });
  }

  /** Takes back the corner that was drawn last. */
  takeBackCorner(): void {
    this.#state.update({ drawn: this.#state.get().drawn.slice(0, -1) });
  }

  /** Closes the outline that is drawn by hand. */
  closeOutline(): void {
    const { drawn, options } = this.#state.get();
    this.#state.update({ drawn: [] });
    if (drawn.length >= 3) this.outline(drawn, options.outline);
  }

  /** Adds what an outline surrounds to the edited object, or subtracts it. Without one, adding makes a new object. */
  outline(ring: readonly Place[], how: "add" | "subtract"): void {
    const { size } = this.#state.get();
    if (!size || ring.length < 3 || this.#isLocked()) return;
    const inside = filled([ring], size.width, size.height);
    if (rleArea(inside) === 0) {
      this.#notices.say("There is no pixel inside this outline.");
      return;
    }
    const edited = editedOf(this.#state.get());
    if (edited) {
      const [name, said] = how === "add" ? ["Add an outline", "Added."] : ["Subtract an outline", "Subtracted."];
      const rle = combined(edited.rle, inside, how);
      this.#setMask(edited, how === "add" ? this.#joined(rle, edited) : rle, name as string, said as string);
    } else if (how === "add") {
      this.#create(this.#joined(inside, null), "Draw an outline");
    } else this.#notices.say("First select the object that this is to be subtracted from.");
  }

  // -- corners ------------------------------------------------------------------------------------

  /** The outline of the edited object, with the chosen tolerance; none without such an object. */
  get rings(): Rings {
    const edited = editedOf(this.#state.get());
    const { tolerance } = this.#state.get().options;
    if (!edited) return [];
    const known = this.#outlines.get(edited.rle);
    if (known?.tolerance === tolerance) return known.rings;
    const rings = outlineOf(edited.rle, tolerance);
    this.#outlines.set(edited.rle, { tolerance, rings });
    return rings;
  }

  /** How many corners the outline has, and how much of the object is as they say: IoU. Null without an edited object. */
  get simplicity(): { readonly corners: number; readonly iou: number } | null {
    const edited = editedOf(this.#state.get());
    if (!edited) return null;
    const [height, width] = edited.rle.size;
    const { rings } = this;
    return { corners: cornerCount(rings), iou: iouOf(turnsOf(edited.rle), turnsOf(filled(rings, width, height))) };
  }

  /** Moves a corner. */
  moveCorner(corner: CornerOf, place: Place): void {
    this.#setRings(withCornerAt(this.rings, corner, place), "Move a corner");
  }

  /** Adds a corner on the nearest line within `reach` pixels. @returns whether there is one */
  addCorner(place: Place, reach: number): boolean {
    const line = lineNear(this.rings, place, reach);
    if (line) this.#setRings(withCornerAfter(this.rings, line, place), "Add a corner");
    return line !== null;
  }

  /** Removes the nearest corner within `reach` pixels. */
  removeCorner(place: Place, reach: number): void {
    const corner = cornerNear(this.rings, place, reach);
    if (corner) this.#setRings(withoutCorner(this.rings, corner), "Remove a corner");
  }

  #setRings(after: Rings, name: string): void {
    const edited = editedOf(this.#state.get());
    if (!edited) return;
    const rle = reshaped(edited.rle, this.rings, after);
    this.#outlines.set(rle, { tolerance: this.#state.get().options.tolerance, rings: after });
    this.#setMask(edited, rle, name, "Reshaped.");
  }

  /** Makes the edited object what its simplified outline says. */
  simplify(): void {
    const edited = editedOf(this.#state.get());
    if (!edited) return;
    const { rings } = this;
    const [height, width] = edited.rle.size;
    const rle = filled(rings, width, height);
    this.#outlines.set(rle, { tolerance: this.#state.get().options.tolerance, rings });
    this.#setMask(edited, rle, "Simplify", `Simplified to ${cornerCount(rings)} corners.`);
  }

  // -- whole masks --------------------------------------------------------------------------------

  /** Changes the edited object's mask as a whole. */
  reshape(how: Reshaping): void {
    const edited = editedOf(this.#state.get());
    if (!edited) return;
    const { name, of } = RESHAPINGS[how];
    const before = turnsOf(edited.rle);
    const rle = of(edited.rle, this.#state.get().options.reach);
    const after = turnsOf(rle);
    const changed = areaOf(difference(before, after)) + areaOf(difference(after, before));
    if (changed === 0) {
      this.#notices.say(`${name}: there is nothing to change.`);
      return;
    }
    this.#setMask(edited, rle, name, `${name}: ${counted(changed, "pixel")} changed.`);
  }

  /** Makes each connected part of the edited object an object; the largest stays what it was. */
  split(): void {
    const edited = editedOf(this.#state.get());
    if (!edited) return;
    const [largest, ...others] = maskParts(edited.rle);
    if (!largest || others.length === 0) {
      this.#notices.say("The object has one part only.");
      return;
    }
    const parts = others.map((rle) => ({ ...newObject(edited.className, rle), name: edited.name }));
    const objects = objectsOf(this.#state.get()).flatMap((each) =>
      each.id === edited.id ? [{ ...each, rle: largest }, ...parts] : [each],
    );
    this.#set.setObjects(objects, "Split", `Split into ${others.length + 1} objects.`);
  }

  /** Makes the edited object and the others that are selected one object. */
  merge(): void {
    const edited = editedOf(this.#state.get());
    const others = othersOf(this.#state.get());
    if (!edited || others.length === 0) return;
    const rle = others.reduce((sum, other) => combined(sum, other.rle, "add"), edited.rle);
    const objects = objectsOf(this.#state.get())
      .filter((each) => !others.includes(each))
      .map((each) => (each.id === edited.id ? { ...each, rle } : each));
    this.#set.setObjects(objects, "Merge", `${others.length + 1} objects are one.`);
    this.#state.update({ others: [] });
  }

  /** Takes the others that are selected from the edited object; they stay as they are. */
  subtractOthers(): void {
    const edited = editedOf(this.#state.get());
    const others = othersOf(this.#state.get());
    if (!edited || others.length === 0) return;
    const rle = others.reduce((rest, other) => combined(rest, other.rle, "subtract"), edited.rle);
    this.#setMask(edited, rle, "Subtract", "Subtracted.");
  }

  /** Copies the selected objects to the next picture, at its size, and opens that. */
  copyToNext(): void {
    const state = this.#state.get();
    const edited = editedOf(state);
    const image = imageOf(state);
    const { images } = state.project;
    const next = image && images[images.indexOf(image) + 1];
    if (!edited || !next) return;
    const selected = [edited, ...othersOf(state)];
    const copies = selected
      .map(({ className, name, rle }) => ({ ...newObject(className, resized(rle, next.width, next.height)), name }))
      .filter(({ rle }) => rleArea(rle) > 0);
    const lost = selected.length - copies.length;
    const left = lost > 0 ? ` ${lost} left out: nothing would be left at its size.` : "";
    if (copies.length === 0) {
      this.#notices.say(`Nothing is copied to ${next.name}.${left}`);
      return;
    }
    const name = copies.length === 1 ? `Copy ${edited.className}` : `Copy ${copies.length} objects`;
    this.#set.addTo(next, copies, name, `Copied to ${next.name}.${left}`);
  }
}
