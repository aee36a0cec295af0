import type { CouchPose, Six } from "../api/documents";

/** One axis of the couch with the field's names. */
export interface Axis<Key extends string> {
  key: Key;
  /** As therapists say it. */
  short: string;
  name: string;
  unit: "mm" | "°";
  /** What a positive value means, seen from the foot of the couch. */
  positive: string;
}

const SHIFTS = [
  { key: "lateral_mm", short: "LAT", name: "lateral", unit: "mm", positive: "to the right" },
  { key: "longitudinal_mm", short: "LNG", name: "longitudinal", unit: "mm", positive: "towards the gantry" },
  { key: "vertical_mm", short: "VRT", name: "vertical", unit: "mm", positive: "up" },
] as const satisfies readonly Axis<string>[];

const TILTS = [
  { key: "pitch_deg", short: "pitch", name: "pitch", unit: "°", positive: "gantry end up" },
  { key: "roll_deg", short: "roll", name: "roll", unit: "°", positive: "right side down" },
] as const satisfies readonly Axis<string>[];

/** The six numbers of a correction in the order in which they are always shown. */
export const SIX_AXES = [
  ...SHIFTS,
  ...TILTS,
  { key: "yaw_deg", short: "yaw", name: "yaw", unit: "°", positive: "counter-clockwise from above" },
] as const satisfies readonly Axis<keyof Six>[];

/** The drives of a couch. */
export const COUCH_AXES = [
  ...SHIFTS,
  ...TILTS,
  {
    key: "support_deg",
    short: "rotation",
    name: "rotation (isocentric)",
    unit: "°",
    positive: "counter-clockwise from above",
  },
  {
    key: "eccentric_deg",
    short: "eccentric",
    name: "rotation (table top)",
    unit: "°",
    positive: "counter-clockwise from above",
  },
] as const satisfies readonly Axis<keyof CouchPose>[];

/** Bring an angle into −180° to 180°. */
export function wrapDeg(angleDeg: number): number {
  const turned = ((((angleDeg + 180) % 360) + 360) % 360) - 180;
  return turned === -180 ? 180 : turned;
}

/** What one axis lacks: expected against read. */
export interface AxisDifference {
  axis: (typeof COUCH_AXES)[number];
  expected: number | null;
  read: number | null;
  /** Read minus expected; null where one of them is not known. */
  apart: number | null;
  /** Null where none is set: the eye compares. */
  tolerance: number | null;
  /** Null where it cannot be said. */
  isInTolerance: boolean | null;
}

/** A couch that some of its drives are not known of. */
export type PartialPose = { [Key in keyof CouchPose]?: number | null };

/** Differences up to this size are in place. */
export interface CouchTolerance {
  mm: number;
  deg: number;
}

/** Compare two readings of the couch, axis by axis. */
export function couchDifferences(
  expected: PartialPose | null,
  read: PartialPose | null,
  tolerance: CouchTolerance | null,
): AxisDifference[] {
  const isShown = (key: (typeof COUCH_AXES)[number]["key"]) =>
    key !== "eccentric_deg" || Boolean(expected?.[key]) || Boolean(read?.[key]);
  return COUCH_AXES.filter(({ key }) => isShown(key)).map((axis) =>
    differenceOf(axis, expected?.[axis.key] ?? null, read?.[axis.key] ?? null, tolerance),
  );
}

function differenceOf(
  axis: AxisDifference["axis"],
  expected: number | null,
  read: number | null,
  tolerance: CouchTolerance | null,
): AxisDifference {
  const isShift = axis.unit === "mm";
  const raw = expected === null || read === null ? null : read - expected;
  const apart = raw === null || isShift ? raw : wrapDeg(raw);
  const limit = tolerance && (isShift ? tolerance.mm : tolerance.deg);
  const isInTolerance = apart === null || limit === null ? null : Math.abs(apart) <= limit;
  return { axis, expected, read, apart, tolerance: limit, isInTolerance };
}
