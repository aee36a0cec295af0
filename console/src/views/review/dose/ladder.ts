/** What each correction would do, side by side: one row for each figure, one column for each rung. */

import type { DoseGoal, Ladder, LadderRung } from "../../../api/documents";
import { plain, signed } from "../../../components/format";
import type { Curve } from "./dvh";

/** A figure as planned and on each rung; null where a rung has no effect to show. */
export interface FigureRow {
  readonly words: string;
  readonly plannedGy: number;
  readonly rungsGy: readonly (number | null)[];
}

/** A goal as planned and on each rung; null where a rung has no effect to show. */
export interface GoalRow {
  readonly goal: string;
  readonly planned: DoseGoal;
  readonly rungs: readonly (DoseGoal | null)[];
}

/** Rungs that have an effect, in the order of the ladder. */
export const withEffect = (ladder: Ladder): readonly LadderRung[] =>
  ladder.rungs.filter(({ structures }) => structures.length > 0);

/** D95% of each target, and the mean dose and D2% of each organ. */
export function figureRows(ladder: Ladder): readonly FigureRow[] {
  const targets = new Set(
    ladder.histograms.curves.filter(({ is_target }) => is_target).map(({ name }) => name),
  );
  return ladder.planned.flatMap((planned) => {
    const figures = targets.has(planned.name)
      ? ([["D95%", "d95_gy"]] as const)
      : ([
          ["mean", "mean_gy"],
          ["D2%", "d2_gy"],
        ] as const);
    return figures.map(([words, figure]) => ({
      words: `${planned.name} ${words}`,
      plannedGy: planned[figure],
      rungsGy: withEffect(ladder).map(
        ({ structures }) => structures.find(({ name }) => name === planned.name)?.[figure] ?? null,
      ),
    }));
  });
}

/** Each goal of the course. */
export function goalRows(ladder: Ladder): readonly GoalRow[] {
  return ladder.planned_goals.map((planned) => ({
    goal: planned.goal,
    planned,
    rungs: withEffect(ladder).map(({ goals }) => goals.find(({ goal }) => goal === planned.goal) ?? null),
  }));
}

/** A dose on a rung beside the planned one. */
export const rungWords = (valueGy: number | null, plannedGy: number): string =>
  valueGy === null ? "no value" : `${plain(valueGy, 2)} (${signed(valueGy - plannedGy, 2)})`;

/** The curves of a rung, to be drawn with those of plan and day; null for one without an effect. */
export function curvesOf(rung: LadderRung | undefined): Readonly<Record<string, Curve>> | null {
  return rung === undefined || Object.keys(rung.curves_percent).length === 0 ? null : rung.curves_percent;
}

/** Whether a rung can be marked for planning: never on a doubtful day, and leaving him as he lies is no correction. */
export const canBeChosen = ({ no_plans_because }: Ladder, rung: LadderRung): boolean =>
  no_plans_because === "" && rung.is_available && rung.rung !== "as the patient lies";
