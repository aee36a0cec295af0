/** A value with its standard deviation at a fraction; null where there is none. */
export interface SeriesPoint {
  number: number;
  value: number | null;
  deviation: number | null;
}

/** Ends of an axis that hold all values, zero and the limits, on round numbers. */
export function niceEnds(
  values: readonly number[],
  least: number,
): { low: number; high: number; step: number } {
  const reach = Math.max(least, ...values.map(Math.abs));
  const raw = reach / 2;
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((part) => part * size).find((one) => one >= raw) ?? 10 * size;
  const end = Math.ceil((reach - 1e-9) / step) * step;
  return { low: -end, high: end, step };
}

/** All ends of the whiskers of a series. */
export function endsOf(points: readonly SeriesPoint[]): number[] {
  return points.flatMap(({ value, deviation }) =>
    value === null ? [] : [value - (deviation ?? 0), value + (deviation ?? 0)],
  );
}
