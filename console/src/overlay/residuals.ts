/** Where the match was made, and how its regions would still like to move. */

import { depthMm, intoScreen, type Plane, screenFromMm } from "../geometry/planes";
import { add, dot, scale, subtract, type Vec3 } from "../geometry/vector";

/** A region whose arrow is drawn lies within this distance of the plane. */
export const REGION_REACH_MM = 20;

/** A region of the match, in planning LPS. */
export interface RegionResidual {
  readonly centreMm: Vec3;
  readonly shiftMm: Vec3;
}

/** An arrow on the screen, mm from the middle of the picture. */
export interface Arrow {
  readonly fromMm: readonly [number, number];
  readonly toMm: readonly [number, number];
  /** True length of the shift in space. */
  readonly lengthMm: number;
}

/** How much longer arrows are drawn than they are: the largest round factor whose longest arrow fits. */
export function arrowScale(longestMm: number): number {
  return [20, 10, 5, 2].find((factor) => longestMm * factor <= 30) ?? 1;
}

/** The arrows of the regions near a plane. */
export function arrowsOf(plane: Plane, regions: readonly RegionResidual[], factor: number): readonly Arrow[] {
  return regions
    .filter(({ centreMm }) => Math.abs(depthMm(plane, centreMm)) <= REGION_REACH_MM)
    .map(({ centreMm, shiftMm }) => ({
      fromMm: onPlane(plane, centreMm),
      toMm: onPlane(plane, add(centreMm, scale(shiftMm, factor))),
      lengthMm: Math.hypot(...shiftMm),
    }));
}

function onPlane(plane: Plane, pointMm: Vec3): readonly [number, number] {
  const offsetMm = subtract(pointMm, plane.centreMm);
  return [dot(offsetMm, plane.right), dot(offsetMm, plane.down)];
}

/** A box along the axes of planning LPS. */
export interface Box {
  readonly centreMm: Vec3;
  readonly sizeMm: Vec3;
}

/**
 * The corners of the cut of a plane through a box, in order around it, in mm from the middle of the picture.
 *
 * Empty where the plane misses the box.
 */
export function boxCut(plane: Plane, box: Box): readonly (readonly [number, number])[] {
  const cuts = EDGES.flatMap(([from, to]) => cutOfEdge(plane, corner(box, from), corner(box, to)));
  const middle = cuts.reduce((sum, [x, y]) => [sum[0] + x / cuts.length, sum[1] + y / cuts.length] as const, [
    0, 0,
  ] as readonly [number, number]);
  const angle = ([x, y]: readonly [number, number]) => Math.atan2(y - middle[1], x - middle[0]);
  return cuts.length < 3 ? [] : [...cuts].sort((a, b) => angle(a) - angle(b));
}

/** The twelve edges, by the corners' numbers; bit b of a number is the side along axis b. */
const EDGES: readonly (readonly [number, number])[] = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((from) =>
  [1, 2, 4].filter((bit) => (from & bit) === 0).map((bit) => [from, from | bit] as const),
);

function corner(box: Box, number: number): Vec3 {
  const side = (axis: 0 | 1 | 2) =>
    box.centreMm[axis] + ((number >> axis) & 1 ? 0.5 : -0.5) * box.sizeMm[axis];
  return [side(0), side(1), side(2)];
}

function cutOfEdge(plane: Plane, a: Vec3, b: Vec3): (readonly [number, number])[] {
  const into = intoScreen(plane);
  const depthA = dot(subtract(a, plane.centreMm), into);
  const depthB = dot(subtract(b, plane.centreMm), into);
  // Half open, so that a corner that lies in the plane is found once for each of its crossing edges at most.
  if (depthA < 0 === depthB < 0) {
    return [];
  }
  const share = depthA / (depthA - depthB);
  return [onPlane(plane, add(a, scale(subtract(b, a), share)))];
}

/** Where the middle of the picture's overlay is: overlays are drawn in mm about it. */
export function overlayTransform(plane: Plane): string {
  const factor = 1 / plane.mmPerPx;
  return `translate(${plane.widthPx / 2} ${plane.heightPx / 2}) scale(${factor})`;
}

/** Place of a point on a view, CSS pixels. */
export function placeOf(plane: Plane, pointMm: Vec3): readonly [number, number] {
  const { xPx, yPx } = screenFromMm(plane, pointMm);
  return [xPx, yPx];
}
