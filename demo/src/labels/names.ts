/** Names of pictures. Different pictures may have the same name; exports need unique ones. */

/** A name as names are compared: systems and tools write the same letters in different Unicode forms. */
export function composed(name: string): string {
  return name.normalize("NFC");
}

/** Names with equal keys collide in a folder on some system: case and Unicode form do not count there. */
const key = (name: string): string => composed(name).toLowerCase();

/** A name without its ending, folders included, each part made fit for a path. */
export function stemOf(name: string, fit: (part: string) => string = plain): string {
  const parts = name.replace(/\.[^./]*$/, "").split("/");
  const kept = parts.map(fit).filter((part) => !/^\.*$/.test(part));
  return kept.join("/") || "image";
}

/** A name that is one part of a path on every system. */
export function safe(name: string): string {
  return name.replace(/[^\p{L}\p{N}._-]+/gu, "_");
}

/** Like `safe`, but only what no file's name may hold is replaced: other tools find labels by the names of their pictures. */
export function plain(name: string): string {
  return name.replace(/[<>:"|?*\\\p{Cc}]+/gu, "_");
}

/** What files are called that are written of pictures, without their endings: unique, as `distinct` does it. */
export function distinctStems(names: readonly string[], fit?: (part: string) => string): string[] {
  return distinct(names.map((name) => stemOf(name, fit)));
}

/**
 * Makes names unique by adding numbers before their extensions: `a.jpg`, `a-2.jpg`. The first one stays as it is.
 *
 * ```ts
 * distinct(["a.jpg", "b/a.jpg", "a.jpg"]); // ["a.jpg", "b/a.jpg", "a-2.jpg"]
 * ```
 */
export function distinct(names: readonly string[]): string[] {
  const taken = new Set(names.map(key));
  const given = new Set<string>();
  const next = new Map<string, number>();
  return names.map((name) => {
    if (!given.has(key(name))) {
      given.add(key(name));
      return name;
    }
    const [, stem = name, ending = ""] = /^(.*?[^/])(\.[^./]*)?$/s.exec(name) ?? [];
    let number = next.get(key(name)) ?? 2;
    while (taken.has(key(`${stem}-${number}${ending}`))) number++;
    const unique = `${stem}-${number}${ending}`;
    next.set(key(name), number + 1);
    taken.add(key(unique));
    given.add(key(unique));
    return unique;
  });
}
