import type uPlot from "uplot";
import type { MotionDrawn } from "../state/motion";
import type { GateWord, RoomPast } from "../state/rooms";
import type { Stretch } from "../state/stretches";
import { MOTION_AXES } from "./motionAxes";

/** So many standard deviations are drawn to each side: about 95 of 100 errors are smaller. */
export const BAND_SIGMAS = 2;

/** What is drawn under and beside the lines. */
export interface MotionMarks {
  drawn: MotionDrawn;
  past: RoomPast;
  gateMm: number | null;
  /** Time of the service now, s since 1970. */
  nowS: number;
}

export const token = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A part of the picture in which nothing is drawn beside the chart. */
function clipped(plot: uPlot, draw: (ctx: CanvasRenderingContext2D) => void): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw(ctx);
  ctx.restore();
}

/** The band inside which the beam may be on, with its edges. */
function drawGate(plot: uPlot, gateMm: number): void {
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

const HELD: ReadonlySet<GateWord> = new Set(["hold", "re-align", "stopped"]);

/** The stretches of a kind as edges in the picture, px. */
function edgesOf<Kind extends string>(
  plot: uPlot,
  stretches: readonly Stretch<Kind>[],
  nowS: number,
  isWanted: (kind: Kind) => boolean,
): [number, number][] {
  return stretches
    .filter(({ kind }) => isWanted(kind))
    .map(({ fromS, untilS }) => [
      plot.valToPos(fromS - nowS, "x", true),
      plot.valToPos(untilS - nowS, "x", true),
    ]);
}

/** The times in which the gate held the beam, hatched; those in which there was beam, a bar at the foot. */
function drawTimes(plot: uPlot, { past, nowS }: MotionMarks): void {
  const { bbox } = plot;
  const step = 8 * devicePixelRatio;
  clipped(plot, (ctx) => {
    ctx.strokeStyle = token("--hold");
    ctx.lineWidth = devicePixelRatio;
    for (const [left, right] of edgesOf(plot, past.gate.all, nowS, (word) => HELD.has(word))) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, bbox.top, Math.max(1, right - left), bbox.height);
      ctx.clip();
      ctx.globalAlpha = 0.45;
      ctx.beginPath();
      for (let x = left - bbox.height - ((left - bbox.height) % step); x < right; x += step) {
        ctx.moveTo(x, bbox.top + bbox.height);
        ctx.lineTo(x + bbox.height, bbox.top);
      }
      ctx.stroke();
      ctx.restore();
    }
    ctx.fillStyle = token("--beam");
    const thick = 6 * devicePixelRatio;
    for (const [left, right] of edgesOf(plot, past.beam.all, nowS, (word) => word === "on")) {
      ctx.fillRect(left, bbox.top + bbox.height - thick, Math.max(1, right - left), thick);
    }
  });
}

/** Where each axis may be by how well it is known, as a band under its line. */
function drawBands(plot: uPlot, { lines, sigmasMm }: MotionDrawn): void {
  const [times, ...places] = lines;
  clipped(plot, (ctx) => {
    ctx.globalAlpha = 0.28;
    for (const [axis, { token: color }] of MOTION_AXES.entries()) {
      ctx.fillStyle = token(color);
      for (const [from, until] of wholeParts(places[axis] ?? [], sigmasMm[axis] ?? [])) {
        fillBand(plot, ctx, { times, place: places[axis] ?? [], sigma: sigmasMm[axis] ?? [] }, from, until);
      }
    }
  });
}

/** First and last index of each part without a gap. */
export function wholeParts(
  place: readonly (number | null)[],
  sigma: readonly (number | null)[],
): [number, number][] {
  const found: [number, number][] = [];
  for (const [index, value] of place.entries()) {
    if (value === null || sigma[index] == null) {
      continue;
    }
    const last = found.at(-1);
    if (last !== undefined && last[1] === index - 1) {
      last[1] = index;
    } else {
      found.push([index, index]);
    }
  }
  return found;
}

function fillBand(
  plot: uPlot,
  ctx: CanvasRenderingContext2D,
  columns: { times: number[]; place: (number | null)[]; sigma: (number | null)[] },
  from: number,
  until: number,
): void {
  const { times, place, sigma } = columns;
  const point = (index: number, sign: number): [number, number] => [
    plot.valToPos(times[index] ?? 0, "x", true),
    plot.valToPos((place[index] ?? 0) + sign * BAND_SIGMAS * (sigma[index] ?? 0), "y", true),
  ];
  ctx.beginPath();
  if (from === until) {
    const [x, top] = point(from, 1);
    const half = 2 * devicePixelRatio;
    ctx.rect(x - half, top, 2 * half, point(from, -1)[1] - top);
  }
  for (let index = from; index <= until; index += 1) {
    ctx.lineTo(...point(index, 1));
  }
  for (let index = until; index >= from; index -= 1) {
    ctx.lineTo(...point(index, -1));
  }
  ctx.fill();
}

/** Draw what lies under the lines. */
export function drawMarks(plot: uPlot, marks: MotionMarks): void {
  if (marks.gateMm !== null) {
    drawGate(plot, marks.gateMm);
  }
  drawBands(plot, marks.drawn);
  drawTimes(plot, marks);
}
