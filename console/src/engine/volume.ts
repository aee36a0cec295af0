/** Volumes of int16 values on a regular grid, and the affine map from patient coordinates to their voxels. */

import { compose, fromParts, inverse, type Matrix3, type Matrix4, transpose3 } from "../geometry/rigid";
import type { Vec3 } from "../geometry/vector";
import { EngineError } from "./errors";

/** Stands in every slice, and in every volume, for "no value here"; it is never shown or measured. */
export const NOT_IMAGED = -32768;

/** Where the voxels are, in DICOM LPS of the image's own frame. */
export interface VolumeHeader {
  /** Number of columns, rows, slices; column index runs fastest in the data. */
  readonly sizeIjk: readonly [number, number, number];
  /** Distance of neighbours along i, j, k. */
  readonly spacingMm: Vec3;
  /** Centre of voxel (0, 0, 0). */
  readonly originMm: Vec3;
  /** Row by row; its columns are the unit vectors along increasing i, j, k. */
  readonly direction: Matrix3;
}

/** A header with its values, of which the first slices may be all that has arrived. */
export interface Volume {
  readonly header: VolumeHeader;
  readonly values: Int16Array;
  /** Complete slices along k; the others count as not imaged. */
  readonly loadedSlices: number;
}

/** Three rows of four: (i, j, k) from (x, y, z, 1) in mm. */
export type IndexFromMm = readonly number[];

/** Largest deviation of direction cosines from orthonormal. */
const ORTHOGONAL_TOLERANCE = 1e-4;

/** Number of voxels. */
export function voxelCount(header: VolumeHeader): number {
  const [ni, nj, nk] = header.sizeIjk;
  return ni * nj * nk;
}

/**
 * Check a header that came from outside.
 *
 * @throws {@link EngineError} if a size or spacing is not positive, or the axes are not at right angles.
 */
export function checkedHeader(header: VolumeHeader): VolumeHeader {
  if (!header.sizeIjk.every((n) => Number.isInteger(n) && n > 0)) {
    throw new EngineError(
      `an image needs three positive sizes, not ${header.sizeIjk.join(" x ")}; load another`,
    );
  }
  if (!header.spacingMm.every((mm) => Number.isFinite(mm) && mm > 0)) {
    throw new EngineError(
      `the voxel spacing must be positive, not ${header.spacingMm.join(" x ")} mm; load another`,
    );
  }
  if (!header.originMm.every(Number.isFinite) || header.direction.length !== 9) {
    throw new EngineError("the position of the image is not known in full; load another");
  }
  const product = compose(
    fromParts(transpose3(header.direction), [0, 0, 0]),
    fromParts(header.direction, [0, 0, 0]),
  );
  const deviation = Math.max(
    ...[0, 1, 2, 4, 5, 6, 8, 9, 10].map((at) => Math.abs(product[at]! - (at % 5 === 0 ? 1 : 0))),
  );
  if (!(deviation <= ORTHOGONAL_TOLERANCE)) {
    throw new EngineError(
      `the axes of the image are not at right angles (off by ${deviation.toPrecision(2)}); load another`,
    );
  }
  return header;
}

/**
 * The map from planning coordinates to voxel indices.
 *
 * @param planningFromImage - identity for the planning image, the registration for the daily one.
 */
export function indexFromPlanningMm(header: VolumeHeader, planningFromImage: Matrix4): IndexFromMm {
  const imageFromPlanning = inverse(planningFromImage);
  const axesFromImage = inverse(fromParts(header.direction, header.originMm));
  const m = compose(axesFromImage, imageFromPlanning);
  return [0, 1, 2].flatMap((row) =>
    [0, 1, 2, 3].map((column) => m[4 * row + column]! / header.spacingMm[row]!),
  );
}
