/** How alike two slices are: sums over pixels, which add up over bands and views, and what follows from them. */

import type { RegionBox, Similarity } from "./contract";
import { type Band, columnsWithin, rowStartMm, type SampleGrid } from "./grid";
import { NOT_IMAGED } from "./volume";

/** Sums over the pixels where both slices have a value: number, a, b, a², b², ab; exact, because all are integers. */
export type PairSums = readonly [number, number, number, number, number, number];

/** Nothing compared yet. */
export const NO_SUMS: PairSums = [0, 0, 0, 0, 0, 0];

/** Fewer pixels say nothing about a match. */
export const FEWEST_PIXELS = 64;

/** Add the sums of two parts. */
export function addSums(a: PairSums, b: PairSums): PairSums {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5]];
}

/** The sums over the rows of a band, in a box if one is given. */
export function pairSums(
  planning: Int16Array,
  daily: Int16Array,
  grid: SampleGrid,
  band: Band,
  region: RegionBox | null,
): PairSums {
  let sums = NO_SUMS;
  for (let row = band.firstRow; row < band.endRow; row += 1) {
    const [first, end] = region === null ? [0, grid.columns] : columnsInBox(grid, row, region);
    const at = row * grid.columns;
    sums = addSums(sums, runSums(planning, daily, at + first, at + end));
  }
  return sums;
}

function columnsInBox(grid: SampleGrid, row: number, region: RegionBox): readonly [number, number] {
  const startMm = rowStartMm(grid, row);
  let columns: readonly [number, number] = [0, grid.columns];
  for (const axis of [0, 1, 2] as const) {
    columns = columnsWithin(columns, {
      start: startMm[axis],
      step: grid.stepRightMm[axis],
      low: region.lowMm[axis],
      high: region.highMm[axis],
    });
  }
  return columns;
}

function runSums(planning: Int16Array, daily: Int16Array, first: number, end: number): PairSums {
  let pixels = 0;
  let sumA = 0;
  let sumB = 0;
  let sumAA = 0;
  let sumBB = 0;
  let sumAB = 0;
  for (let at = first; at < end; at += 1) {
    const a = planning[at]!;
    const b = daily[at]!;
    if (a !== NOT_IMAGED && b !== NOT_IMAGED) {
      pixels += 1;
      sumA += a;
      sumB += b;
      sumAA += a * a;
      sumBB += b * b;
      sumAB += a * b;
    }
  }
  return [pixels, sumA, sumB, sumAA, sumBB, sumAB];
}

/** Normalised cross-correlation of what was summed. */
export function similarityOf(sums: PairSums): Similarity {
  const [pixels, sumA, sumB, sumAA, sumBB, sumAB] = sums;
  const varianceA = sumAA - (sumA * sumA) / pixels;
  const varianceB = sumBB - (sumB * sumB) / pixels;
  if (pixels < FEWEST_PIXELS || !(varianceA > 0) || !(varianceB > 0)) {
    return { ncc: null, pixels };
  }
  const ncc = (sumAB - (sumA * sumB) / pixels) / Math.sqrt(varianceA * varianceB);
  return { ncc: Math.min(1, Math.max(-1, ncc)), pixels };
}
