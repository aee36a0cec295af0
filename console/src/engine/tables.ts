/** Tables from stored values to greys and from greys to packed colours. */

import type { GreyWindow } from "./look";

/** Grey 0-255 of every int16 value; look up with `value & 0xffff`. */
export type GreyTable = Uint8Array;

/** Opaque black as the canvas stores it (little-endian RGBA); colours are added to it. */
export const OPAQUE = 0xff000000;

/** An RGB triple, each 0-255. */
export type Rgb = readonly [number, number, number];

/** Planning of the complementary pair; both add up to white. */
export const ORANGE: Rgb = [255, 140, 26];
/** Daily of the complementary pair. */
export const BLUE: Rgb = [0, 115, 229];
/** Planning of the alternative pair. */
export const GREEN: Rgb = [0, 255, 0];
/** Daily of the alternative pair. */
export const MAGENTA: Rgb = [255, 0, 255];
/** Both of a grey mix. */
export const WHITE: Rgb = [255, 255, 255];

/** The greys of a window: black at its lower end, white at its upper one. */
export function greyTable(window: GreyWindow): GreyTable {
  const table = new Uint8Array(65536);
  const low = window.centreHu - window.widthHu / 2;
  for (let value = -32768; value < 32768; value += 1) {
    const grey = ((value - low) * 255) / window.widthHu;
    table[value & 0xffff] = grey <= 0 ? 0 : grey >= 255 ? 255 : grey + 0.5;
  }
  return table;
}

/** A colour as a canvas stores it, opaque. */
export function packed(rgb: Rgb): number {
  return (OPAQUE | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0]) >>> 0;
}

/** The colour of every grey, without opacity, dimmed to `strength` (0-1). */
export function colourTable(rgb: Rgb, strength: number): Uint32Array {
  const table = new Uint32Array(256);
  for (let grey = 0; grey < 256; grey += 1) {
    // Rounding down keeps the sum of two tables within a byte for every channel.
    const [r, g, b] = rgb.map((channel) => Math.floor((channel * grey * strength) / 255 + 1e-9)) as [
      number,
      number,
      number,
    ];
    table[grey] = (b << 16) | (g << 8) | r;
  }
  return table;
}

/** The packed opaque grey of every grey. */
export function opaqueGreys(): Uint32Array {
  return colourTable(WHITE, 1).map((colour) => (colour | OPAQUE) >>> 0);
}
