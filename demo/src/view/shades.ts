/** Tints and shades of a class's color: objects of one class are told apart by them, and still have its color. */

/** The darkest and the lightest that is used, as lightness of HSL: beyond them any color looks black or white. */
const [DARKEST, LIGHTEST] = [0.26, 0.84];

/** The golden ratio: steps of that share of a range, taken around, stay far from those before. */
const STEP = (Math.sqrt(5) - 1) / 2;

/** Numbers of objects among those of their class, by id. */
export type Shades = ReadonlyMap<string, number>;

/**
 * The color of the object of a class that has this number: 0 has the class's own, others a mixture with white or black.
 *
 * @param color `#rrggbb`
 */
export function shadeOf(color: string, number: number): string {
  if (number === 0) return color;
  const channels = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  const lightness = (Math.max(...channels) + Math.min(...channels)) / 2 / 255;
  const range = LIGHTEST - DARKEST;
  const start = Math.min(Math.max(lightness, DARKEST), LIGHTEST) - DARKEST;
  const wanted = DARKEST + ((start + number * STEP * range) % range);
  const mixed = channels.map((channel) =>
    wanted > lightness
      ? channel + ((wanted - lightness) / (1 - lightness)) * (255 - channel)
      : channel * (wanted / lightness),
  );
  return `#${mixed.map((channel) => Math.round(channel).toString(16).padStart(2, "0")).join("")}`;
}

/** Numbers objects within their classes: those that had a number keep it, others have the first that is free. */
export function shadesOf(
  objects: readonly { readonly id: string; readonly className: string }[],
  before: Shades,
): Shades {
  const shades = new Map<string, number>();
  const taken = new Map<string, Set<number>>();
  const free = new Map<string, number>();
  const [known, fresh] = [objects.filter(({ id }) => before.has(id)), objects.filter(({ id }) => !before.has(id))];
  for (const { id, className } of [...known, ...fresh]) {
    const others = taken.get(className) ?? new Set();
    taken.set(className, others);
    let number = before.get(id) ?? free.get(className) ?? 0;
    while (others.has(number)) number++;
    if (!before.has(id)) free.set(className, number + 1);
    others.add(number);
    shades.set(id, number);
  }
  return shades;
}
