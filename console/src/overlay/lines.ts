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

/** Where a line is labelled: at the upper end of its longest part, so that labels of nested lines part. */
export function labelPlace(lines: readonly LineMm[]): LabelPlace | null {
  const longest = lines.reduce<LineMm | null>(
    (best, line) => (best === null || line.xyMm.length > best.xyMm.length ? line : best),
    null,
  );
  if (longest === null || longest.xyMm.length < 4) {
    return null;
  }
  let top = 0;
  for (let at = 2; at + 1 < longest.xyMm.length; at += 2) {
    top = longest.xyMm[at + 1]! < longest.xyMm[top + 1]! ? at : top;
  }
  return { xMm: longest.xyMm[top]!, yMm: longest.xyMm[top + 1]! };
}
