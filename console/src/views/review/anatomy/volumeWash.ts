/** The change of volume of tissue as colour over a picture: nothing where it is as it was. */

import type { Plane } from "../../../geometry/planes";
import { add, scale } from "../../../geometry/vector";
import type { Field } from "./field";

/** One colour of the wash. */
export interface WashBand {
  /** From this ratio on, up to the next band. */
  readonly from: number;
  readonly words: string;
  readonly rgba: readonly [number, number, number, number];
}

/** Blue where tissue has shrunk, orange where it has grown, magenta where the field folds and so is wrong. */
export const WASH: readonly WashBand[] = [
  { from: Number.NEGATIVE_INFINITY, words: "folds", rgba: [255, 0, 200, 220] },
  { from: 1e-9, words: "below −30 %", rgba: [40, 110, 255, 165] },
  { from: 0.7, words: "−30 to −20 %", rgba: [60, 130, 255, 125] },
  { from: 0.8, words: "−20 to −10 %", rgba: [90, 155, 255, 80] },
  { from: 0.9, words: "within ±10 %", rgba: [0, 0, 0, 0] },
  { from: 1.1, words: "+10 to +20 %", rgba: [255, 170, 60, 80] },
  { from: 1.2, words: "+20 to +30 %", rgba: [255, 150, 30, 125] },
  { from: 1.3, words: "above +30 %", rgba: [255, 125, 0, 165] },
];

/** Colour of a ratio of volumes. */
export function washBand(volumeRatio: number): WashBand {
  return WASH.findLast(({ from }) => volumeRatio >= from) ?? WASH[0]!;
}

/** CSS pixels of the picture for one of the wash. */
const CSS_PER_PIXEL = 3;

/** A wash: RGBA, row by row. */
export interface WashPicture {
  readonly columns: number;
  readonly rows: number;
  readonly rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** Colour what lies in a plane today, the patient put where he was planned. */
export function washOf(plane: Plane, field: Field): WashPicture {
  const columns = Math.max(1, Math.round(plane.widthPx / CSS_PER_PIXEL));
  const rows = Math.max(1, Math.round(plane.heightPx / CSS_PER_PIXEL));
  const [stepX, stepY] = [(plane.widthPx * plane.mmPerPx) / columns, (plane.heightPx * plane.mmPerPx) / rows];
  const rgba = new Uint8ClampedArray(4 * columns * rows);
  for (let row = 0; row < rows; row += 1) {
    const downMm = (row + 0.5 - rows / 2) * stepY;
    for (let column = 0; column < columns; column += 1) {
      const rightMm = (column + 0.5 - columns / 2) * stepX;
      const place = add(plane.centreMm, add(scale(plane.right, rightMm), scale(plane.down, downMm)));
      const found = field.ofToday(place);
      if (found !== null) {
        rgba.set(washBand(found.volumeRatio).rgba, 4 * (row * columns + column));
      }
    }
  }
  return { columns, rows, rgba };
}
