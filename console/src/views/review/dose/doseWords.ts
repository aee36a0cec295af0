/** What may be done with the dose of a day, in the words of the page. */

import type { CourseDose, DayDose, DoseGoal } from "../../../api/documents";
import { plain, signed } from "../../../components/format";
import type { Tone } from "../../../components/Mark";
import type { SeriesPoint } from "../../../components/seriesScale";

/** What the plan gives its target may differ from what is prescribed by this share before a person is warned. */
const AS_PRESCRIBED = 0.1;

/** What is prescribed, and whether the plan as it was computed gives about that: else the dose is of no use. */
export function prescribedWords(target: NonNullable<DayDose["target"]>): {
  readonly words: string;
  readonly isFar: boolean;
} {
  const { name, prescription_gy: prescribedGy, d95_gy: plannedGy } = target;
  if (prescribedGy === null) {
    return {
      words: "what is prescribed is not known: no dose here is compared with a prescription",
      isFar: true,
    };
  }
  const percent = plain((100 * plannedGy) / prescribedGy, 0);
  const said = `prescribed to ${name}: ${plain(prescribedGy, 2)} Gy a fraction; the plan as computed here gives D95% ${plain(plannedGy, 2)} Gy, ${percent} % of it`;
  const isFar = Math.abs(plannedGy / prescribedGy - 1) > AS_PRESCRIBED;
  return {
    words: isFar ? `${said}: check beam data and monitor units before you believe a dose` : said,
    isFar,
  };
}

/** Whether a goal is met, as a sign with its word. */
export function goalSign(isMet: boolean | null): { readonly tone: Tone; readonly words: string } {
  if (isMet === null) {
    return { tone: "info", words: "not known" };
  }
  return isMet ? { tone: "good", words: "met" } : { tone: "bad", words: "missed" };
}

/** A value of a goal with its unit; of what a percentage is, the goal beside it says. */
export const goalValue = ({ value, unit }: Pick<DoseGoal, "value" | "unit">): string =>
  value === null ? "no value" : `${plain(value, 1)} ${unit.startsWith("%") ? "%" : unit}`;

/** A dose beside the planned one: `1.86 Gy (−0.08)`. */
export const besidePlan = (todayGy: number, plannedGy: number): string =>
  `${plain(todayGy, 2)} Gy (${signed(todayGy - plannedGy, 2)})`;

type StructureOfCourse = CourseDose["structures"][number];
type DayOfStructure = StructureOfCourse["days"][number];

/** What a structure is followed by over a course: D95% of a target, the mean dose of an organ. */
export const followedWords = ({ is_target }: StructureOfCourse): string => (is_target ? "D95%" : "mean");

/** The dose of a structure over a course against the plan, in percent of what is prescribed for a fraction. */
export function doseSeries(
  { days, is_target }: StructureOfCourse,
  prescribedGy: ReadonlyMap<number, number | null>,
): { readonly counting: readonly SeriesPoint[]; readonly doubtful: readonly SeriesPoint[] } {
  const figures = (day: DayOfStructure) =>
    is_target
      ? { todayGy: day.d95_gy, plannedGy: day.planned_d95_gy }
      : { todayGy: day.mean_gy, plannedGy: day.planned_mean_gy };
  // A day by which nothing may be decided is never among those that count.
  const points = (areCounting: boolean) =>
    days
      .filter(({ counts }) => counts === areCounting)
      .map((day) => {
        const { todayGy, plannedGy } = figures(day);
        const wholeGy = prescribedGy.get(day.fraction) ?? 0;
        const value = wholeGy > 0 ? (100 * (todayGy - plannedGy)) / wholeGy : null;
        return { number: day.fraction, value, deviation: null };
      });
  return { counting: points(true), doubtful: points(false) };
}

/** What was added up over the newest days of a structure, in words; empty where nothing was. */
export function soFarWords({ name, is_target, days }: StructureOfCourse, fractions: number): string {
  const newest = days.findLast(({ accumulated_mean_gy }) => accumulated_mean_gy !== null);
  if (newest === undefined) {
    return "";
  }
  const [gotGy, plannedGy, words] = is_target
    ? [newest.accumulated_d95_gy, newest.planned_d95_gy, "D95%"]
    : [newest.accumulated_mean_gy, newest.planned_mean_gy, "mean"];
  const sigma =
    is_target || newest.accumulated_sigma_gy === null ? "" : ` ± ${plain(newest.accumulated_sigma_gy, 2)}`;
  return `${name}: ${words} ${plain(gotGy, 2)}${sigma} Gy of ${plain(plannedGy * fractions, 2)} Gy planned`;
}

/** Why the computation cannot be begun now; empty where it can. */
export function whyNotBegun(dose: DayDose, machine: string): string {
  if (dose.not_possible_because !== "") {
    return dose.not_possible_because;
  }
  return dose.beam_data_problem !== "" && machine === "" ? "choose the beam data first" : "";
}
