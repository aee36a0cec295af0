/** Which columns of a row show the daily image, in the modes that show one image or the other. */

import { dot, norm } from "../geometry/vector";
import { gridPosition, rowStartMm, type SampleGrid } from "./grid";
import type { Look } from "./look";

/** Columns `[first, end)`. */
export type Run = readonly [first: number, end: number];

/** The runs of a row, from left to right; none where the row shows the planning image alone. */
export function dailyRuns(look: Look, grid: SampleGrid, row: number): readonly Run[] {
  switch (look.mode) {
    case "daily":
      return [[0, grid.columns]];
    case "split":
      return splitRuns(look, grid, row);
    case "spyglass":
      return spyglassRuns(look, grid, row);
    case "checkerboard":
      return checkerboardRuns(look, grid, row);
    default:
      return [];
  }
}

function splitRuns(look: Look, grid: SampleGrid, row: number): readonly Run[] {
  const line = gridPosition(grid, look.focusMm);
  if (look.splitLine === "horizontal") {
    return row > line.row ? [[0, grid.columns]] : [];
  }
  return withinGrid(Math.floor(line.column) + 1, grid.columns, grid);
}

function spyglassRuns(look: Look, grid: SampleGrid, row: number): readonly Run[] {
  const centre = gridPosition(grid, look.focusMm);
  const downMm = (row - centre.row) * norm(grid.stepDownMm);
  const halfChordMm = Math.sqrt(look.spyglassRadiusMm ** 2 - downMm ** 2);
  if (!(halfChordMm > 0)) {
    return [];
  }
  const halfChord = halfChordMm / norm(grid.stepRightMm);
  return withinGrid(Math.ceil(centre.column - halfChord), Math.floor(centre.column + halfChord) + 1, grid);
}

/** Squares are fixed to the patient, so that they do not swim when a view is panned. */
function checkerboardRuns(look: Look, grid: SampleGrid, row: number): readonly Run[] {
  const stepMm = norm(grid.stepRightMm);
  const startMm = rowStartMm(grid, row);
  const rightMm = dot(startMm, grid.stepRightMm) / stepMm;
  const downMm = dot(startMm, grid.stepDownMm) / norm(grid.stepDownMm);
  const line = Math.floor(downMm / look.squareMm);
  const firstSquare = Math.floor(rightMm / look.squareMm);
  const lastSquare = Math.floor((rightMm + (grid.columns - 1) * stepMm) / look.squareMm);
  const runs: Run[] = [];
  for (let square = firstSquare; square <= lastSquare; square += 1) {
    if ((square + line) % 2 !== 0) {
      const first = Math.ceil((square * look.squareMm - rightMm) / stepMm);
      const end = Math.ceil(((square + 1) * look.squareMm - rightMm) / stepMm);
      runs.push(...withinGrid(first, end, grid));
    }
  }
  return runs;
}

function withinGrid(first: number, end: number, grid: SampleGrid): readonly Run[] {
  const run: Run = [Math.max(first, 0), Math.min(end, grid.columns)];
  return run[0] < run[1] ? [run] : [];
}
