/** What an ultrasound image of the day is compared with, and what is written about it. */

import type { DailyPictures, PlanningPictures, WindowPreset } from "./documents";

/** What the day's image lies on. */
export type Ground = "ct" | "ultrasound";

/** What the day's image can be laid on: the ultrasound of the simulation first, where there is one. */
export function groundsOf(planning: PlanningPictures, daily: DailyPictures): readonly Ground[] {
  return daily.kind === "ultrasound" && planning.ultrasound !== null ? ["ultrasound", "ct"] : ["ct"];
}

/** What the engine matches the day's image to. */
export function matchedGround(daily: DailyPictures): Ground {
  return daily.matched_to === "ultrasound reference" ? "ultrasound" : "ct";
}

/** What lies under the day's image, as it stands in lists and sentences. */
export const GROUND_WORDS: Readonly<Record<Ground, string>> = {
  ultrasound: "Ultrasound reference",
  ct: "Planning CT",
};

/** The windows of what lies under the day's image. */
export function groundWindows(planning: PlanningPictures, ground: Ground): readonly WindowPreset[] {
  return ground === "ultrasound" ? (planning.ultrasound?.windows ?? []) : planning.windows;
}

/** Why an answer of the engine is for review only; empty where it may be more. */
export function forReviewWords(daily: DailyPictures): string {
  return daily.kind === "ultrasound" && matchedGround(daily) === "ct"
    ? "FOR REVIEW: this ultrasound is matched to the planning CT, which shows other things than sound does. " +
        "It is never applied by itself: a person judges it, or matches by hand."
    : "";
}

/** A region of the match that would still like to move, with how far and where it lies. */
export interface RegionShift {
  readonly lengthMm: number;
  readonly shiftMm: readonly [number, number, number];
  /** From the isocentre, along planning LPS. */
  readonly fromIsocentreMm: readonly [number, number, number];
}

/** The regions, the one that moved most first. */
export function regionShifts(
  residuals: readonly { readonly centre_mm: readonly number[]; readonly shift_mm: readonly number[] }[],
  isocentreMm: readonly [number, number, number],
): readonly RegionShift[] {
  return residuals
    .map(({ centre_mm, shift_mm }): RegionShift => {
      const at = (values: readonly number[], axis: number) => values[axis] ?? Number.NaN;
      return {
        lengthMm: Math.hypot(...shift_mm),
        shiftMm: [at(shift_mm, 0), at(shift_mm, 1), at(shift_mm, 2)],
        fromIsocentreMm: [
          at(centre_mm, 0) - isocentreMm[0],
          at(centre_mm, 1) - isocentreMm[1],
          at(centre_mm, 2) - isocentreMm[2],
        ],
      };
    })
    .sort((a, b) => b.lengthMm - a.lengthMm);
}

/** What is left of the regions in a sentence: half of them move less than the first number. */
export function shiftsWords(shifts: readonly RegionShift[]): string {
  const [largest, middle] = [shifts[0], shifts[Math.floor(shifts.length / 2)]];
  if (largest === undefined || middle === undefined) {
    return "The match says nothing of single regions.";
  }
  const how =
    shifts.length === 1
      ? `one region would still move by ${largest.lengthMm.toFixed(1)} mm`
      : `${shifts.length} regions would still move, half of them by ${middle.lengthMm.toFixed(1)} mm or less, one by ${largest.lengthMm.toFixed(1)} mm`;
  return `After the automatic match ${how}. No couch corrects that: the probe presses, or organs have filled.`;
}

const SIDES = [
  ["L", "R"],
  ["P", "A"],
  ["H", "F"],
] as const;

/** Three numbers along planning LPS as sides of the patient, such as “12 L, 8 A”; empty where all are below half a unit. */
export function sidesWords(mm: readonly [number, number, number], digits: 0 | 1): string {
  const least = digits === 0 ? 0.5 : 0.05;
  const parts = mm.flatMap((value, axis) =>
    Math.abs(value) < least ? [] : [`${Math.abs(value).toFixed(digits)} ${SIDES[axis]![value > 0 ? 0 : 1]}`],
  );
  return parts.join(", ");
}
