/** How each axis of the target is drawn: its own dash and colour, named the same everywhere. */
export const MOTION_AXES = [
  { short: "LAT", token: "--axis-lateral", dash: [] as number[] },
  { short: "LNG", token: "--axis-longitudinal", dash: [10, 5] },
  { short: "VRT", token: "--axis-vertical", dash: [2, 4] },
] as const;

/** The sample of a line for a legend. */
export const dashOf = (dash: readonly number[]): string => (dash.length === 0 ? "none" : dash.join(" "));

/** Half the height of the chart, mm: all samples and the gate fit, and calm motion is not blown up. */
export function chartReachMm(largestMm: number, gateMm: number | null): number {
  const least = Math.max(3, (gateMm ?? 0) * 1.5);
  const steps = [3, 5, 8, 10, 15, 20, 30, 50, 100, 200];
  const needed = Math.max(least, largestMm * 1.1);
  return steps.find((step) => step >= needed) ?? Math.ceil(needed / 100) * 100;
}

const SELDOM_PER_S = 3;

/** True where samples are so seldom that each is drawn as a dot too; `timesS` of the samples, in order. */
export function isSeldom(timesS: ArrayLike<number>): boolean {
  const lastS = (timesS[timesS.length - 1] ?? 0) - (timesS[0] ?? 0);
  return timesS.length - 1 < lastS * SELDOM_PER_S || timesS.length < 2;
}
