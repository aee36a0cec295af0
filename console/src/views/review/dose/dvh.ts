/** Dose-volume histograms as the page draws them: paths, ends of the axis, and what they say at a dose. */

/** A cumulative histogram in percent, at every step of dose from 0 on; nothing gets more than its last step. */
export type Curve = readonly number[];

/** Where a value lies on the screen. */
export interface Axes {
  readonly x: (doseGy: number) => number;
  readonly y: (percent: number) => number;
}

/** Share of the volume that gets at least a dose, in percent; nothing lies beyond the end of a curve. */
export function percentAt(curve: Curve, stepGy: number, doseGy: number): number {
  const at = doseGy / stepGy;
  const below = Math.floor(at);
  const [from, to] = [curve[below], curve[below + 1] ?? 0];
  if (from === undefined || at < 0) {
    return at < 0 ? 100 : 0;
  }
  return from + (at - below) * (to - from);
}

/** The `d` of a curve; an empty one has none. */
export function curvePath(curve: Curve, stepGy: number, { x, y }: Axes): string {
  const points = curve.map((percent, at) => `${round(x(at * stepGy))} ${round(y(percent))}`);
  return points.length === 0 ? "" : `M${points.join("L")}`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Distances of the ticks of an axis of dose, as parts of a power of ten. */
const PARTS = [1, 2, 2.5, 5, 10] as const;
const MOST_TICKS = 10;

/** Where an axis that holds all curves ends, and how far apart its ticks are: round numbers. */
export function doseAxis(curves: readonly Curve[], stepGy: number): { endGy: number; tickGy: number } {
  const longest = Math.max(2, ...curves.map((curve) => curve.length));
  const largestGy = (longest - 1) * stepGy;
  const size = 10 ** Math.floor(Math.log10(largestGy / MOST_TICKS));
  const tickGy = PARTS.map((part) => part * size).find((one) => largestGy / one <= MOST_TICKS) ?? 10 * size;
  return { endGy: Math.ceil(largestGy / tickGy - 1e-9) * tickGy, tickGy };
}

/** Ticks from 0 to the end of an axis. */
export function ticksOf({ endGy, tickGy }: { endGy: number; tickGy: number }): readonly number[] {
  return Array.from({ length: Math.round(endGy / tickGy) + 1 }, (_one, at) => at * tickGy);
}

/** Decimals in which ticks are told apart and none is rounded. */
export const decimalsOf = (tickGy: number): number =>
  [0, 1, 2].find(
    (decimals) => Math.abs(tickGy * 10 ** decimals - Math.round(tickGy * 10 ** decimals)) < 1e-9,
  ) ?? 3;
