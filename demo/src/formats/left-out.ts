/** What of a file is not read: the rest of it is, and the person sees what is missing, and why. */

/** Collects it. What has the same reason is named once, with how many there are. */
export class LeftOut {
  readonly #byReason = new Map<string, { readonly first: string; count: number }>();

  /** Leaves something out: `what` names it, `why` is the reason. */
  add(what: string, why: string): void {
    const known = this.#byReason.get(why);
    if (known) known.count++;
    else this.#byReason.set(why, { first: what, count: 1 });
  }

  /** Reads something; leaves it out if it is not as expected. @returns null if it is left out */
  try<T>(what: string, read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      this.add(what, (error as Error).message);
      return null;
    }
  }

  /** Likewise, as a list that is empty if it is left out, or if there is nothing to read. */
  list<T>(what: string, read: () => T | null): T[] {
    const value = this.try(what, read);
    return value === null ? [] : [value];
  }

  /** A line for each reason. */
  get lines(): string[] {
    return [...this.#byReason].map(([why, { first, count }]) =>
      count === 1 ? `${first}: ${why}` : `${first} and ${count - 1} more: ${why}`,
    );
  }
}
