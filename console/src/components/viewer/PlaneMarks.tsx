import { type ReadonlySignal, useComputed } from "@preact/signals";
import { couchCorrection } from "../../geometry/correction";
import { type Plane, screenFromMm } from "../../geometry/planes";
import { arrowScale, arrowsOf, boxCut } from "../../overlay/residuals";
import { ellipseWords, isocentreEllipse } from "../../overlay/uncertainty";
import { correctionOf, type SixDocument } from "../../state/poseNumbers";
import type { AlignSession } from "../../views/align/alignSession";
import { three } from "../../views/align/documents";

interface MarksProps {
  readonly session: AlignSession;
  readonly drawn: ReadonlySignal<Plane>;
}

/** The linked crosshair: open in the middle, so that it hides nothing. */
export function Crosshair({ session, drawn }: MarksProps) {
  const path = useComputed(() => {
    const { xPx, yPx } = screenFromMm(drawn.value, session.crosshairMm.value);
    const { widthPx, heightPx } = drawn.value;
    const [x, y] = [xPx.toFixed(1), yPx.toFixed(1)];
    return `M0 ${y}H${xPx - 10}M${xPx + 10} ${y}H${widthPx}M${x} 0V${yPx - 10}M${x} ${yPx + 10}V${heightPx}`;
  });
  return <path class="crosshair" d={path} />;
}

/** Edge of the spyglass, or the line of the split. */
export function FocusMark({ session, drawn }: MarksProps) {
  const path = useComputed(() => {
    const { mode, focusMm, spyglassRadiusMm, splitLine } = session.look.look.value;
    const { xPx, yPx } = screenFromMm(drawn.value, focusMm);
    const { widthPx, heightPx, mmPerPx } = drawn.value;
    if (mode === "spyglass") {
      const r = spyglassRadiusMm / mmPerPx;
      return `M${xPx - r} ${yPx}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
    }
    if (mode === "split") {
      return splitLine === "vertical" ? `M${xPx} 0V${heightPx}` : `M0 ${yPx}H${widthPx}`;
    }
    return "";
  });
  return <path class="focus-mark" d={path} />;
}

/** The plan isocentre, where it lies in this plane or in front of it. */
export function IsocentreMark({ session, drawn }: MarksProps) {
  const transform = useComputed(() => {
    const { xPx, yPx } = screenFromMm(drawn.value, session.planIsocentreMm);
    return `translate(${xPx.toFixed(1)} ${yPx.toFixed(1)})`;
  });
  return (
    <g class="isocentre" transform={transform}>
      <path d="M-12 0H-5M5 0H12M0 -12V-5M0 5V12" />
    </g>
  );
}

/** The arc about the isocentre that turns the day's image; only in match mode. */
export function TurnHandle({ session, drawn }: MarksProps) {
  const display = useComputed(() => (session.isMatching.value ? "inline" : "none"));
  const shape = useComputed(() => {
    const { xPx, yPx } = screenFromMm(drawn.value, session.planIsocentreMm);
    const radius = 0.34 * Math.min(drawn.value.widthPx, drawn.value.heightPx);
    return { place: `translate(${xPx.toFixed(1)} ${yPx.toFixed(1)})`, path: arcPath(radius) };
  });
  const transform = useComputed(() => shape.value.place);
  const path = useComputed(() => shape.value.path);
  return (
    <g class="turn-handle" transform={transform} display={display}>
      <path class="turn-arc" d={path} />
      <path class="turn-grip" data-handle="turn" d={path}>
        <title>Drag along the arc to turn the day's image about the isocentre (Q, E)</title>
      </path>
    </g>
  );
}

/** From -35° to +35° about the top, with a head at either end. */
function arcPath(radius: number): string {
  const at = (angleDeg: number, r: number) => {
    const angleRad = (angleDeg * Math.PI) / 180;
    return `${(r * Math.sin(angleRad)).toFixed(1)} ${(-r * Math.cos(angleRad)).toFixed(1)}`;
  };
  const head = (angleDeg: number, back: number) =>
    `M${at(angleDeg + back, radius - 7)}L${at(angleDeg, radius)}L${at(angleDeg + back, radius + 7)}`;
  const backDeg = 600 / Math.max(60, radius);
  return `M${at(-35, radius)}A${radius} ${radius} 0 0 1 ${at(35, radius)}${head(-35, backDeg)}${head(35, -backDeg)}`;
}

/** Where the match was made. */
export function RegionMark({ session, drawn }: MarksProps) {
  const points = useComputed(() => {
    const figures = session.figures.value;
    if (!session.layers.region.value || !figures?.region_centre_mm || !figures.region_size_mm) {
      return "";
    }
    const box = { centreMm: three(figures.region_centre_mm), sizeMm: three(figures.region_size_mm) };
    return boxCut(drawn.value, box)
      .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`)
      .join(" ");
  });
  return <polygon class="region" points={points} vector-effect="non-scaling-stroke" />;
}

/** How the regions of the match would still like to move. */
export function ResidualArrows({ session, drawn }: MarksProps) {
  const factor = useComputed(() => residualScale(session));
  const path = useComputed(() => {
    const figures = session.figures.value;
    if (!session.layers.residuals.value || figures === null) {
      return "";
    }
    const regions = figures.residuals.map(({ centre_mm, shift_mm }) => ({
      centreMm: three(centre_mm),
      shiftMm: three(shift_mm),
    }));
    return arrowsOf(drawn.value, regions, factor.value)
      .map(({ fromMm, toMm }) => arrowPath(fromMm, toMm, drawn.value.mmPerPx))
      .join("");
  });
  return (
    <g class="residuals">
      <path class="halo" d={path} vector-effect="non-scaling-stroke" />
      <path d={path} vector-effect="non-scaling-stroke" />
    </g>
  );
}

/** How much longer the arrows of the residuals are drawn than they are. */
export function residualScale(session: AlignSession): number {
  const lengths = session.figures.value?.residuals.map(({ shift_mm }) => Math.hypot(...shift_mm)) ?? [];
  return arrowScale(Math.max(0, ...lengths));
}

function arrowPath(from: readonly [number, number], to: readonly [number, number], mmPerPx: number): string {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  const headMm = 6 * mmPerPx;
  const wing = (turn: number) =>
    `${(to[0] - headMm * Math.cos(angle + turn)).toFixed(2)} ${(to[1] - headMm * Math.sin(angle + turn)).toFixed(2)}`;
  const tip = `${to[0].toFixed(2)} ${to[1].toFixed(2)}`;
  return `M${from[0].toFixed(2)} ${from[1].toFixed(2)}L${tip}M${wing(0.5)}L${tip}L${wing(-0.5)}`;
}

/** How sure the match is: what the six standard deviations say about the isocentre in this plane. */
export function UncertaintyMark(
  props: MarksProps & { readonly deviation: ReadonlySignal<SixDocument | null> },
) {
  const { session, drawn, deviation } = props;
  const ellipse = useComputed(() => {
    const six = deviation.value;
    if (six === null || !session.layers.uncertainty.value) {
      return null;
    }
    const { patientPosition } = session.hand.setup;
    const correction = couchCorrection(session.shownPose.value, session.hand.setup);
    return isocentreEllipse(correctionOf(six), correction, patientPosition, drawn.value);
  });
  const display = useComputed(() => (ellipse.value === null ? "none" : "inline"));
  const rx = useComputed(() => (ellipse.value?.longMm ?? 0) / drawn.value.mmPerPx);
  const ry = useComputed(() => (ellipse.value?.shortMm ?? 0) / drawn.value.mmPerPx);
  const transform = useComputed(() => {
    const { xPx, yPx } = screenFromMm(drawn.value, session.planIsocentreMm);
    return `translate(${xPx.toFixed(1)} ${yPx.toFixed(1)}) rotate(${(ellipse.value?.angleDeg ?? 0).toFixed(2)})`;
  });
  const words = useComputed(() => (ellipse.value === null ? "" : ellipseWords(ellipse.value)));
  return (
    <g class="uncertainty" display={display} transform={transform}>
      <ellipse class="halo" rx={rx} ry={ry} />
      <ellipse rx={rx} ry={ry}>
        <title>{words}</title>
      </ellipse>
    </g>
  );
}
