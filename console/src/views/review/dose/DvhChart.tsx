import { type Signal, useComputed, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Histograms } from "../../../api/documents";
import { plain } from "../../../components/format";
import { TableFrame } from "../../../components/TableFrame";
import { structureStyle } from "../../../overlay/structures";
import { type Axes, type Curve, curvePath, decimalsOf, doseAxis, percentAt, ticksOf } from "./dvh";

const SIZE = { width: 480, height: 300, left: 46, right: 12, top: 10, bottom: 42 } as const;
const PERCENTS = [0, 20, 40, 60, 80, 100] as const;

/** Of the prescription: what a target has to get at least, mostly. */
const READ_AT = 0.95;

type CurveDocument = Histograms["curves"][number];

/** Further curves by name of the structure, drawn dotted. */
export interface Further {
  readonly words: string;
  readonly curves: Readonly<Record<string, Curve>>;
}

export interface DvhChartProps {
  readonly histograms: Histograms;
  /** Names of structures that are not drawn. */
  readonly hidden: Signal<ReadonlySet<string>>;
  /** What the full lines are. */
  readonly dayWords: string;
  readonly further?: Further | null;
}

const colorOf = ({ color, is_target }: CurveDocument): string =>
  structureStyle({ color, kind: is_target ? "target" : "organ", interpreted_type: "" }).color;

/** How much of each structure gets how much dose: planned dashed, today full; and what that is at one dose. */
export function DvhChart({ histograms, hidden, dayWords, further = null }: DvhChartProps) {
  const { step_gy: stepGy, curves, prescription_gy: prescribedGy } = histograms;
  const axis = useMemo(
    () => doseAxis([...curves.flatMap(allOf), ...Object.values(further?.curves ?? {})], stepGy),
    [curves, stepGy, further],
  );
  const cursorGy = useSignal(prescribedGy === null ? axis.endGy / 2 : READ_AT * prescribedGy);
  const axes = axesTo(axis.endGy);
  const shown = curves.filter(({ name }) => !hidden.value.has(name));
  return (
    <div class="dvh">
      <Kinds dayWords={dayWords} further={further} prescribedGy={prescribedGy} />
      <svg
        viewBox={`0 0 ${SIZE.width} ${SIZE.height}`}
        role="img"
        aria-label="Dose-volume histograms of one fraction; the numbers stand in the list beside it"
        onPointerMove={(event) => {
          cursorGy.value = doseUnder(event, axis.endGy);
        }}
      >
        <Frame axis={axis} axes={axes} prescribedGy={prescribedGy} />
        {shown.map((curve) => (
          <Lines key={curve.name} curve={curve} stepGy={stepGy} axes={axes} further={further} />
        ))}
        <Cursor at={cursorGy} axes={axes} />
      </svg>
      <CursorField at={cursorGy} endGy={axis.endGy} stepGy={stepGy} />
      <CurveList histograms={histograms} hidden={hidden} cursorGy={cursorGy} further={further} />
    </div>
  );
}

const allOf = ({ planned_percent, day_percent }: CurveDocument): Curve[] =>
  planned_percent === null ? [day_percent] : [planned_percent, day_percent];

function axesTo(endGy: number): Axes {
  const { width, height, left, right, top, bottom } = SIZE;
  return {
    x: (doseGy) => left + (doseGy / endGy) * (width - left - right),
    y: (percent) => top + (1 - percent / 100) * (height - top - bottom),
  };
}

function doseUnder(event: PointerEvent & { readonly currentTarget: SVGElement }, endGy: number): number {
  const box = event.currentTarget.getBoundingClientRect();
  const place = ((event.clientX - box.left) / box.width) * SIZE.width;
  const share = (place - SIZE.left) / (SIZE.width - SIZE.left - SIZE.right);
  return Math.min(Math.max(share, 0), 1) * endGy;
}

/** What each kind of line is. */
function Kinds(props: { dayWords: string; further: Further | null; prescribedGy: number | null }) {
  const { dayWords, further, prescribedGy } = props;
  const kinds = [
    { words: "as planned", name: "dvh-planned" },
    { words: dayWords, name: "dvh-day" },
    ...(further === null ? [] : [{ words: further.words, name: "dvh-further" }]),
    ...(prescribedGy === null
      ? []
      : [{ words: `prescribed, ${plain(prescribedGy, 2)} Gy`, name: "dvh-prescribed" }]),
  ];
  return (
    <ul class="legend">
      {kinds.map(({ words, name }) => (
        <li key={name}>
          <svg class="line-sample" viewBox="0 0 28 10" width="28" height="10" aria-hidden="true">
            <path d="M1 5H27" class={name} stroke="currentColor" />
          </svg>
          {words}
        </li>
      ))}
    </ul>
  );
}

function Frame(props: {
  readonly axis: { endGy: number; tickGy: number };
  readonly axes: Axes;
  readonly prescribedGy: number | null;
}) {
  const { axis, axes, prescribedGy } = props;
  const { width, height, left, right, top, bottom } = SIZE;
  const decimals = decimalsOf(axis.tickGy);
  return (
    <g>
      {PERCENTS.map((percent) => (
        <g key={percent}>
          <path d={`M${left} ${axes.y(percent)}H${width - right}`} class="series-grid" />
          <text x={left - 6} y={axes.y(percent) + 4} class="series-text end">
            {percent}
          </text>
        </g>
      ))}
      {ticksOf(axis).map((doseGy) => (
        <g key={doseGy}>
          <path d={`M${axes.x(doseGy)} ${top}V${height - bottom}`} class="series-grid" />
          <text x={axes.x(doseGy)} y={height - bottom + 14} class="series-text middle">
            {plain(doseGy, decimals)}
          </text>
        </g>
      ))}
      {prescribedGy === null || prescribedGy > axis.endGy ? null : (
        <path d={`M${axes.x(prescribedGy)} ${top}V${height - bottom}`} class="dvh-prescribed" />
      )}
      <text x={(left + width - right) / 2} y={height - 6} class="series-text middle">
        dose of one fraction, Gy
      </text>
      <text
        x={12}
        y={(top + height - bottom) / 2}
        class="series-text middle"
        transform={`rotate(-90 12 ${(top + height - bottom) / 2})`}
      >
        volume, %
      </text>
    </g>
  );
}

function Lines(props: {
  readonly curve: CurveDocument;
  readonly stepGy: number;
  readonly axes: Axes;
  readonly further: Further | null;
}) {
  const { curve, stepGy, axes, further } = props;
  const third = further?.curves[curve.name];
  const width = curve.is_target ? "dvh-target" : "";
  return (
    <g fill="none" stroke={colorOf(curve)} class={width} data-structure={curve.name}>
      {curve.planned_percent === null ? null : (
        <path d={curvePath(curve.planned_percent, stepGy, axes)} class="dvh-planned" />
      )}
      <path d={curvePath(curve.day_percent, stepGy, axes)} class="dvh-day" />
      {third === undefined ? null : <path d={curvePath(third, stepGy, axes)} class="dvh-further" />}
    </g>
  );
}

function Cursor({ at, axes }: { at: Signal<number>; axes: Axes }) {
  const path = useComputed(() => `M${axes.x(at.value)} ${SIZE.top}V${SIZE.height - SIZE.bottom}`);
  return <path d={path} class="dvh-cursor" />;
}

/** The dose that is read off: by pointer over the chart, or by the arrow keys here. */
function CursorField({ at, endGy, stepGy }: { at: Signal<number>; endGy: number; stepGy: number }) {
  return (
    <label class="dvh-read">
      <span>
        Read at <b>{plain(at.value, 2)} Gy</b>
      </span>
      <input
        type="range"
        min={0}
        max={endGy}
        step={stepGy}
        value={at.value}
        aria-valuetext={`${plain(at.value, 2)} Gy`}
        onInput={(event) => {
          at.value = Number(event.currentTarget.value);
        }}
      />
    </label>
  );
}

/** Each structure with its colour, whether it is drawn, and how much of it gets the dose that is read off. */
function CurveList(props: {
  readonly histograms: Histograms;
  readonly hidden: Signal<ReadonlySet<string>>;
  readonly cursorGy: Signal<number>;
  readonly further: Further | null;
}) {
  const { histograms, hidden, cursorGy, further } = props;
  const read = (curve: Curve | null | undefined) =>
    curve ? `${plain(percentAt(curve, histograms.step_gy, cursorGy.value), 1)} %` : "—";
  return (
    <TableFrame label="Dose read off" frame="dvh-list">
      <thead>
        <tr>
          <th scope="col">At least {plain(cursorGy.value, 2)} Gy</th>
          <th scope="col" class="number">
            planned
          </th>
          <th scope="col" class="number">
            today
          </th>
          {further === null ? null : (
            <th scope="col" class="number">
              corrected
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {histograms.curves.map((curve) => (
          <tr key={curve.name}>
            <th scope="row">
              <label class="check">
                <input
                  type="checkbox"
                  checked={!hidden.value.has(curve.name)}
                  onChange={(event) => {
                    hidden.value = withName(hidden.peek(), curve.name, !event.currentTarget.checked);
                  }}
                />
                <span class="dvh-swatch" style={{ background: colorOf(curve) }} />
                <span>{curve.name}</span>
              </label>
            </th>
            <td class="number nowrap">{read(curve.planned_percent)}</td>
            <td class="number nowrap">{read(curve.day_percent)}</td>
            {further === null ? null : <td class="number nowrap">{read(further.curves[curve.name])}</td>}
          </tr>
        ))}
      </tbody>
    </TableFrame>
  );
}

function withName(names: ReadonlySet<string>, name: string, isIn: boolean): ReadonlySet<string> {
  const next = new Set(names);
  if (isIn) {
    next.add(name);
  } else {
    next.delete(name);
  }
  return next;
}
