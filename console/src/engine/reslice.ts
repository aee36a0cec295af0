/**
 * Cuts a plane out of a volume: trilinear, rounded to whole units, {@link NOT_IMAGED} outside.
 *
 * A volume reaches half a voxel beyond the centres of its outer voxels, where the outer value counts, as in the
 * reports. A voxel that is itself not imaged makes every sample not imaged to which it would contribute.
 */

import type { Vec3 } from "../geometry/vector";
import { type Band, columnsWithin, rowStartMm, type SampleGrid } from "./grid";
import { type IndexFromMm, NOT_IMAGED, type Volume } from "./volume";

/** Makes a positive number of every int16, so that truncation rounds. */
const ABOVE_INT16 = 32768.5;

/** A contribution below this is rounding of a sample that lies on a voxel. */
const SMALLEST_WEIGHT = 1e-6;

/** What the inner loop needs to know of a volume; a size of one has no neighbour to interpolate with. */
interface Lattice {
  readonly values: Int16Array;
  readonly last: Vec3;
  readonly cell: Vec3;
  readonly rowStride: number;
  readonly sliceStride: number;
  readonly neighbour: Vec3;
}

/** Fill the rows of a band of `out` (columns × rows of the grid) with what the volume has there. */
export function resliceInto(
  out: Int16Array,
  volume: Volume,
  indexFromMm: IndexFromMm,
  grid: SampleGrid,
  band: Band,
): void {
  const lattice = latticeOf(volume);
  const step = directionInVoxels(indexFromMm, grid.stepRightMm);
  for (let row = band.firstRow; row < band.endRow; row += 1) {
    const start = positionInVoxels(indexFromMm, rowStartMm(grid, row));
    const [first, end] = insideColumns(lattice, start, step, grid.columns);
    const at = row * grid.columns;
    out.fill(NOT_IMAGED, at, at + first);
    sampleRow(out, at, [first, end], lattice, start, step);
    out.fill(NOT_IMAGED, at + end, at + grid.columns);
  }
}

/** The value at one position; {@link NOT_IMAGED} outside. */
export function valueAt(volume: Volume, indexFromMm: IndexFromMm, xyzMm: Vec3): number {
  const out = new Int16Array(1);
  const grid = {
    firstMm: xyzMm,
    stepRightMm: [0, 0, 0],
    stepDownMm: [0, 0, 0],
    columns: 1,
    rows: 1,
  } as const;
  resliceInto(out, volume, indexFromMm, grid, { firstRow: 0, endRow: 1 });
  return out[0]!;
}

function latticeOf(volume: Volume): Lattice {
  const [ni, nj] = volume.header.sizeIjk;
  const nk = volume.loadedSlices;
  return {
    values: volume.values,
    last: [ni - 1, nj - 1, nk - 1],
    cell: [Math.max(ni - 2, 0), Math.max(nj - 2, 0), Math.max(nk - 2, 0)],
    rowStride: ni,
    sliceStride: ni * nj,
    neighbour: [ni > 1 ? 1 : 0, nj > 1 ? ni : 0, nk > 1 ? ni * nj : 0],
  };
}

function positionInVoxels(m: IndexFromMm, p: Vec3): Vec3 {
  const [i, j, k] = directionInVoxels(m, p);
  return [i + m[3]!, j + m[7]!, k + m[11]!];
}

function directionInVoxels(m: IndexFromMm, d: Vec3): Vec3 {
  return [
    m[0]! * d[0] + m[1]! * d[1] + m[2]! * d[2],
    m[4]! * d[0] + m[5]! * d[1] + m[6]! * d[2],
    m[8]! * d[0] + m[9]! * d[1] + m[10]! * d[2],
  ];
}

function insideColumns(
  lattice: Lattice,
  start: Vec3,
  step: Vec3,
  columns: number,
): readonly [number, number] {
  let inside: readonly [number, number] = lattice.last[2] < 0 ? [0, 0] : [0, columns];
  for (const axis of [0, 1, 2] as const) {
    const line = { start: start[axis], step: step[axis], low: -0.5, high: lattice.last[axis] + 0.5 };
    inside = columnsWithin(inside, line);
  }
  return inside;
}

function sampleRow(
  out: Int16Array,
  at: number,
  columns: readonly [number, number],
  lattice: Lattice,
  start: Vec3,
  step: Vec3,
): void {
  const { values, rowStride, sliceStride } = lattice;
  const [lastI, lastJ, lastK] = lattice.last;
  const [cellI, cellJ, cellK] = lattice.cell;
  const [toI, toJ, toK] = lattice.neighbour;
  const [startI, startJ, startK] = start;
  const [stepI, stepJ, stepK] = step;
  const [first, end] = columns;
  for (let column = first; column < end; column += 1) {
    const x = clamp(startI + column * stepI, lastI);
    const y = clamp(startJ + column * stepJ, lastJ);
    const z = clamp(startK + column * stepK, lastK);
    const i = Math.min(x | 0, cellI);
    const j = Math.min(y | 0, cellJ);
    const k = Math.min(z | 0, cellK);
    const a = k * sliceStride + j * rowStride + i;
    const b = a + toJ;
    const c = a + toK;
    const d = c + toJ;
    const v0 = values[a]!;
    const v1 = values[a + toI]!;
    const v2 = values[b]!;
    const v3 = values[b + toI]!;
    const v4 = values[c]!;
    const v5 = values[c + toI]!;
    const v6 = values[d]!;
    const v7 = values[d + toI]!;
    const fx = x - i;
    const fy = y - j;
    const fz = z - k;
    const near = lerp(lerp(v0, v1, fx), lerp(v2, v3, fx), fy);
    const far = lerp(lerp(v4, v5, fx), lerp(v6, v7, fx), fy);
    let value = ((lerp(near, far, fz) + ABOVE_INT16) | 0) + NOT_IMAGED;
    if (Math.min(v0, v1, v2, v3, v4, v5, v6, v7) === NOT_IMAGED) {
      value = besideGap([v0, v1, v2, v3, v4, v5, v6, v7], [fx, fy, fz]);
    }
    out[at + column] = value;
  }
}

function clamp(x: number, last: number): number {
  return x < 0 ? 0 : Math.min(x, last);
}

function lerp(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}

/** A sample with a corner that is not imaged has a value only if that corner does not contribute. */
function besideGap(corners: readonly number[], share: Vec3): number {
  let sum = 0;
  for (const [corner, value] of corners.entries()) {
    const weight =
      ((corner & 1) === 0 ? 1 - share[0] : share[0]) *
      ((corner & 2) === 0 ? 1 - share[1] : share[1]) *
      ((corner & 4) === 0 ? 1 - share[2] : share[2]);
    if (weight > SMALLEST_WEIGHT && value === NOT_IMAGED) {
      return NOT_IMAGED;
    }
    sum += value === NOT_IMAGED ? 0 : weight * value;
  }
  return ((sum + ABOVE_INT16) | 0) + NOT_IMAGED;
}
