/** What may be done with the dose of a day, in the words of the page. */

import type { DayDose, DayDoseRecord, DoseGoal, FractionDose, StructureDose } from "../../../api/documents";
import { plain, signed } from "../../../components/format";
import type { Tone } from "../../../components/Mark";
import type { SeriesPoint } from "../../../components/seriesScale";

/** Whether a dose may be decided on, may only be looked at, or could not be computed. */
export type Standing = "for decision" | "not for decision" | "not available";

/** One that does not hold any more is for looking only, whatever it said. */
export function standingOf(dose: DayDoseRecord): Standing {
  if (dose.verdict === "not available") {
    return "not available";
  }
  return dose.is_for_decision ? "for decision" : "not for decision";
}

/** How each is said and shown. */
export const VERDICT_WORDS: Readonly<Record<Standing, { readonly title: string; readonly tone: Tone }>> = {
  "for decision": { title: "For decision", tone: "good" },
  "not for decision": { title: "NOT FOR DECISION: look, do not decide", tone: "warn" },
  "not available": { title: "NOT AVAILABLE: no dose could be computed", tone: "bad" },
};

/** Whether a goal is met, as a sign with its word. */
export function goalSign(isMet: boolean | null): { readonly tone: Tone; readonly words: string } {
  if (isMet === null) {
    return { tone: "info", words: "not known" };
  }
  return isMet ? { tone: "good", words: "met" } : { tone: "bad", words: "missed" };
}

/** A value of a goal with its unit. */
export const goalValue = ({ value, unit }: Pick<DoseGoal, "value" | "unit">): string =>
  value === null ? "no value" : `${plain(value, 1)} ${unit}`;

/** A dose beside the planned one: `1.86 Gy (−0.08)`. */
export const besidePlan = (todayGy: number, plannedGy: number): string =>
  `${plain(todayGy, 2)} Gy (${signed(todayGy - plannedGy, 2)})`;

/** The figure that a structure is followed by over a course: D95% of a target, the mean dose of an organ. */
export const followed = (one: StructureDose) =>
  one.is_target
    ? { words: "D95%", todayGy: one.d95_gy, plannedGy: one.planned_d95_gy }
    : { words: "mean", todayGy: one.mean_gy, plannedGy: one.planned_mean_gy };

/** The figure of a structure over a course, against the plan, in percent of the prescribed dose. */
export interface DoseSeries {
  readonly name: string;
  readonly words: string;
  readonly counting: readonly SeriesPoint[];
  readonly doubtful: readonly SeriesPoint[];
}

/** Follow each structure over the course; a day by which nothing may be decided is never among those that count. */
export function doseSeries(course: readonly FractionDose[]): readonly DoseSeries[] {
  const found = new Map<string, { words: string; counting: SeriesPoint[]; doubtful: SeriesPoint[] }>();
  for (const day of course) {
    for (const one of day.structures) {
      const { words, todayGy, plannedGy } = followed(one);
      const wholeGy = day.prescribed_gy ?? plannedGy;
      const series = found.get(one.name) ?? { words, counting: [], doubtful: [] };
      found.set(one.name, series);
      const value = wholeGy > 0 ? (100 * (todayGy - plannedGy)) / wholeGy : null;
      (day.counts ? series.counting : series.doubtful).push({ number: day.number, value, deviation: null });
    }
  }
  return [...found].map(([name, series]) => ({ name, ...series }));
}

/** Why the computation cannot be begun now; empty where it can. */
export function whyNotBegun(dose: DayDose, machine: string): string {
  if (dose.not_possible_because !== "") {
    return dose.not_possible_because;
  }
  return dose.beam_data_problem !== "" && machine === "" ? "choose the beam data first" : "";
}
