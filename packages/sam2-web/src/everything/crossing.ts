/**
 * Masks on their way from the worker to the page. Everything mode tells again and again which masks are
 * left; here each of them crosses once, and afterwards its number stands for it.
 */
import type { EverythingMask, EverythingProgress } from "./everything.ts";

/** Masks by number, and those among them that have not crossed before. */
export interface MaskList {
  readonly numbers: readonly number[];
  readonly added: readonly (readonly [number, EverythingMask])[];
}

/** `EverythingProgress` with its masks by number. */
export interface CrossingProgress extends Omit<EverythingProgress, "masks"> {
  readonly masks: MaskList;
}

/** The worker's end. */
export class MaskSender {
  readonly #numbers = new Map<EverythingMask, number>();

  /** Numbers masks; the same object is the same mask. */
  send(masks: readonly EverythingMask[]): MaskList {
    const added: [number, EverythingMask][] = [];
    const numbers = masks.map((mask) => {
      const known = this.#numbers.get(mask);
      if (known !== undefined) return known;
      const number = this.#numbers.size;
      this.#numbers.set(mask, number);
      added.push([number, mask]);
      return number;
    });
    return { numbers, added };
  }
}

/** The page's end. */
export class MaskReceiver {
  readonly #masks = new Map<number, EverythingMask>();

  /** The masks of a list, in its order. */
  receive({ numbers, added }: MaskList): EverythingMask[] {
    for (const [number, mask] of added) this.#masks.set(number, mask);
    return numbers.map((number) => this.#masks.get(number) as EverythingMask);
  }
}
