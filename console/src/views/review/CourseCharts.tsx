import type { CourseReview } from "../../api/documents";
import { SIX_AXES } from "../../components/axes";
import { Panel } from "../../components/Panel";
import { SeriesChart } from "../../components/SeriesChart";
import { seriesOf, signalsOf } from "./series";

/** What each sign of the charts means. */
function Legend() {
  return (
    <ul class="legend">
      <li>
        <svg viewBox="0 0 16 16" aria-hidden="true" class="series-measured">
          <path d="M8 1v14" />
          <circle cx="8" cy="8" r="3.5" />
        </svg>
        called for by the first image, ± 1 SD
      </li>
      <li>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <rect x="4" y="4" width="8" height="8" class="series-residual" />
        </svg>
        still called for after the correction
      </li>
      <li>
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M8 3l6 10H2Z" class="series-signal" />
        </svg>
        signal of a control chart
      </li>
    </ul>
  );
}

/** Each of the six axes over the fractions. */
export function CourseCharts({ review }: { review: CourseReview }) {
  return (
    <Panel title="Corrections over the fractions">
      <Legend />
      <div class="charts">
        {SIX_AXES.map(({ key, name, unit }) => {
          const { measured, residual } = seriesOf(review, key);
          const capability = review.axes.find(({ axis }) => axis === key)?.capability;
          return (
            <SeriesChart
              key={key}
              title={name}
              unit={unit}
              measured={measured}
              residual={residual}
              limit={capability?.allowed ?? null}
              signals={signalsOf(review, key)}
            />
          );
        })}
      </div>
    </Panel>
  );
}
