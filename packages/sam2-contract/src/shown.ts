/** Shows values in error messages. */

const LONGEST = 120;

/**
 * The value as JSON, shortened, for a message that says what came. Nested values are only named, not walked: they may be
 * very deep.
 *
 * @example
 * ```ts
 * shown([1, "two"]); // [1,"two"]
 * shown({ deep: {} }); // an object
 * ```
 */
export function shown(value: unknown): string {
  const nested = (item: unknown): boolean => typeof item === "object" && item !== null;
  if (Array.isArray(value) && value.some(nested)) return "a nested list";
  if (nested(value) && !Array.isArray(value)) return "an object";
  // what JSON leaves out, or refuses
  const named = (item: unknown): unknown =>
    ["bigint", "function", "symbol"].includes(typeof item) ? `a ${typeof item}` : item;
  if (named(value) !== value) return String(named(value));
  // JSON has no NaN and no infinity
  const text = String(
    typeof value === "number" ? value : JSON.stringify(Array.isArray(value) ? value.map(named) : value),
  );
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
