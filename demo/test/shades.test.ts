/** Colors of objects that share a class: which is whose, and how far they are from each other. */
import { expect, test } from "vitest";
import { shadeOf, shadesOf } from "../src/view/shades.ts";

const channelsOf = (color: string): number[] => [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));

/** As in HSL: hue in degrees, lightness from 0 to 1. */
function hslOf(color: string): { hue: number; lightness: number } {
  const [red, green, blue] = channelsOf(color) as [number, number, number];
  const [most, least] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const chroma = most - least || 1;
  const sixth =
    most === red ? (green - blue) / chroma : most === green ? 2 + (blue - red) / chroma : 4 + (red - green) / chroma;
  return { hue: (60 * sixth + 360) % 360, lightness: (most + least) / 2 / 255 };
}

test.each([
  ["#1d6ed8", ["#1d6ed8", "#b9d2f3", "#5994e2", "#185bb2", "#94baed"]],
  ["#c2410c", ["#c2410c", "#e7b39e", "#d06d44", "#993309", "#de987c"]],
  ["#15803d", ["#15803d", "#8cc09f", "#429963", "#b9d9c5", "#70b188"]],
  ["#ffffff", ["#ffffff", "#9e9e9e", "#656565", "#c1c1c1", "#888888"]],
  ["#000000", ["#000000", "#9e9e9e", "#656565", "#c1c1c1", "#888888"]],
])("objects of a class that is %s have %j", (color, expected) => {
  expect(expected.map((_, number) => shadeOf(color, number))).toEqual(expected);
});

test.each(["#1d6ed8", "#c2410c", "#15803d", "#9333ea", "#b91c1c", "#0f766e", "#a16207", "#ffffff", "#000000"])(
  "%s: five objects beside each other are told apart, and all have its hue",
  (color) => {
    const shades = Array.from({ length: 5 }, (_, number) => hslOf(shadeOf(color, number)));
    for (const [i, { hue, lightness }] of shades.entries()) {
      const apart = shades.slice(0, i).map((other) => Math.abs(other.lightness - lightness));
      expect(Math.min(1, ...apart)).toBeGreaterThan(0.08);
      expect(Math.cos(((hue - hslOf(color).hue) * Math.PI) / 180)).toBeGreaterThan(0.999);
    }
  },
);

test.each<[string, string, Record<string, number>, Record<string, number>]>([
  ["the first of each class has its color", "a:cat b:cat c:dog d:cat", {}, { a: 0, b: 1, c: 0, d: 2 }],
  ["one that goes changes no other", "a:cat d:cat", { a: 0, b: 1, d: 2 }, { a: 0, d: 2 }],
  [
    "one that comes has the first that is free",
    "new:cat a:cat d:cat e:cat",
    { a: 0, d: 2 },
    { a: 0, d: 2, new: 1, e: 3 },
  ],
  ["another order changes none", "b:cat a:cat", { a: 0, b: 1 }, { a: 0, b: 1 }],
  ["another class has its own", "a:cat b:dog c:dog", { a: 0, b: 1, c: 1 }, { a: 0, b: 1, c: 2 }],
])("%s", (_, objects, before, expected) => {
  const given = objects.split(" ").map((each) => {
    const [id, className] = each.split(":") as [string, string];
    return { id, className };
  });
  expect(Object.fromEntries(shadesOf(given, new Map(Object.entries(before))))).toEqual(expected);
});
