import { signed } from "./format";
import { endsOf, niceEnds, type SeriesPoint } from "./seriesScale";

const SIZE = { width: 320, height: 132, left: 40, right: 8, top: 8, bottom: 20 } as const;

export interface SeriesChartProps {
  title: string;
  unit: "mm" | "°" | "%";
  /** Drawn as filled circles with whiskers. */
  measured: readonly SeriesPoint[];
  /** Drawn as open squares. */
  residual: readonly SeriesPoint[];
  /** Nothing may be decided by these: drawn as open diamonds with a cross in them. */
  doubtful?: readonly SeriesPoint[];
  /** Drawn as a dashed band about zero; null for none. */
  limit: number | null;
  /** Fractions that a chart signals, drawn as a triangle under the axis. */
  signals: readonly number[];
  /** A few words beside the title. */
  note?: string;
}

/** An axis of each unit reaches so far at least. */
const LEAST: Readonly<Record<SeriesChartProps["unit"], number>> = { mm: 2, "°": 1, "%": 10 };

/** One axis over the fractions of a course; the numbers stand in the table beside it. */
export function SeriesChart(props: SeriesChartProps) {
  const { title, unit, measured, residual, doubtful = [], limit, signals } = props;
  const { width, height, left, right, top, bottom } = SIZE;
  const limits = limit === null ? [] : [limit];
  const values = [measured, residual, doubtful].flatMap(endsOf);
  const ends = niceEnds([...values, ...limits], LEAST[unit]);
  const numbers = [...measured, ...doubtful].map(({ number }) => number).sort((one, other) => one - other);
  const [first, last] = [Math.min(...numbers, 1), Math.max(...numbers, 2)];
  const x = (number: number) => left + ((number - first + 0.5) / (last - first + 1)) * (width - left - right);
  const y = (value: number) => top + ((ends.high - value) / (ends.high - ends.low)) * (height - top - bottom);
  const ticks = Array.from(
    { length: Math.round((ends.high - ends.low) / ends.step) + 1 },
    (_one, index) => ends.low + index * ends.step,
  );
  return (
    <figure class="series-chart">
      <figcaption>
        {title} <span class="dim">({unit})</span>
        {props.note ? <span class="dim small light"> {props.note}</span> : null}
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={`${title} of each fraction, ${unit}`}>
        {limit === null ? null : (
          <rect
            x={left}
            width={width - left - right}
            y={y(limit)}
            height={y(-limit) - y(limit)}
            class="series-limit"
          />
        )}
        {ticks.map((tick) => (
          <g key={tick}>
            <path
              d={`M${left} ${y(tick)}H${width - right}`}
              class={tick === 0 ? "series-zero" : "series-grid"}
            />
            <text x={left - 5} y={y(tick) + 4} class="series-text end">
              {signed(tick, ends.step < 1 ? 1 : 0)}
            </text>
          </g>
        ))}
        {everySome(numbers).map((number) => (
          <text key={number} x={x(number)} y={height - 4} class="series-text middle">
            {number}
          </text>
        ))}
        {measured.map((point) => (
          <Whisker key={point.number} point={point} x={x} y={y} />
        ))}
        {doubtful.map(({ number, value }) =>
          value === null ? null : (
            <path
              key={`doubtful ${number}`}
              d={`M${x(number)} ${y(value) - 6}l6 6-6 6-6-6ZM${x(number) - 3} ${y(value) - 3}l6 6m0-6-6 6`}
              class="series-doubtful"
            />
          ),
        )}
        {residual.map(({ number, value }) =>
          value === null ? null : (
            <rect
              key={number}
              x={x(number) - 3.5}
              y={y(value) - 3.5}
              width="7"
              height="7"
              class="series-residual"
            />
          ),
        )}
        {signals.map((number) => (
          <path key={number} d={`M${x(number)} ${height - bottom - 9}l5 9h-10Z`} class="series-signal" />
        ))}
      </svg>
    </figure>
  );
}

/** About eight of them, so that they do not run into each other. */
function everySome(numbers: readonly number[]): number[] {
  const every = Math.max(1, Math.ceil(numbers.length / 8));
  return numbers.filter((_number, index) => index % every === 0);
}

function Whisker(props: { point: SeriesPoint; x: (number: number) => number; y: (value: number) => number }) {
  const { number, value, deviation } = props.point;
  if (value === null) {
    return null;
  }
  const [x, y] = [props.x(number), props.y];
  return (
    <g class="series-measured">
      {deviation === null ? null : <path d={`M${x} ${y(value - deviation)}V${y(value + deviation)}`} />}
      <circle cx={x} cy={y(value)} r="3.5" />
    </g>
  );
}
