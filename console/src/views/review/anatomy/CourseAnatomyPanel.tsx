import { readCourseAnatomy } from "../../../api/calls";
import type { Course, CourseAnatomy } from "../../../api/documents";
import { asSentence } from "../../../api/problem";
import { plain, signed } from "../../../components/format";
import { Notice, ProblemNotice } from "../../../components/Notice";
import { Panel } from "../../../components/Panel";
import { SeriesChart } from "../../../components/SeriesChart";
import { isOver, jobs } from "../../../state/jobs";
import { useResource } from "../../../state/resource";
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
export function CourseAnatomyPanel({ course }: { course: Course }) {
  // Anew when a fraction got another version, and when an assessment of the course has ended.
  const versions = course.fractions.map(({ number, version }) => `${number}.${version}`).join(" ");
  const ended = [...jobs.value.values()].filter(
    (job) => job.course_id === course.course_id && job.assesses !== null && isOver(job),
  ).length;
  const { resource } = useResource(`anatomy of ${course.course_id} ${versions} ${ended}`, () =>
    readCourseAnatomy(course.course_id),
  );
  if (resource.problem !== null) {
    return (
      <Panel title="Anatomy over the course">
        <ProblemNotice problem={resource.problem} />
      </Panel>
    );
  }
  const anatomy = resource.value;
  if (anatomy === null || (anatomy.structures.length === 0 && anatomy.undecided.length === 0)) {
    return null;
  }
  return <Charts anatomy={anatomy} />;
}

function Charts({ anatomy }: { anatomy: CourseAnatomy }) {
  const stands = anatomy.alerts.filter(({ ended_in }) => ended_in === null);
  const ended = anatomy.alerts.filter(({ ended_in }) => ended_in !== null);
  return (
    <Panel title="Anatomy over the course">
      {stands.map(({ words }) => (
        <Notice key={words} tone="warn" isQuiet>
          {asSentence(words)}
        </Notice>
      ))}
      {ended.map(({ words }) => (
        <p key={words} class="dim">
          {asSentence(words)}
        </p>
      ))}
      {anatomy.has_limits ? null : (
        <p class="dim">The protocol does not say when re-planning should be considered.</p>
      )}
      <p>Volume of each structure against the plan, on every assessed day:</p>
      <Legend hasLimits={anatomy.has_limits} />
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
              note={slopeWords(structure.volume_slope_percent)}
            />
          );
        })}
      </div>
      {anatomy.undecided.map(({ number, verdict, reasons }) => (
        <p key={number} class="small">
          Fraction {number}: <b>{verdict}</b>. {reasons.map(asSentence).join(" ")}
        </p>
      ))}
    </Panel>
  );
}

const slopeWords = (percent: number | null): string =>
  percent === null ? "" : `${signed(percent, 1)} % a fraction`;
