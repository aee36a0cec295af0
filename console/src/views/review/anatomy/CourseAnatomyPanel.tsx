import type { CourseAnatomy } from "../../../api/documents";
import { plain, signed } from "../../../components/format";
import { Panel } from "../../../components/Panel";
import { SeriesChart } from "../../../components/SeriesChart";
import { CourseAlerts, DoubtfulDays } from "../day/CourseParts";
import { raisedIn, volumeSeries } from "./volumeSeries";

/** What each sign of the charts means. */
function Legend({ hasLimits }: { hasLimits: boolean }) {
  return (
    <ul class="legend">
      <li>
        <svg viewBox="0 0 16 16" aria-hidden="true" class="series-measured">
          <path d="M8 1v14" />
          <circle cx="8" cy="8" r="3.5" />
        </svg>
        for decision, ± 1 SD
      </li>
      <li>
        <svg viewBox="0 0 16 16" aria-hidden="true" class="series-doubtful">
          <path d="M8 2l6 6-6 6-6-6ZM5 5l6 6m0-6-6 6" />
        </svg>
        not for decision: counts for nothing
      </li>
      {hasLimits ? (
        <li>
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d="M8 3l6 10H2Z" class="series-signal" />
          </svg>
          from here on: consider re-planning
        </li>
      ) : null}
    </ul>
  );
}

/** The volumes of target and organs over the course, and when re-planning should be considered. */
export function CourseAnatomyPanel({ anatomy }: { anatomy: CourseAnatomy }) {
  return (
    <Panel title="Anatomy over the course">
      <CourseAlerts alerts={anatomy.alerts} />
      {anatomy.has_limits ? null : (
        <p class="dim">The protocol does not say when re-planning should be considered.</p>
      )}
      {anatomy.structures.length === 0 ? null : (
        <>
          <p>Volume of each structure against the plan, on every assessed day:</p>
          <Legend hasLimits={anatomy.has_limits} />
        </>
      )}
      <div class="charts">
        {anatomy.structures.map((structure) => {
          const { counting, doubtful } = volumeSeries(structure);
          return (
            <SeriesChart
              key={structure.name}
              title={`${structure.name}, planned ${plain(structure.planned_volume_ml, 1)} ml`}
              unit="%"
              measured={counting}
              doubtful={doubtful}
              residual={[]}
              limit={structure.volume_limit_percent}
              signals={raisedIn(anatomy, structure.name)}
              note={slopeWords(structure.volume_percent?.slope.value ?? null)}
            />
          );
        })}
      </div>
      <DoubtfulDays days={anatomy.days} />
    </Panel>
  );
}

const slopeWords = (percent: number | null): string =>
  percent === null ? "" : `${signed(percent, 1)} % a fraction`;
