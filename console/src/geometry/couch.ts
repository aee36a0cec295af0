/**
 * Where to drive the couch so that it makes a correction.
 *
 * A correction turns about the isocentre, the table about its own origin far from it, so any rotation changes
 * all table translations.
 */

import { anglesIec, type CouchCorrection, fixedFromFixed, rotationIec, wrapDeg } from "./correction";
import {
  apply,
  compose,
  fromParts,
  inverse,
  type Matrix4,
  rotationOf,
  rotationZ,
  translationMmOf,
} from "./rigid";

/** Readings of the couch drives: absolute IEC values. */
export interface TableTopPose {
  /** Position of the table-top origin along the axes of the table-top eccentric system. */
  readonly lateralMm: number;
  readonly longitudinalMm: number;
  readonly verticalMm: number;
  /** Turn about the table-top origin, pitch before roll (DICOM PS3.3 C.8.8.14.12). */
  readonly pitchDeg: number;
  readonly rollDeg: number;
  /** Isocentric couch rotation, counter-clockwise seen from above. */
  readonly supportDeg: number;
  /** Rotation of the table top about its own vertical axis, and how far that axis is from the isocentric one. */
  readonly eccentricDeg: number;
  readonly eccentricDistanceMm: number;
}

/** Which vertical axis makes the yaw; the other one keeps its angle. */
export type YawAxis = "support" | "eccentric";

function fixedFromTableTopEccentric(pose: TableTopPose): Matrix4 {
  const support = fromParts(rotationZ(pose.supportDeg), [0, 0, 0]);
  return compose(support, fromParts(rotationZ(pose.eccentricDeg), [0, pose.eccentricDistanceMm, 0]));
}

/** Table top to fixed: the whole couch. */
export function fixedFromTableTop(pose: TableTopPose): Matrix4 {
  const tilt = rotationIec(0, pose.pitchDeg, pose.rollDeg);
  const positionMm = [pose.lateralMm, pose.longitudinalMm, pose.verticalMm] as const;
  return compose(fixedFromTableTopEccentric(pose), fromParts(tilt, positionMm));
}

/** The couch pose that realises the correction: `F' = C F0`. */
export function correctedPose(
  pose: TableTopPose,
  correction: CouchCorrection,
  yawAxis: YawAxis = "support",
): TableTopPose {
  const fixedFromTable = compose(fixedFromFixed(correction), fixedFromTableTop(pose));
  const { yawDeg, pitchDeg, rollDeg } = anglesIec(rotationOf(fixedFromTable));
  // Both vertical axes add up to the yaw of the table top.
  const turned =
    yawAxis === "support"
      ? { ...pose, pitchDeg, rollDeg, supportDeg: wrapDeg(yawDeg - pose.eccentricDeg) }
      : { ...pose, pitchDeg, rollDeg, eccentricDeg: wrapDeg(yawDeg - pose.supportDeg) };
  const eccentricFromFixed = inverse(fixedFromTableTopEccentric(turned));
  const [lateralMm, longitudinalMm, verticalMm] = apply(eccentricFromFixed, translationMmOf(fixedFromTable));
  return { ...turned, lateralMm, longitudinalMm, verticalMm };
}
