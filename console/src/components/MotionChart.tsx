import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { steadyMs } from "../state/clock";
import type { MotionColumns, MotionDrawn } from "../state/motion";
import type { RoomPast } from "../state/rooms";
import { plain, signed } from "./format";
import { chartReachMm, isSeldom, MOTION_AXES } from "./motionAxes";
import { BAND_SIGMAS, drawMarks, type MotionMarks, token } from "./motionMarks";

const SHOWN_S = 60;
/** A longer silence of the target is a gap. */
const LONGEST_GAP_S = 1;
const LEAST_DRAW_MS = 33;

/** What the chart is drawn of. */
export interface MotionSource {
  past: RoomPast;
  gateMm: number | null;
  /** Time of the service now, s since 1970, from its newest message and the steady clock since. */
  nowS: number;
}

function optionsOf(width: number, height: number, marks: () => MotionMarks | null): uPlot.Options {
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
        points: { show: (plot: uPlot) => isSeldom(plot.data[0]), size: rem * 0.3, fill: token(color) },
      })),
    ],
    hooks: {
      drawAxes: [
        (plot) => {
          const now = marks();
          if (now !== null) {
            drawMarks(plot, now);
          }
        },
      ],
    },
  };
}

/** The farthest that a line or its band reaches, mm. */
function largestMm({ lines: [, ...axes], sigmasMm }: MotionDrawn): number {
  let largest = 0;
  for (const [axis, places] of axes.entries()) {
    for (const [index, place] of places.entries()) {
      const band = BAND_SIGMAS * (sigmasMm[axis]?.[index] ?? 0);
      largest = Math.max(largest, Math.abs(place ?? 0) + (place === null ? 0 : band));
    }
  }
  return largest;
}

/** Draw what is new, as often as the screen and the data allow; returns what ends it. */
function animate(
  plot: uPlot,
  marks: { now: MotionMarks | null },
  source: () => MotionSource | null,
): () => void {
  let frame = 0;
  let drawnMs = 0;
  const draw = () => {
    frame = requestAnimationFrame(draw);
    const now = source();
    if (now === null || steadyMs() - drawnMs < LEAST_DRAW_MS) {
      return;
    }
    drawnMs = steadyMs();
    const drawn = now.past.motion.columns(now.nowS - SHOWN_S, now.nowS, LONGEST_GAP_S);
    marks.now = { ...now, drawn };
    const reach = chartReachMm(largestMm(drawn), now.gateMm);
    plot.batch(() => {
      plot.setData(drawn.lines, false);
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
    const marks: { now: MotionMarks | null } = { now: null };
    const plot = new uPlot(
      optionsOf(place.clientWidth, place.clientHeight, () => marks.now),
      [[], [], [], []] satisfies MotionColumns,
      place,
    );
    const observer = new ResizeObserver(() => {
      plot.setSize({ width: place.clientWidth, height: place.clientHeight });
    });
    observer.observe(place);
    const end = animate(plot, marks, () => latest.current());
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
