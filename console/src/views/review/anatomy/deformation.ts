/** The deformation in a plane: lines that the tissue took along, and arrows from where it was planned to today. */

import type { Plane } from "../../../geometry/planes";
import { add, dot, scale, subtract, type Vec3 } from "../../../geometry/vector";
import type { LineMm } from "../../../overlay/lines";
import type { Field } from "./field";

/** Lines are this far apart, or a larger one of these where they would run into each other. */
const SPACINGS_MM = [5, 10, 20, 40, 80] as const;
/** CSS pixels between lines at least, and between arrows. */
const LEAST_GRID_PX = 12;
const LEAST_ARROW_PX = 24;
/** A line is bent so often between two crossings. */
const PARTS = 3;
/** Shorter displacements are no arrow: the field is not known better. */
const LEAST_MM = 0.3;

/** Distance of neighbouring lines: a round number of mm, and not too dense on the screen. */
export function spacingMm(mmPerPx: number, leastPx = LEAST_GRID_PX): number {
  return SPACINGS_MM.find((mm) => mm >= leastPx * mmPerPx) ?? 80;
}

/** Along one direction of a plane: the multiples of a step, from the anchor, that lie in the picture. */
function steps(middleMm: number, halfMm: number, stepMm: number): readonly number[] {
  const first = Math.ceil((middleMm - halfMm) / stepMm);
  const last = Math.floor((middleMm + halfMm) / stepMm);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => (first + at) * stepMm - middleMm);
}

/** Places of a lattice that stays with the tissue when the picture is moved, mm from the middle of the picture. */
function lattice(plane: Plane, anchorMm: Vec3, stepMm: number) {
  const fromAnchor = subtract(plane.centreMm, anchorMm);
  const along = (axis: Vec3, px: number) => steps(dot(fromAnchor, axis), (px * plane.mmPerPx) / 2, stepMm);
  return { across: along(plane.right, plane.widthPx), down: along(plane.down, plane.heightPx) };
}

const placeMm = (plane: Plane, x: number, y: number): Vec3 =>
  add(plane.centreMm, add(scale(plane.right, x), scale(plane.down, y)));

/** Where the tissue planned at a place of the plane is today, as the plane shows it; null where nothing is known. */
function movedMm(plane: Plane, field: Field, x: number, y: number): readonly [number, number] | null {
  const found = field.at(placeMm(plane, x, y));
  return found === null ? null : [x + dot(found.shiftMm, plane.right), y + dot(found.shiftMm, plane.down)];
}

/**
 * A square grid drawn on the plan, as the tissue has carried it to today: mm from the middle of the picture.
 *
 * What moves through the plane is not seen; the arrows of another plane show it.
 *
 * @param anchorMm - A crossing of its lines, planning LPS.
 */
export function gridLines(plane: Plane, field: Field, anchorMm: Vec3): readonly LineMm[] {
  const fine = spacingMm(plane.mmPerPx) / PARTS;
  const { across, down } = lattice(plane, anchorMm, fine);
  const origin = subtract(plane.centreMm, anchorMm);
  const isLine = (mm: number, axis: Vec3) => Math.round((mm + dot(origin, axis)) / fine) % PARTS === 0;
  const rows = down.filter((y) => isLine(y, plane.down));
  const columns = across.filter((x) => isLine(x, plane.right));
  return [
    ...rows.flatMap((y) => pieces(across.map((x) => movedMm(plane, field, x, y)))),
    ...columns.flatMap((x) => pieces(down.map((y) => movedMm(plane, field, x, y)))),
  ];
}

/** The parts of a line between places where nothing is known. */
function pieces(points: readonly (readonly [number, number] | null)[]): readonly LineMm[] {
  const found: number[][] = [[]];
  for (const point of points) {
    if (point === null) {
      found.push([]);
    } else {
      found.at(-1)!.push(point[0], point[1]);
    }
  }
  return found
    .filter((piece) => piece.length >= 4)
    .map((piece) => ({ closed: false, xyMm: Float32Array.from(piece) }));
}

/** An arrow in a plane, mm from the middle of the picture. */
export interface ShiftArrow {
  readonly fromMm: readonly [number, number];
  readonly toMm: readonly [number, number];
  /** Length in space, not as drawn. */
  readonly lengthMm: number;
}

/**
 * Arrows from where tissue was planned to where it is today.
 *
 * @param factor - How much longer they are drawn than they are.
 */
export function shiftArrows(
  plane: Plane,
  field: Field,
  anchorMm: Vec3,
  factor: number,
): readonly ShiftArrow[] {
  const { across, down } = lattice(plane, anchorMm, spacingMm(plane.mmPerPx, LEAST_ARROW_PX));
  return down.flatMap((y) =>
    across.flatMap((x): readonly ShiftArrow[] => {
      const found = field.at(placeMm(plane, x, y));
      if (found === null || Math.hypot(...found.shiftMm) < LEAST_MM) {
        return [];
      }
      const toMm = [
        x + factor * dot(found.shiftMm, plane.right),
        y + factor * dot(found.shiftMm, plane.down),
      ] as const;
      return [{ fromMm: [x, y], toMm, lengthMm: Math.hypot(...found.shiftMm) }];
    }),
  );
}

/** Arrows as the `d` of one path: a shaft, and a head that is as large on the screen whatever the zoom. */
export function arrowsPath(arrows: readonly ShiftArrow[], mmPerPx: number): string {
  const mm = (value: number) => Math.round(value * 100) / 100;
  return arrows
    .map(({ fromMm, toMm }) => {
      const [dx, dy] = [toMm[0] - fromMm[0], toMm[1] - fromMm[1]];
      const length = Math.hypot(dx, dy);
      const head = Math.min(5 * mmPerPx, 0.5 * length);
      const [ux, uy] = length === 0 ? [0, 0] : [dx / length, dy / length];
      const barb = (side: number) =>
        `${mm(toMm[0] - head * (ux - side * 0.5 * uy))} ${mm(toMm[1] - head * (uy + side * 0.5 * ux))}`;
      return (
        `M${mm(fromMm[0])} ${mm(fromMm[1])}L${mm(toMm[0])} ${mm(toMm[1])}` +
        (length < mmPerPx ? "" : `M${barb(1)}L${mm(toMm[0])} ${mm(toMm[1])}L${barb(-1)}`)
      );
    })
    .join("");
}
