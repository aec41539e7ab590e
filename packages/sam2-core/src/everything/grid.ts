/** Where everything mode looks: the points of a grid, and the crops of a picture. */
import type { BoxXYXY } from "./suppression.ts";

/** Points in the middle of the cells of an n×n grid over [0,1]², row by row. */
export function pointGrid(side: number): [number, number][] {
  const at = (i: number): number => (i + 0.5) / side;
  return Array.from({ length: side * side }, (_, i) => [at(i % side), at(Math.floor(i / side))]);
}

/** The image, then the crops of each layer, column by column, with the layer that each belongs to. */
export function cropBoxes(
  width: number,
  height: number,
  layers: number,
  overlapRatio: number,
): { readonly box: BoxXYXY; readonly layer: number }[] {
  const crops: { box: BoxXYXY; layer: number }[] = [{ box: [0, 0, width, height], layer: 0 }];
  for (let layer = 1; layer <= layers; layer++) {
    const perSide = 2 ** layer;
    const overlap = Math.floor(overlapRatio * Math.min(width, height) * (2 / perSide));
    const length = (whole: number): number => Math.ceil((overlap * (perSide - 1) + whole) / perSide);
    const [cropWidth, cropHeight] = [length(width), length(height)];
    for (let column = 0; column < perSide; column++) {
      for (let row = 0; row < perSide; row++) {
        const [x, y] = [(cropWidth - overlap) * column, (cropHeight - overlap) * row];
        crops.push({ box: [x, y, Math.min(x + cropWidth, width), Math.min(y + cropHeight, height)], layer });
      }
    }
  }
  return crops;
}
