/**
 * Where a lying patient is in the room.
 *
 * Patient coordinates are DICOM LPS: x to the patient's left, y to the back, z to the head. Room coordinates
 * are IEC 61217 fixed: X to the right of an observer who faces the gantry, Y towards the gantry, Z up, origin
 * at the machine isocentre.
 */

import { GeometryError } from "./errors";
import { fromParts, type Matrix3, type Matrix4, rotate } from "./rigid";
import { opposite, type Vec3 } from "./vector";

const LEFT: Vec3 = [1, 0, 0];
const RIGHT: Vec3 = [-1, 0, 0];
const POSTERIOR: Vec3 = [0, 1, 0];
const ANTERIOR: Vec3 = [0, -1, 0];
const SUPERIOR: Vec3 = [0, 0, 1];
const INFERIOR: Vec3 = [0, 0, -1];

/** Where room X, Y, Z point in the patient, couch at 0°; "decubitus right" lies on the right side. */
const ROOM_AXES = {
  HFS: [LEFT, SUPERIOR, ANTERIOR],
  HFP: [RIGHT, SUPERIOR, POSTERIOR],
  HFDR: [POSTERIOR, SUPERIOR, LEFT],
  HFDL: [ANTERIOR, SUPERIOR, RIGHT],
  FFS: [RIGHT, INFERIOR, ANTERIOR],
  FFP: [LEFT, INFERIOR, POSTERIOR],
  FFDR: [ANTERIOR, INFERIOR, LEFT],
  FFDL: [POSTERIOR, INFERIOR, RIGHT],
} as const satisfies Record<string, readonly [Vec3, Vec3, Vec3]>;

/** A DICOM PatientPosition with a known orientation in the room. */
export type PatientPosition = keyof typeof ROOM_AXES;

/** All that are known; others are refused rather than guessed. */
export const PATIENT_POSITIONS = Object.keys(ROOM_AXES) as readonly PatientPosition[];

/**
 * Take a word for a patient position.
 *
 * @throws {@link GeometryError} if its axes in the room are not known, such as SITTING.
 */
export function patientPosition(word: string): PatientPosition {
  const known = PATIENT_POSITIONS.find((position) => position === word);
  if (known === undefined) {
    throw new GeometryError(
      `the patient position '${word}' has no known axes in the room; use a plan in ${PATIENT_POSITIONS.join(", ")}`,
    );
  }
  return known;
}

/** Rotation from patient LPS axes to IEC fixed axes, couch at 0°; its rows are the room axes in LPS. */
export function iecFromLps(position: PatientPosition): Matrix3 {
  const [x, y, z] = ROOM_AXES[position];
  return [...x, ...y, ...z];
}

/** Planning LPS to fixed for the patient as planned: the plan isocentre lies at the machine isocentre. */
export function fixedFromPlanning(position: PatientPosition, planIsocentreMm: Vec3): Matrix4 {
  return fixedFromLps(position, planIsocentreMm);
}

/** Daily LPS to fixed for an image taken with the couch at 0°; the machine isocentre is in its LPS. */
export function fixedFromDaily(position: PatientPosition, machineIsocentreMm: Vec3): Matrix4 {
  return fixedFromLps(position, machineIsocentreMm);
}

function fixedFromLps(position: PatientPosition, isocentreMm: Vec3): Matrix4 {
  const rotation = iecFromLps(position);
  return fromParts(rotation, opposite(rotate(rotation, isocentreMm)));
}
