/** What other tools' own code finds in the files that the page exports: peers.json, by models/reference/peers.py. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { decodeRle, maskBox, maskToPolygons, rleArea } from "sam2-web";
import { expect, test } from "vitest";
import { PEERS_PROJECT, peersFiles } from "./peers.ts";

/** Class, pixels, and box. */
type Figures = readonly [string, number, readonly [number, number, number, number]];

interface Peers {
  readonly files: Readonly<Record<string, string>>;
  readonly readers: Readonly<
    Record<string, { version: string; found: Readonly<Record<string, Readonly<Record<string, readonly Figures[]>>>> }>
  >;
}

const PEERS: Peers = JSON.parse(await readFile(new URL("peers.json", import.meta.url), "utf8"));

/** What is there, and how many pixels its outline is long. */
const objectsOf = (name: string) =>
  (PEERS_PROJECT.images.find((image) => image.name === name)?.objects ?? []).map(({ className, rle }) => {
    const mask = decodeRle(rle);
    const rings = maskToPolygons(mask).flatMap(({ outer, holes }) => [outer, ...holes]);
    const around = rings.flatMap((ring) =>
      ring.map(([x, y], i) => {
        const [nextX, nextY] = ring[(i + 1) % ring.length] ?? [x, y];
        return Math.abs(nextX - x) + Math.abs(nextY - y);
      }),
    );
    const length = around.reduce((sum, each) => sum + each, 0);
    return { figures: [className, rleArea(rle), maskBox(mask)] as const, length };
  });

test("the files are those that the tools have read; else run models/reference/peers.py again", async () => {
  const files = [...(await peersFiles())];
  const hashes = files.map(([path, bytes]) => [path, createHash("sha256").update(bytes).digest("hex")]);
  expect(Object.fromEntries(hashes)).toEqual(PEERS.files);
});

/** These draw outlines with the pixels that a line along them touches, one more to the right and below. */
const DRAWN_AROUND = ["labelme labelme", "ultralytics yolo", "supervision yolo", "supervision coco-polygons"];

const found = Object.entries(PEERS.readers).flatMap(([reader, { found: formats }]) =>
  Object.entries(formats).map(([format, pictures]) => [`${reader} ${format}`, pictures] as const),
);

test.each(found)("%s: every picture with its objects", (name, pictures) => {
  expect(Object.keys(pictures).sort()).toEqual(["none.png", "one.png", "two.png"]);
  for (const [picture, theirs] of Object.entries(pictures)) {
    const ours = objectsOf(picture);
    if (!DRAWN_AROUND.includes(name)) {
      expect(theirs).toEqual(ours.map(({ figures }) => figures));
      continue;
    }
    expect(theirs.map(([className]) => className)).toEqual(ours.map(({ figures: [className] }) => className));
    for (const [i, { figures, length }] of ours.entries()) {
      const [, area, box] = theirs[i] as Figures;
      expect(Math.abs(area - figures[1])).toBeLessThanOrEqual(length);
      for (const [side, at] of box.entries()) {
        expect(Math.abs(at - (figures[2][side] as number))).toBeLessThanOrEqual(2);
      }
    }
  }
});
