/**
 * The couch correction that brings the patient of today to where the plan wants him.
 *
 * Convention: **translate first, then rotate about the machine isocentre.** A point of the patient at `x` in
 * IEC fixed goes to `Rc (x + d)` with `d` = (lateral, longitudinal, vertical) and
 * `Rc = Rz(yaw) Rx(pitch) Ry(roll)`. Positive: lateral +X, longitudinal towards the gantry, vertical up, pitch
 * raises the gantry end, roll lowers the +X side, yaw is counter-clockwise seen from above.
 */

import { GeometryError } from "./errors";
import { fixedFromDaily, fixedFromPlanning, type PatientPosition } from "./patient";
import {
  compose,
  fromParts,
  inverse,
  type Matrix3,
  type Matrix4,
  multiply3,
  rotate,
  rotationOf,
  rotationX,
  rotationY,
  rotationZ,
  translationMmOf,
  transpose3,
} from "./rigid";
import type { Vec3 } from "./vector";

/** The label that goes wherever the angles are shown. */
export const ANGLE_ORDER = "translate first, then R = Rz(yaw) Rx(pitch) Ry(roll) about the machine isocentre";

/** Below this cosine of the pitch, yaw and roll turn about the same axis and cannot be told apart. */
const GIMBAL_TOLERANCE = 1e-6;

/** How the couch has to move, in IEC fixed axes: translate, then rotate about the machine isocentre. */
export interface CouchCorrection {
  readonly lateralMm: number;
  readonly longitudinalMm: number;
  readonly verticalMm: number;
  readonly pitchDeg: number;
  readonly rollDeg: number;
  readonly yawDeg: number;
}

/** What connects a registration with the room. */
export interface TreatmentSetup {
  /** Planning LPS. */
  readonly planIsocentreMm: Vec3;
  /** The machine isocentre in the daily image's LPS coordinates. */
  readonly machineIsocentreMm: Vec3;
  readonly patientPosition: PatientPosition;
}

/** Bring an angle into (-180, 180], so that 358.03 reads as -1.97. */
export function wrapDeg(angleDeg: number): number {
  const turned = (180 - angleDeg) % 360;
  return 180 - (turned < 0 ? turned + 360 : turned);
}

/** The rotation `Rz(yaw) Rx(pitch) Ry(roll)`, the order of the IEC table top. */
export function rotationIec(yawDeg: number, pitchDeg: number, rollDeg: number): Matrix3 {
  return multiply3(multiply3(rotationZ(yawDeg), rotationX(pitchDeg)), rotationY(rollDeg));
}

/** Yaw, pitch and roll of a rotation. */
export interface IecAngles {
  readonly yawDeg: number;
  readonly pitchDeg: number;
  readonly rollDeg: number;
}

/**
 * Yaw, pitch and roll of a rotation: the inverse of {@link rotationIec}.
 *
 * @throws {@link GeometryError} if the pitch is ±90°, where yaw and roll are not defined.
 */
export function anglesIec(rotation: Matrix3): IecAngles {
  const sine = rotation[7];
  const cosine = Math.hypot(rotation[1], rotation[4]);
  if (cosine < GIMBAL_TOLERANCE) {
    throw new GeometryError(
      "a pitch of ±90° leaves yaw and roll undefined; no couch does this, so check the registration",
    );
  }
  return {
    yawDeg: wrapDeg(degrees(Math.atan2(-rotation[1], rotation[4]))),
    pitchDeg: degrees(Math.atan2(sine, cosine)),
    rollDeg: wrapDeg(degrees(Math.atan2(-rotation[6], rotation[8]))),
  };
}

/** Adding zero turns the -0 that a display would show as "-0.0°" into 0. */
function degrees(angleRad: number): number {
  return (angleRad * 180) / Math.PI + 0;
}

/**
 * Build from the rotation `Rc` and the shift `d` in mm that is made before it.
 *
 * @throws {@link GeometryError} if a number is not finite or the pitch is ±90°.
 */
export function correctionFromParts(rotation: Matrix3, shiftMm: Vec3): CouchCorrection {
  refuseUnlessFinite([...rotation, ...shiftMm]);
  const [lateralMm, longitudinalMm, verticalMm] = shiftMm;
  const angles = anglesIec(rotation);
  return {
    lateralMm: lateralMm + 0,
    longitudinalMm: longitudinalMm + 0,
    verticalMm: verticalMm + 0,
    ...angles,
  };
}

function refuseUnlessFinite(values: readonly number[]): void {
  if (!values.every(Number.isFinite)) {
    throw new GeometryError("the couch correction holds a value that is not a finite number; register again");
  }
}

/** The shift `d` = (lateral, longitudinal, vertical) in mm along IEC fixed X, Y, Z. */
export function shiftMmOf(correction: CouchCorrection): Vec3 {
  return [correction.lateralMm, correction.longitudinalMm, correction.verticalMm];
}

/** The motion of the patient in the room, `C = [Rc | Rc d]`: from where he is to where he will be. */
export function fixedFromFixed(correction: CouchCorrection): Matrix4 {
  refuseUnlessFinite(Object.values(correction));
  const rotation = rotationIec(correction.yawDeg, correction.pitchDeg, correction.rollDeg);
  return fromParts(rotation, rotate(rotation, shiftMmOf(correction)));
}

/** The 6-DoF correction that makes the registered patient coincide with the plan; one per isocentre. */
export function couchCorrection(planningFromDaily: Matrix4, setup: TreatmentSetup): CouchCorrection {
  const wanted = compose(fixedFromPlanning(setup.patientPosition, setup.planIsocentreMm), planningFromDaily);
  const present = fixedFromDaily(setup.patientPosition, setup.machineIsocentreMm);
  const motion = compose(wanted, inverse(present));
  const rotation = rotationOf(motion);
  return correctionFromParts(rotation, rotate(transpose3(rotation), translationMmOf(motion)));
}

/** The registration that calls for this correction: the inverse of {@link couchCorrection}. */
export function planningFromDailyOf(correction: CouchCorrection, setup: TreatmentSetup): Matrix4 {
  const planned = fixedFromPlanning(setup.patientPosition, setup.planIsocentreMm);
  const present = fixedFromDaily(setup.patientPosition, setup.machineIsocentreMm);
  return compose(compose(inverse(planned), fixedFromFixed(correction)), present);
}

/** The same correction of the patient once the couch is turned by `supportDeg` (couch kick). */
export function turnedWithCouch(correction: CouchCorrection, supportDeg: number): CouchCorrection {
  const kick = rotationZ(supportDeg);
  const rotation = rotationIec(correction.yawDeg, correction.pitchDeg, correction.rollDeg);
  return correctionFromParts(
    multiply3(multiply3(kick, rotation), transpose3(kick)),
    rotate(kick, shiftMmOf(correction)),
  );
}

/** The shift along the axes of a table turned by `supportDeg`, in mm: the drives ride on the turntable. */
export function shiftAlongTableMm(correction: CouchCorrection, supportDeg: number): Vec3 {
  return rotate(rotationZ(-supportDeg), shiftMmOf(correction));
}
