/** A ruler of a round length. */

const LENGTHS_MM = [1, 2, 5, 10, 20, 50, 100, 200, 500] as const;

/** A ruler on the screen. */
export interface Ruler {
  readonly lengthMm: number;
  readonly lengthPx: number;
  /** Distance of its marks. */
  readonly markMm: number;
}

/** The longest round ruler that fits into a share of the view; the shortest one where none does. */
export function rulerOf(mmPerPx: number, viewPx: number, share = 0.3): Ruler {
  const mostMm = viewPx * share * mmPerPx;
  const lengthMm = LENGTHS_MM.findLast((mm) => mm <= mostMm) ?? LENGTHS_MM[0];
  return { lengthMm, lengthPx: lengthMm / mmPerPx, markMm: lengthMm >= 10 ? 10 : 1 };
}
