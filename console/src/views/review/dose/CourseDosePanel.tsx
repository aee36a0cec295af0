import type { CourseDose } from "../../../api/documents";
import { day } from "../../../components/format";
import { Panel } from "../../../components/Panel";
import { SeriesChart } from "../../../components/SeriesChart";
import { TableFrame } from "../../../components/TableFrame";
import { CourseAlerts, DoubtfulDays } from "../day/CourseParts";
import { GoalOfDay, Met } from "./DoseTables";
import { doseSeries, followedWords, soFarWords } from "./doseWords";

/** What the days of the course delivered so far: each against the plan, goals and alerts, and what they add up to. */
export function CourseDosePanel({ dose }: { dose: CourseDose }) {
  const prescribedGy = new Map(dose.days.map(({ fraction, prescribed_gy }) => [fraction, prescribed_gy]));
  return (
    <Panel title="Dose over the course">
      <CourseAlerts alerts={dose.alerts} />
      {dose.has_limits ? null : (
        <p class="dim">The protocol gives neither goals nor limits for the dose of a day.</p>
      )}
      <SoFar dose={dose} />
      {dose.structures.length === 0 ? null : (
        <p>Dose of each day against the plan, in percent of what is prescribed for a fraction:</p>
      )}
      <div class="charts">
        {dose.structures.map((one) => {
          const { counting, doubtful } = doseSeries(one, prescribedGy);
          return (
            <SeriesChart
              key={one.name}
              title={`${one.name}, ${followedWords(one)} against plan`}
              unit="%"
              measured={counting}
              doubtful={doubtful}
              residual={[]}
              limit={null}
              signals={[]}
            />
          );
        })}
      </div>
      <GoalsOfCourse dose={dose} />
      <DoubtfulDays days={dose.days} />
    </Panel>
  );
}

/** What the fractions add up to; that they were not added up is said too. */
function SoFar({ dose }: { dose: CourseDose }) {
  const newest = dose.days.findLast(({ fractions_so_far }) => fractions_so_far > 0);
  if (newest === undefined) {
    return <p class="dim">The doses of the days were not added up.</p>;
  }
  return (
    <>
      <h3>
        Added up over {newest.fractions_so_far} fractions, {day(newest.computed_at)}
      </h3>
      <ul class="list">
        {dose.structures
          .map((one) => soFarWords(one, newest.fractions_so_far))
          .filter((words) => words !== "")
          .map((words) => (
            <li key={words}>{words}</li>
          ))}
      </ul>
    </>
  );
}

/** Each goal of the course on each day. */
function GoalsOfCourse({ dose }: { dose: CourseDose }) {
  if (dose.goals.length === 0) {
    return null;
  }
  return (
    <TableFrame label="Goals over the course">
      <thead>
        <tr>
          <th scope="col">If every fraction were like this one</th>
          <th scope="col">As planned</th>
          {dose.days.map(({ fraction }) => (
            <th key={fraction} scope="col">
              Fraction {fraction}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {dose.goals.map((goal) => (
          <tr key={goal.goal}>
            <th scope="row">{goal.goal}</th>
            <td>
              <Met isMet={goal.was_met_in_plan} />
            </td>
            {dose.days.map(({ fraction }) => {
              const one = goal.days.find((found) => found.fraction === fraction);
              return (
                <td key={fraction} class="nowrap">
                  {one === undefined || one.value === null ? (
                    <span class="dim">no value</span>
                  ) : (
                    <>
                      <GoalOfDay goal={{ ...goal, ...one }} />
                      {one.counts ? null : <p class="dim small">does not count</p>}
                    </>
                  )}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </TableFrame>
  );
}
