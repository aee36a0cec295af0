import type { CourseReview, Six } from "../../api/documents";
import type { SeriesPoint } from "../../components/seriesScale";

type AxisKey = keyof Six;

/** Fractions of one axis as the chart takes them. */
export function seriesOf(
  review: Pick<CourseReview, "fractions">,
  axis: AxisKey,
): { measured: SeriesPoint[]; residual: SeriesPoint[] } {
  const measured = review.fractions.map(({ number, measured: value, deviation }) => ({
    number,
    value: value?.[axis] ?? null,
    deviation: deviation?.[axis] ?? null,
  }));
  const residual = review.fractions.map(({ number, residual: value }) => ({
    number,
    value: value?.[axis] ?? null,
    deviation: null,
  }));
  return { measured, residual };
}

/** Fractions that any chart of an axis signals, each once, in order. */
export function signalsOf(review: Pick<CourseReview, "axes">, axis: AxisKey): number[] {
  const charts = review.axes.find((one) => one.axis === axis)?.charts;
  if (!charts) {
    return [];
  }
  const all = [
    ...charts.individuals_signals,
    ...charts.range_signals,
    ...charts.ewma_signals,
    ...charts.cusum_signals,
  ];
  return [...new Set(all)].sort((one, other) => one - other);
}
