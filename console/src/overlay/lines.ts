/** Lines of the engine as paths of SVG. */

/** A line on a plane, alternating x to the right and y down, mm from the middle of the picture. */
export interface LineMm {
  readonly closed: boolean;
  readonly xyMm: Float32Array;
}

/** Digits behind the point of a path: a hundredth of a millimetre is far below any pixel. */
const DIGITS = 100;

/**
 * Write lines as the `d` of one path, in mm from the middle of the picture.
 *
 * In millimetres and not in pixels, so that a zoom changes the transform of a group and no path.
 */
export function pathOf(lines: readonly LineMm[]): string {
  let path = "";
  for (const { xyMm, closed } of lines) {
    if (xyMm.length < 4) {
      continue;
    }
    for (let at = 0; at + 1 < xyMm.length; at += 2) {
      const x = Math.round(xyMm[at]! * DIGITS) / DIGITS;
      const y = Math.round(xyMm[at + 1]! * DIGITS) / DIGITS;
      path += `${at === 0 ? "M" : "L"}${x} ${y}`;
    }
    path += closed ? "Z" : "";
  }
  return path;
}

/** A place for a label. */
export interface LabelPlace {
  readonly xMm: number;
  readonly yMm: number;
}

/**
 * Where a line is labelled: at the end of its longest part towards one side, as far as it is in the picture.
 *
 * Levels that lie close together are labelled towards different sides, so that none hides another.
 */
export function labelPlace(
  lines: readonly LineMm[],
  toward: readonly [number, number],
  halfMm: readonly [number, number],
): LabelPlace | null {
  const longest = lines.reduce<LineMm | null>(
    (best, line) => (best === null || line.xyMm.length > best.xyMm.length ? line : best),
    null,
  );
  let [found, farthest]: [LabelPlace | null, number] = [null, Number.NEGATIVE_INFINITY];
  for (let at = 0; longest !== null && at + 1 < longest.xyMm.length; at += 2) {
    const [xMm, yMm] = [longest.xyMm[at]!, longest.xyMm[at + 1]!];
    const along = xMm * toward[0] + yMm * toward[1];
    if (along > farthest && Math.abs(xMm) < halfMm[0] && Math.abs(yMm) < halfMm[1]) {
      [found, farthest] = [{ xMm, yMm }, along];
    }
  }
  return found;
}
