import type { ReadonlySignal } from "@preact/signals";
import { useComputed } from "@preact/signals";
import type { ImageSlot, PlaneIsolines } from "../../engine/engine";
import type { Plane } from "../../geometry/planes";
import { labelPlace, pathOf } from "../../overlay/lines";
import {
  type DoseLevel,
  doseLevels,
  type LineStyle,
  pageDashes,
  pageLength,
  structureStyle,
} from "../../overlay/structures";
import { isSamePose } from "../../state/pose";
import type { AlignSession } from "../../views/align/alignSession";
import { DOSE, EDGES, type Edge, edgeId, type Pictures, structureId } from "../../views/align/pictures";
import { carriedOver } from "./drawnPlane";

interface LinesProps {
  readonly session: AlignSession;
  readonly pictures: Pictures;
  readonly viewId: string;
  readonly drawn: ReadonlySignal<Plane>;
}

/** Structures of the plan where the plane cuts them. */
export function StructureLines({ session, pictures, viewId, drawn }: LinesProps) {
  if (!session.layers.structures.value) {
    return null;
  }
  return (
    <>
      {session.structures.value?.structures.map((structure) => (
        <Line
          key={structure.number}
          lines={pictures.linesOn(viewId, structureId(structure.number))}
          drawn={drawn}
          level={0}
          style={structureStyle(structure)}
        />
      ))}
    </>
  );
}

const EDGE_STYLES: Readonly<Record<Edge, Readonly<Record<ImageSlot, LineStyle>>>> = {
  fan: {
    planning: { color: "#ffb066", widthPx: 1.5, dashes: "2 3" },
    daily: { color: "#8cc6ff", widthPx: 1.5, dashes: "2 3" },
  },
  shadow: {
    planning: { color: "#d9a3ff", widthPx: 1.5, dashes: "1 4" },
    daily: { color: "#d9a3ff", widthPx: 1.5, dashes: "6 3" },
  },
};

/** How far the sound reached, and where it says nothing: a shadow is as black as fluid. */
export function EdgeLines(props: LinesProps) {
  const { session, pictures, viewId, drawn } = props;
  if (session.daily.kind !== "ultrasound") {
    return null;
  }
  return (
    <>
      {EDGES.map((edge) => (
        <Line
          key={`planning ${edge}`}
          lines={pictures.linesOn(viewId, edgeId("planning", edge))}
          drawn={drawn}
          level={0}
          style={EDGE_STYLES[edge].planning}
        />
      ))}
      {EDGES.map((edge) => (
        <DayEdge key={`daily ${edge}`} {...props} edge={edge} />
      ))}
    </>
  );
}

/** The day's edges go with the day's image: one that was cut for another position is not shown. */
function DayEdge({ pictures, viewId, drawn, edge }: LinesProps & { readonly edge: Edge }) {
  const found = pictures.linesOn(viewId, edgeId("daily", edge));
  const lines = useComputed(() => {
    const pose = found.value?.planningFromDaily;
    const shown = pictures.report.value?.planningFromDaily;
    return pose && shown && isSamePose(pose, shown) ? found.value : null;
  });
  return <Line lines={lines} drawn={drawn} level={0} style={EDGE_STYLES[edge].daily} />;
}

/** Isodoses, only where the service gave a dose for this frame of reference. */
export function DoseLines({ session, pictures, viewId, drawn }: LinesProps) {
  const { dose } = session.planning;
  const lines = pictures.linesOn(viewId, DOSE);
  if (dose === null) {
    return null;
  }
  const levels = doseLevels(dose);
  return (
    <>
      {levels.map(({ percent, level, style }) => (
        <Line key={percent} lines={lines} drawn={drawn} level={level} style={style} />
      ))}
      {levels.map((level) => (
        <DoseLabel key={level.percent} lines={lines} drawn={drawn} level={level} />
      ))}
    </>
  );
}

interface LineProps {
  readonly lines: ReadonlySignal<PlaneIsolines | null>;
  readonly drawn: ReadonlySignal<Plane>;
  readonly level: number;
  readonly style: LineStyle;
}

/** A line with a dark halo, so that it is seen on bone and on air. */
export function Line({ lines, drawn, level, style }: LineProps) {
  const path = useComputed(() => pathOf(levelOf(lines.value, level)));
  const place = useComputed(() => placing(lines.value, drawn.value));
  const display = useComputed(() => (place.value === null ? "none" : "inline"));
  const transform = useComputed(() => place.value ?? "");
  return (
    <g transform={transform} display={display} fill="none" stroke-linejoin="round">
      <path
        d={path}
        stroke="#000"
        stroke-opacity="0.75"
        stroke-width={pageLength(style.widthPx + 2)}
        vector-effect="non-scaling-stroke"
      />
      <path
        d={path}
        stroke={style.color}
        stroke-width={pageLength(style.widthPx)}
        stroke-dasharray={pageDashes(style.dashes)}
        vector-effect="non-scaling-stroke"
      />
    </g>
  );
}

/** Of a label from its middle, CSS pixels: none is cut by the edge of the view. */
const LABEL_PX = 20;

/** Above all lines, so that none goes through it. */
function DoseLabel(props: Omit<LineProps, "level" | "style"> & { readonly level: DoseLevel }) {
  const { lines, drawn, level } = props;
  const label = useComputed(() => {
    const { widthPx, heightPx, mmPerPx } = drawn.value;
    const halfMm = [(widthPx / 2 - LABEL_PX) * mmPerPx, (heightPx / 2 - LABEL_PX) * mmPerPx] as const;
    const place = labelPlace(levelOf(lines.value, level.level), level.toward, halfMm);
    const carried = placing(lines.value, drawn.value);
    return place === null || carried === null
      ? null
      : `${carried} translate(${place.xMm} ${place.yMm}) scale(${drawn.value.mmPerPx})`;
  });
  const transform = useComputed(() => label.value ?? "");
  const display = useComputed(() => (label.value === null ? "none" : "inline"));
  return (
    <text class="line-label" transform={transform} display={display} fill={level.style.color} dy="-3">
      {level.percent} %
    </text>
  );
}

function levelOf(lines: PlaneIsolines | null, level: number) {
  return lines?.isolines.find((isoline) => Math.abs(isoline.level - level) < 1e-6)?.lines ?? [];
}

function placing(lines: PlaneIsolines | null, drawn: Plane): string | null {
  return lines === null ? null : carriedOver(lines.plane, drawn);
}
