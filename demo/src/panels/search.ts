/** Finds entries of a list by what is typed, the likeliest first. */

/** What is sought. */
export interface Entry {
  readonly name: string;
  /** What it is found by besides its name. */
  readonly words?: string | undefined;
}

/**
 * The entries in whose name or words the text is: first those whose name begins with it, then those with a word of the
 * name that does, then others with it in the name, and last those with it in their words. No text finds all.
 */
export function found<E extends Entry>(entries: readonly E[], text: string): readonly E[] {
  const sought = plain(text.trim());
  if (sought === "") return entries;
  const ranks = new Map(entries.map((entry) => [entry, rankOf(entry, sought)]));
  return entries
    .filter((entry) => ranks.get(entry) !== NONE)
    .toSorted((a, b) => (ranks.get(a) ?? NONE) - (ranks.get(b) ?? NONE));
}

const NONE = -1;

/** 0 is the best. */
function rankOf({ name, words = "" }: Entry, sought: string): number {
  const [inName, inWords] = [` ${plain(name)}`, ` ${plain(words)}`];
  return [
    inName.startsWith(` ${sought}`),
    inName.includes(` ${sought}`),
    inName.includes(sought),
    inWords.includes(sought),
  ].indexOf(true);
}

/** Without accents, and in small letters. */
function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
