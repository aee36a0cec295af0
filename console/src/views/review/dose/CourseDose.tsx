import type { FractionDose } from "../../../api/documents";
import { asSentence } from "../../../api/problem";
import { day, plain } from "../../../components/format";
import { Mark } from "../../../components/Mark";
import { SeriesChart } from "../../../components/SeriesChart";
import { doseSeries } from "./doseWords";

/** The doses of the course so far: each fraction against the plan, and what was added up. */
export function CourseDose({ course }: { course: readonly FractionDose[] }) {
  if (course.length === 0) {
    return <p class="dim">No dose of a fraction of this course is kept yet.</p>;
  }
  return (
    <>
      <div class="charts">
        {doseSeries(course).map(({ name, words, counting, doubtful }) => (
          <SeriesChart
            key={name}
            title={`${name}, ${words} against plan`}
            unit="%"
            measured={counting}
            doubtful={doubtful}
            residual={[]}
            limit={null}
            signals={[]}
            note="of the prescribed dose of a fraction"
          />
        ))}
      </div>
      <section
        class="table-frame"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the page is scrolled by keys
        tabIndex={0}
        aria-label="Doses of the fractions"
      >
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Fraction</th>
              <th scope="col">Computed</th>
              <th scope="col">Counts</th>
              <th scope="col">Goals missed</th>
              <th scope="col">Added up so far</th>
            </tr>
          </thead>
          <tbody>
            {course.map((one) => (
              <FractionRow key={one.number} one={one} />
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

function FractionRow({ one }: { one: FractionDose }) {
  return (
    <tr>
      <th scope="row">{one.number}</th>
      <td class="nowrap">{day(one.computed_at)}</td>
      <td>
        <span class="anatomy-limit">
          <Mark tone={one.counts ? "good" : "warn"} label={one.counts ? "counts" : "does not count"} />
          {one.counts ? "for decision" : asSentence(one.why_not)}
        </span>
      </td>
      <td>{one.goals_missed.length === 0 ? "none" : one.goals_missed.join("; ")}</td>
      <td>{addedUp(one)}</td>
    </tr>
  );
}

function addedUp({ structures, fractions_so_far }: FractionDose): string {
  const summed = structures.filter(
    ({ accumulated_d95_gy, accumulated_mean_gy }) =>
      accumulated_d95_gy !== null && accumulated_mean_gy !== null,
  );
  if (fractions_so_far === 0 || summed.length === 0) {
    return "not added up";
  }
  const words = summed.map(({ name, is_target, accumulated_d95_gy, accumulated_mean_gy }) =>
    is_target
      ? `${name} D95% ${plain(accumulated_d95_gy, 1)} Gy`
      : `${name} mean ${plain(accumulated_mean_gy, 1)} Gy`,
  );
  return `${fractions_so_far} fractions: ${words.join(", ")}`;
}
