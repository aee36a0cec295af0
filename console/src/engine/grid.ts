/** The points of a plane at which images are sampled, on the full or on half the grid. */

import type { Plane } from "../geometry/planes";
import { add, dot, scale, subtract, type Vec3 } from "../geometry/vector";

/** Views with more pixels than this along an edge are drawn on half the grid while they move. */
export const LARGEST_FULL_GRID_WHILE_MOVING_PX = 600;

/** Rows of sample points; the first point is the middle of the first pixel. */
export interface SampleGrid {
  readonly firstMm: Vec3;
  readonly stepRightMm: Vec3;
  readonly stepDownMm: Vec3;
  readonly columns: number;
  readonly rows: number;
}

/** A share of the rows of a grid. */
export interface Band {
  readonly firstRow: number;
  readonly endRow: number;
}

/** True for a view that is too large to follow a motion on its full grid. */
export function isLarge(plane: Plane): boolean {
  return Math.max(plane.widthPx, plane.heightPx) > LARGEST_FULL_GRID_WHILE_MOVING_PX;
}

/** The grid of a plane; half the grid covers the same area with half the points along both edges. */
export function sampleGrid(plane: Plane, halfGrid: boolean): SampleGrid {
  const columns = halfGrid ? Math.ceil(plane.widthPx / 2) : plane.widthPx;
  const rows = halfGrid ? Math.ceil(plane.heightPx / 2) : plane.heightPx;
  const widthMm = plane.widthPx * plane.mmPerPx;
  const heightMm = plane.heightPx * plane.mmPerPx;
  const stepRightMm = scale(plane.right, widthMm / columns);
  const stepDownMm = scale(plane.down, heightMm / rows);
  const toFirstMm = add(scale(stepRightMm, (1 - columns) / 2), scale(stepDownMm, (1 - rows) / 2));
  return { firstMm: add(plane.centreMm, toFirstMm), stepRightMm, stepDownMm, columns, rows };
}

/** The rows that one of several workers draws. */
export function bandOf(grid: SampleGrid, worker: number, workers: number): Band {
  return {
    firstRow: Math.floor((grid.rows * worker) / workers),
    endRow: Math.floor((grid.rows * (worker + 1)) / workers),
  };
}

/** The position of the first point of a row. */
export function rowStartMm(grid: SampleGrid, row: number): Vec3 {
  return add(grid.firstMm, scale(grid.stepDownMm, row));
}

/** Column and row, with fractions, below which a position lies; its distance from the plane plays no part. */
export function gridPosition(
  grid: SampleGrid,
  xyzMm: Vec3,
): { readonly column: number; readonly row: number } {
  const offsetMm = subtract(xyzMm, grid.firstMm);
  return {
    column: dot(offsetMm, grid.stepRightMm) / dot(grid.stepRightMm, grid.stepRightMm),
    row: dot(offsetMm, grid.stepDownMm) / dot(grid.stepDownMm, grid.stepDownMm),
  };
}

/** Narrow the columns `[first, end)` to those where `start + column * step` is within `[low, high]`. */
export function columnsWithin(
  columns: readonly [first: number, end: number],
  line: { readonly start: number; readonly step: number; readonly low: number; readonly high: number },
): readonly [first: number, end: number] {
  const [first, end] = columns;
  const { start, step, low, high } = line;
  if (step === 0) {
    return start >= low && start <= high ? columns : [first, first];
  }
  const a = (low - start) / step;
  const b = (high - start) / step;
  const narrowed = Math.max(first, Math.ceil(Math.min(a, b)));
  return [narrowed, Math.max(narrowed, Math.min(end, Math.floor(Math.max(a, b)) + 1))];
}
