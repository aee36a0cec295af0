/** The volume of a structure over the course, in percent of the planned one: what counts, and what does not. */

import type { CourseAnatomy } from "../../../api/documents";
import type { SeriesPoint } from "../../../components/seriesScale";

export type StructureOfCourse = CourseAnatomy["structures"][number];

/** Changes of the volume against the plan; a day by which nothing may be decided is never among those that count. */
export function volumeSeries({ days, planned_volume_ml }: StructureOfCourse): {
  counting: readonly SeriesPoint[];
  doubtful: readonly SeriesPoint[];
} {
  const points = (areCounting: boolean) =>
    days
      .filter(({ counts }) => counts === areCounting)
      .map(({ fraction, volume_change_percent, volume_sigma_ml }) => ({
        number: fraction,
        value: volume_change_percent,
        deviation: (100 * volume_sigma_ml) / planned_volume_ml,
      }));
  return { counting: points(true), doubtful: points(false) };
}

/** Fractions in which an alert about the volume of a structure was raised that still stands. */
export function raisedIn({ alerts }: CourseAnatomy, structure: string): readonly number[] {
  const raised = alerts.filter(
    (alert) => alert.structure === structure && alert.measure === "volume" && alert.ended_in === null,
  );
  return [...new Set(raised.map((alert) => alert.raised_in))];
}
