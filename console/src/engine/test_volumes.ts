/** Volumes with known values for the tests. */

import type { Matrix3 } from "../geometry/rigid";
import type { Vec3 } from "../geometry/vector";
import { type IndexFromMm, type Volume, voxelCount } from "./volume";

/** A volume whose values are a function of the position in mm. */
export function volumeOf(
  sizeIjk: readonly [number, number, number],
  spacingMm: Vec3,
  valueAtMm: (xyzMm: Vec3) => number,
  placed: { readonly originMm?: Vec3; readonly direction?: Matrix3 } = {},
): Volume {
  const direction = placed.direction ?? [1, 0, 0, 0, 1, 0, 0, 0, 1];
  const originMm = placed.originMm ?? [0, 0, 0];
  const header = { sizeIjk, spacingMm, originMm, direction };
  const values = new Int16Array(voxelCount(header));
  const [ni, nj] = sizeIjk;
  for (let at = 0; at < values.length; at += 1) {
    const steps = [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))].map(
      (n, axis) => n * spacingMm[axis]!,
    );
    const xyzMm = [0, 1, 2].map(
      (row) =>
        originMm[row]! +
        direction[3 * row]! * steps[0]! +
        direction[3 * row + 1]! * steps[1]! +
        direction[3 * row + 2]! * steps[2]!,
    );
    values[at] = valueAtMm([xyzMm[0]!, xyzMm[1]!, xyzMm[2]!]);
  }
  return { header, values, loadedSlices: sizeIjk[2] };
}

/** A grid of points along x and y at a height. */
export function gridAlongXY(firstMm: Vec3, stepMm: number, columns: number, rows: number) {
  return { firstMm, stepRightMm: [stepMm, 0, 0], stepDownMm: [0, stepMm, 0], columns, rows } as const;
}

/** All rows of a grid. */
export function allRows(grid: { readonly rows: number }) {
  return { firstRow: 0, endRow: grid.rows };
}

/** Voxels of 1 mm at whole coordinates. */
export const UNIT_INDEX: IndexFromMm = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0];
