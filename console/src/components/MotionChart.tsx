import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { steadyMs } from "../state/clock";
import type { MotionColumns, MotionRing } from "../state/motion";
import { plain, signed } from "./format";
import { chartReachMm, MOTION_AXES } from "./motionAxes";

const SHOWN_S = 60;
/** Samples come each 50 ms; a longer silence is a gap. */
const LONGEST_GAP_S = 0.5;
const LEAST_DRAW_MS = 33;

/** What the chart is drawn of. */
export interface MotionSource {
  ring: MotionRing;
  gateMm: number | null;
  /** Time of the service now, s since 1970, from its newest message and the steady clock since. */
  nowS: number;
}

const token = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The band inside which the beam may be on, drawn under the lines, with its edges. */
function drawGate(plot: uPlot, gateMm: number | null): void {
  if (gateMm === null) {
    return;
  }
  const { ctx, bbox } = plot;
  const top = plot.valToPos(gateMm, "y", true);
  const bottom = plot.valToPos(-gateMm, "y", true);
  ctx.save();
  ctx.fillStyle = token("--good-fill");
  ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  ctx.strokeStyle = token("--good");
  ctx.lineWidth = Math.max(1, devicePixelRatio);
  ctx.strokeRect(bbox.left - 5, top, bbox.width + 10, bottom - top);
  ctx.restore();
}

function optionsOf(width: number, height: number, gate: () => number | null): uPlot.Options {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const axis: uPlot.Axis = {
    stroke: token("--dim"),
    grid: { stroke: token("--line"), width: 1 },
    ticks: { stroke: token("--line"), width: 1 },
    font: `${Math.round(rem * 0.8)}px ${token("--font")}`,
  };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      x: { time: false, range: () => [-SHOWN_S, 0] },
      y: { range: (_plot, low, high) => [low, high] },
    },
    axes: [
      {
        ...axis,
        size: rem * 1.9,
        space: rem * 5,
        values: (_plot, ticks) => ticks.map((tick) => (tick === 0 ? "now" : `${plain(tick, 0)} s`)),
      },
      {
        ...axis,
        size: rem * 3.4,
        space: rem * 2,
        values: (_plot, ticks) => ticks.map((tick) => signed(tick, Number.isInteger(tick) ? 0 : 1)),
      },
    ],
    series: [
      {},
      ...MOTION_AXES.map(({ short, token: color, dash }) => ({
        label: short,
        stroke: token(color),
        width: rem * 0.14,
        dash: dash.map((length) => length),
        spanGaps: false,
        points: { show: false },
      })),
    ],
    hooks: { drawAxes: [(plot) => drawGate(plot, gate())] },
  };
}

function largestMm([, ...axes]: MotionColumns): number {
  let largest = 0;
  for (const axis of axes) {
    for (const value of axis) {
      largest = Math.max(largest, Math.abs(value ?? 0));
    }
  }
  return largest;
}

/** Draw what is new, as often as the screen and the data allow; returns what ends it. */
function animate(plot: uPlot, source: () => MotionSource | null): () => void {
  let frame = 0;
  let drawnMs = 0;
  const draw = () => {
    frame = requestAnimationFrame(draw);
    const now = source();
    if (now === null || steadyMs() - drawnMs < LEAST_DRAW_MS) {
      return;
    }
    drawnMs = steadyMs();
    const columns = now.ring.columns(now.nowS - SHOWN_S, now.nowS, LONGEST_GAP_S);
    const reach = chartReachMm(largestMm(columns), now.gateMm);
    plot.batch(() => {
      plot.setData(columns, false);
      plot.setScale("x", { min: -SHOWN_S, max: 0 });
      plot.setScale("y", { min: -reach, max: reach });
    });
  };
  frame = requestAnimationFrame(draw);
  return () => cancelAnimationFrame(frame);
}

/**
 * The last minute of the target, mm from where it should be.
 *
 * @param source - Asked at every frame; null draws nothing new.
 */
export function MotionChart({ source }: { source: () => MotionSource | null }) {
  const frame = useRef<HTMLDivElement>(null);
  const latest = useRef(source);
  latest.current = source;
  useEffect(() => {
    const place = frame.current;
    if (place === null) {
      return;
    }
    const gate = () => latest.current()?.gateMm ?? null;
    const plot = new uPlot(
      optionsOf(place.clientWidth, place.clientHeight, gate),
      [[], [], [], []] satisfies MotionColumns,
      place,
    );
    const observer = new ResizeObserver(() => {
      plot.setSize({ width: place.clientWidth, height: place.clientHeight });
    });
    observer.observe(place);
    const end = animate(plot, () => latest.current());
    return () => {
      end();
      observer.disconnect();
      plot.destroy();
    };
  }, []);
  return (
    <div
      ref={frame}
      class="motion-chart"
      role="img"
      aria-label="Chart of the last 60 seconds of the target position, mm; the values now are written beside it."
    />
  );
}
