/** A displacement field as the service sends it: where tissue of the plan has gone, and what became of its volume. */

import { indexFromPlanningMm, NOT_IMAGED, type VolumeHeader } from "../../../engine/volume";
import { IDENTITY } from "../../../geometry/rigid";
import type { Vec3 } from "../../../geometry/vector";

/** What the numbers are counted in. */
const STEP_MM = 0.01;
const STEP_RATIO = 0.001;
/** The inverse is followed so often: each step leaves at most a part of the last one, as nothing folds. */
const INVERSE_STEPS = 6;

/** The four volumes of a field, on one grid. */
export interface FieldValues {
  readonly x: Int16Array;
  readonly y: Int16Array;
  readonly z: Int16Array;
  readonly ratio: Int16Array;
}

/** What a field says at a place. */
export interface FieldAt {
  /** Where the tissue that the plan has here has gone, patient LPS, mm. */
  readonly shiftMm: Vec3;
  /** What its volume has become: 1 where it is as it was, below 0 where tissue folds. */
  readonly volumeRatio: number;
}

/** See the top of this file. Where the day's image does not show the tissue, it says nothing. */
export class Field {
  readonly #size: readonly [number, number, number];
  readonly #values: FieldValues;
  readonly #m: readonly number[];

  constructor(header: VolumeHeader, values: FieldValues) {
    const count = header.sizeIjk[0] * header.sizeIjk[1] * header.sizeIjk[2];
    for (const one of [values.x, values.y, values.z, values.ratio]) {
      if (one.length !== count) {
        throw new Error(`the deformation has ${one.length} nodes where ${count} were announced; load again`);
      }
    }
    this.#size = header.sizeIjk;
    this.#values = values;
    this.#m = indexFromPlanningMm(header, IDENTITY);
  }

  /** What the plan has at a place, planning LPS; null outside, and where the day's image does not show it. */
  at([x, y, z]: Vec3): FieldAt | null {
    const m = this.#m;
    const [ni, nj, nk] = this.#size;
    const i = m[0]! * x + m[1]! * y + m[2]! * z + m[3]!;
    const j = m[4]! * x + m[5]! * y + m[6]! * z + m[7]!;
    const k = m[8]! * x + m[9]! * y + m[10]! * z + m[11]!;
    if (!(i >= 0 && j >= 0 && k >= 0 && i <= ni - 1 && j <= nj - 1 && k <= nk - 1)) {
      return null;
    }
    const sums = this.#sums(i, j, k);
    return sums === null
      ? null
      : {
          shiftMm: [sums[0] * STEP_MM, sums[1] * STEP_MM, sums[2] * STEP_MM],
          volumeRatio: sums[3] * STEP_RATIO,
        };
  }

  /** Trilinear; a node that contributes and is not shown makes the whole not shown. */
  #sums(i: number, j: number, k: number): [number, number, number, number] | null {
    const [ni, nj, nk] = this.#size;
    const { x, y, z, ratio } = this.#values;
    const i0 = Math.min(Math.floor(i), Math.max(ni - 2, 0));
    const j0 = Math.min(Math.floor(j), Math.max(nj - 2, 0));
    const k0 = Math.min(Math.floor(k), Math.max(nk - 2, 0));
    const [fi, fj, fk] = [i - i0, j - j0, k - k0];
    const sums: [number, number, number, number] = [0, 0, 0, 0];
    for (let corner = 0; corner < 8; corner += 1) {
      const [di, dj, dk] = [corner & 1, (corner >> 1) & 1, corner >> 2];
      const weight = (di ? fi : 1 - fi) * (dj ? fj : 1 - fj) * (dk ? fk : 1 - fk);
      if (weight <= 0) {
        continue;
      }
      const at = ((k0 + dk) * nj + j0 + dj) * ni + i0 + di;
      if (x[at] === NOT_IMAGED) {
        return null;
      }
      sums[0] += weight * x[at]!;
      sums[1] += weight * y[at]!;
      sums[2] += weight * z[at]!;
      sums[3] += weight * ratio[at]!;
    }
    return sums;
  }

  /** What a field says of the tissue that is at a place today, the patient put where he was planned. */
  ofToday(placeMm: Vec3): FieldAt | null {
    let from = placeMm;
    let found: FieldAt | null = null;
    for (let step = 0; step < INVERSE_STEPS; step += 1) {
      found = this.at(from);
      if (found === null) {
        return null;
      }
      const { shiftMm } = found;
      from = [placeMm[0] - shiftMm[0], placeMm[1] - shiftMm[1], placeMm[2] - shiftMm[2]];
    }
    return found;
  }
}
