/** Shows values in error messages. */

const LONGEST = 120;

/** The value as JSON, shortened. Nested values are only named, not walked: they may be very deep. */
export function shown(value: unknown): string {
  const nested = (item: unknown): boolean => typeof item === "object" && item !== null;
  if (Array.isArray(value) && value.some(nested)) return "a nested list";
  if (nested(value) && !Array.isArray(value)) return "an object";
  const text = String(JSON.stringify(value));
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
