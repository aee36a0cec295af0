/** The six numbers of a couch correction as they are shown, typed and compared. */

import { type CouchCorrection, couchCorrection, type TreatmentSetup } from "../geometry/correction";
import { apply, inverse, type Matrix4 } from "../geometry/rigid";
import { norm, subtract, type Vec3 } from "../geometry/vector";

/** Name of one of the six numbers. */
export type Axis = keyof CouchCorrection;

/** How one of the six is called, and what its signs mean. */
export interface AxisWords {
  readonly axis: Axis;
  /** As couches show it. */
  readonly short: string;
  readonly name: string;
  readonly unit: "mm" | "°";
  /** Where a positive number moves the patient. */
  readonly positive: string;
  readonly negative: string;
}

/** The six in the order of the couch (IEC 61217; right and left are those of who stands at the foot end). */
export const AXES: readonly AxisWords[] = [
  {
    axis: "lateralMm",
    short: "LAT",
    name: "lateral",
    unit: "mm",
    positive: "to the right",
    negative: "to the left",
  },
  {
    axis: "longitudinalMm",
    short: "LNG",
    name: "longitudinal",
    unit: "mm",
    positive: "to the gantry",
    negative: "from the gantry",
  },
  { axis: "verticalMm", short: "VRT", name: "vertical", unit: "mm", positive: "up", negative: "down" },
  {
    axis: "pitchDeg",
    short: "PITCH",
    name: "pitch",
    unit: "°",
    positive: "gantry end up",
    negative: "gantry end down",
  },
  {
    axis: "rollDeg",
    short: "ROLL",
    name: "roll",
    unit: "°",
    positive: "right side down",
    negative: "right side up",
  },
  {
    axis: "yawDeg",
    short: "ROT",
    name: "rotation (yaw)",
    unit: "°",
    positive: "counter-clockwise from above",
    negative: "clockwise from above",
  },
];

/** Decimals of the numbers: a tenth of the finest step. */
const DECIMALS = { mm: 1, "°": 2 } as const;

/** The six of a document of the service, by the names that the page uses. */
export interface SixDocument {
  readonly lateral_mm: number;
  readonly longitudinal_mm: number;
  readonly vertical_mm: number;
  readonly pitch_deg: number;
  readonly roll_deg: number;
  readonly yaw_deg: number;
}

/** Take six numbers from the service. */
export function correctionOf(six: SixDocument): CouchCorrection {
  return {
    lateralMm: six.lateral_mm,
    longitudinalMm: six.longitudinal_mm,
    verticalMm: six.vertical_mm,
    pitchDeg: six.pitch_deg,
    rollDeg: six.roll_deg,
    yawDeg: six.yaw_deg,
  };
}

/** Give six numbers to the service. */
export function sixOf(correction: CouchCorrection): SixDocument {
  return {
    lateral_mm: correction.lateralMm,
    longitudinal_mm: correction.longitudinalMm,
    vertical_mm: correction.verticalMm,
    pitch_deg: correction.pitchDeg,
    roll_deg: correction.rollDeg,
    yaw_deg: correction.yawDeg,
  };
}

/** A number with its sign, as it is shown: "+3.1", "-0.25", "0.0". */
export function signed(value: number, unit: "mm" | "°"): string {
  const text = Math.abs(value).toFixed(DECIMALS[unit]);
  if (Number(text) === 0) {
    return text;
  }
  return value < 0 ? `−${text}` : `+${text}`;
}

/** The same in few signs for a narrow column; the arrows turn as the couch does. */
export function shortDirection(words: AxisWords, value: number): string {
  return directionWords(words, value)
    .replace("counter-clockwise from above", "↺ from above")
    .replace("clockwise from above", "↻ from above");
}

/** Where a number moves the patient, in words; what is shown as zero moves nowhere. */
export function directionWords(words: AxisWords, value: number): string {
  if (Number(Math.abs(value).toFixed(DECIMALS[words.unit])) === 0) {
    return "stays";
  }
  return value > 0 ? words.positive : words.negative;
}

/** A number as spoken: "lateral 3.1 mm to the left". */
export function spoken(words: AxisWords, value: number): string {
  const unit = words.unit === "mm" ? " mm" : " degrees";
  return `${words.name} ${Math.abs(value).toFixed(DECIMALS[words.unit])}${unit} ${directionWords(words, value)}`;
}

/** Whether a number is within its tolerance, in words and as a sign. */
export interface ToleranceWord {
  readonly isInside: boolean;
  readonly sign: "✓" | "!";
  readonly word: "within" | "beyond";
}

/** Compare one number with its tolerance; what equals it is within. */
export function toleranceWord(value: number, tolerance: number): ToleranceWord {
  return Math.abs(value) <= tolerance
    ? { isInside: true, sign: "✓", word: "within" }
    : { isInside: false, sign: "!", word: "beyond" };
}

/** Largest numbers that a person may type: far beyond any correction, and a guard against a missing point. */
export const LARGEST_TYPED = { mm: 200, "°": 20 } as const;

/** What became of a typed number. */
export type Typed = { readonly value: number } | { readonly problem: string };

/**
 * Read a typed number; commas count as points, since both are on keypads.
 *
 * Nothing but one plain number is taken: "1e3", "0x10" and "1,2,3" are slips of the hand.
 */
export function readTyped(text: string, words: AxisWords): Typed {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(plain)) {
    return { problem: `“${text.trim()}” is not a number; type ${words.name} in ${words.unit}, such as -2.5` };
  }
  const value = Number(plain);
  const largest = LARGEST_TYPED[words.unit];
  if (Math.abs(value) > largest) {
    return { problem: `${words.name} ${plain} is beyond ±${largest} ${words.unit}; check the decimal point` };
  }
  return { value: value + 0 };
}

/** How far apart two poses are. */
export interface PoseDistance {
  /** Displacement between the two at the plan isocentre. */
  readonly isocentreMm: number;
  /** Angle of the rotation between them. */
  readonly turnDeg: number;
}

/** Distance of one pose from another, at the plan isocentre. */
export function poseDistance(a: Matrix4, b: Matrix4, planIsocentreMm: Vec3): PoseDistance {
  const inDaily = apply(inverse(a), planIsocentreMm);
  const moved = apply(b, inDaily);
  // trace(Ra Rbᵀ) is the sum of the products of their elements.
  const trace = [0, 1, 2, 4, 5, 6, 8, 9, 10].reduce((sum, at) => sum + a[at]! * b[at]!, 0);
  // The sine keeps its digits for small angles where the cosine loses half of them.
  const axis = [
    rowProduct(a, b, 2, 1) - rowProduct(a, b, 1, 2),
    rowProduct(a, b, 0, 2) - rowProduct(a, b, 2, 0),
    rowProduct(a, b, 1, 0) - rowProduct(a, b, 0, 1),
  ] as const;
  const turnRad = Math.atan2(norm(axis) / 2, (trace - 1) / 2);
  return { isocentreMm: norm(subtract(moved, planIsocentreMm)), turnDeg: (turnRad * 180) / Math.PI };
}

function rowProduct(a: Matrix4, b: Matrix4, row: number, other: number): number {
  return [0, 1, 2].reduce((sum, column) => sum + a[4 * row + column]! * b[4 * other + column]!, 0);
}

/** Replace one of the six numbers of a pose. */
export function withAxis(
  planningFromDaily: Matrix4,
  setup: TreatmentSetup,
  axis: Axis,
  value: number,
): CouchCorrection {
  return { ...couchCorrection(planningFromDaily, setup), [axis]: value };
}
