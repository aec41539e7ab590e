/**
 * How the masks of everything mode get from the worker to the page. Each progress report lists all masks
 * kept so far. To avoid copying them every time, a mask is sent once, and later reports refer to its number.
 */
import type { EverythingMask, EverythingProgress } from "./everything.ts";

/** Masks by number, and the masks among them that were not sent before. */
export interface MaskList {
  readonly numbers: readonly number[];
  readonly added: readonly (readonly [number, EverythingMask])[];
}

/** `EverythingProgress` with its masks by number. */
export interface CrossingProgress extends Omit<EverythingProgress, "masks"> {
  readonly masks: MaskList;
}

/** Used in the worker. */
export class MaskSender {
  readonly #numbers = new Map<EverythingMask, number>();

  /** Numbers masks; a mask is recognized by object identity. */
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

/** Used in the page. */
export class MaskReceiver {
  readonly #masks = new Map<number, EverythingMask>();

  /** The masks of a list, in its order. */
  receive({ numbers, added }: MaskList): EverythingMask[] {
    for (const [number, mask] of added) this.#masks.set(number, mask);
    return numbers.map((number) => this.#masks.get(number) as EverythingMask);
  }
}
