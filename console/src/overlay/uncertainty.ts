/** How sure the place of the isocentre is, as an ellipse in a view and in words. */

import { type CouchCorrection, rotationIec } from "../geometry/correction";
import { iecFromLps, type PatientPosition } from "../geometry/patient";
import type { Plane } from "../geometry/planes";
import { multiply3, rotate, transpose3 } from "../geometry/rigid";
import { dot, type Vec3 } from "../geometry/vector";

/** 95 % of a normal distribution in two dimensions lie within this many standard deviations: √χ²(0.95; 2). */
export const ELLIPSE_95 = 2.447746830680816;

/** An ellipse on the screen. */
export interface Ellipse {
  readonly longMm: number;
  readonly shortMm: number;
  /** From the right of the screen to the long axis, clockwise, within ±90. */
  readonly angleDeg: number;
}

/**
 * The 95 % ellipse of the isocentre in a plane.
 *
 * @param deviation - Standard deviations of the six numbers of the correction; they are taken for independent.
 * @param correction - The six numbers themselves: the shift is made before the turn, so its axes turn along.
 */
export function isocentreEllipse(
  deviation: CouchCorrection,
  correction: CouchCorrection,
  position: PatientPosition,
  plane: Pick<Plane, "right" | "down">,
): Ellipse {
  const turn = rotationIec(correction.yawDeg, correction.pitchDeg, correction.rollDeg);
  const roomFromLps = multiply3(transpose3(turn), iecFromLps(position));
  const across = scaledRow(rotate(roomFromLps, plane.right), deviation);
  const along = scaledRow(rotate(roomFromLps, plane.down), deviation);
  return ellipseOf(dot(across, across), dot(across, along), dot(along, along));
}

function scaledRow(axis: Vec3, deviation: CouchCorrection): Vec3 {
  return [axis[0] * deviation.lateralMm, axis[1] * deviation.longitudinalMm, axis[2] * deviation.verticalMm];
}

/** Axes of the symmetric 2×2 covariance in closed form. */
function ellipseOf(xx: number, xy: number, yy: number): Ellipse {
  const mean = (xx + yy) / 2;
  const half = Math.hypot((xx - yy) / 2, xy);
  return {
    longMm: ELLIPSE_95 * Math.sqrt(mean + half),
    shortMm: ELLIPSE_95 * Math.sqrt(Math.max(0, mean - half)),
    angleDeg: (Math.atan2(2 * xy, xx - yy) / 2) * (180 / Math.PI),
  };
}

/** Half axes of an ellipse: "±1.2 × ±0.5 mm"; small ones keep a digit more, so that none reads as zero. */
export function sizeWords({ longMm, shortMm }: Ellipse): string {
  const size = (mm: number) => `±${mm.toFixed(mm < 0.1 ? 2 : 1)}`;
  return `${size(longMm)} × ${size(shortMm)} mm`;
}

/** An ellipse in words. */
export function ellipseWords(ellipse: Ellipse): string {
  return `95 %: isocentre within ${sizeWords(ellipse)}`;
}
