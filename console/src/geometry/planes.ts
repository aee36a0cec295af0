/**
 * Picture planes in planning LPS, and how positions get onto the screen.
 *
 * Screen coordinates are pixels from the upper left corner of the picture: the middle of the first pixel is at
 * (0.5, 0.5). Planes follow the anatomy whatever the patient position or the axes of an image: axial seen from
 * the feet with the patient's right on the left of the screen, coronal from the front, sagittal from the
 * patient's left.
 */

import { add, cross, dot, opposite, scale, subtract, type Vec3 } from "./vector";

/** Which way a standard plane looks. */
export type Orientation = "axial" | "coronal" | "sagittal";

/** A picture plane: what lies in its middle, its directions and its size. */
export interface Plane {
  /** What lies in the middle of the picture, planning LPS. */
  readonly centreMm: Vec3;
  /** Unit vector along increasing picture columns. */
  readonly right: Vec3;
  /** Unit vector along increasing picture rows, at a right angle to `right`. */
  readonly down: Vec3;
  /** Distance of neighbouring pixels, the same along both axes. */
  readonly mmPerPx: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** A position on the screen, in pixels from the upper left corner of the picture. */
export interface ScreenPoint {
  readonly xPx: number;
  readonly yPx: number;
}

const DIRECTIONS: Record<Orientation, readonly [right: Vec3, down: Vec3]> = {
  axial: [
    [1, 0, 0],
    [0, 1, 0],
  ],
  coronal: [
    [1, 0, 0],
    [0, 0, -1],
  ],
  sagittal: [
    [0, 1, 0],
    [0, 0, -1],
  ],
};

/** The plane of an orientation through a point. */
export function planeThrough(
  orientation: Orientation,
  centreMm: Vec3,
  size: { readonly mmPerPx: number; readonly widthPx: number; readonly heightPx: number },
): Plane {
  const [right, down] = DIRECTIONS[orientation];
  return { centreMm, right, down, ...size };
}

/** Unit vector into the screen, away from the viewer. */
export function intoScreen(plane: Plane): Vec3 {
  return cross(plane.right, plane.down);
}

/** Where a position appears on the screen; its distance from the plane plays no part. */
export function screenFromMm(plane: Plane, xyzMm: Vec3): ScreenPoint {
  const offsetMm = subtract(xyzMm, plane.centreMm);
  return {
    xPx: dot(offsetMm, plane.right) / plane.mmPerPx + plane.widthPx / 2,
    yPx: dot(offsetMm, plane.down) / plane.mmPerPx + plane.heightPx / 2,
  };
}

/** The position in the plane at a point of the screen. */
export function mmFromScreen(plane: Plane, point: ScreenPoint): Vec3 {
  const rightMm = (point.xPx - plane.widthPx / 2) * plane.mmPerPx;
  const downMm = (point.yPx - plane.heightPx / 2) * plane.mmPerPx;
  return add(plane.centreMm, add(scale(plane.right, rightMm), scale(plane.down, downMm)));
}

/** Signed distance of a position from the plane, positive behind the screen. */
export function depthMm(plane: Plane, xyzMm: Vec3): number {
  return dot(subtract(xyzMm, plane.centreMm), intoScreen(plane));
}

/** Letters of the sides of the body at the four edges of a picture. */
export interface EdgeLetters {
  readonly left: string;
  readonly right: string;
  readonly top: string;
  readonly bottom: string;
}

const LETTERS = [
  ["R", "L"],
  ["A", "P"],
  ["F", "H"],
] as const;

/** Letter of the side of the body that a direction in LPS points to: R, L, A, P, H or F. */
export function orientationLetter(directionLps: Vec3): string {
  const sizes = directionLps.map(Math.abs);
  const axis = sizes.indexOf(Math.max(...sizes)) as 0 | 1 | 2;
  return LETTERS[axis][directionLps[axis] > 0 ? 1 : 0];
}

/** The letters of a plane, from its directions. */
export function edgeLetters(plane: Plane): EdgeLetters {
  return {
    left: orientationLetter(opposite(plane.right)),
    right: orientationLetter(plane.right),
    top: orientationLetter(opposite(plane.down)),
    bottom: orientationLetter(plane.down),
  };
}

/** The same plane with the content moved by a drag on the screen: the picture follows the pointer. */
export function panned(plane: Plane, rightPx: number, downPx: number): Plane {
  const alongMm = scale(plane.right, -rightPx * plane.mmPerPx);
  return {
    ...plane,
    centreMm: add(plane.centreMm, add(alongMm, scale(plane.down, -downPx * plane.mmPerPx))),
  };
}

/** The same plane magnified by `factor` so that the position under a point of the screen stays there. */
export function zoomed(plane: Plane, factor: number, point: ScreenPoint): Plane {
  const fixedMm = mmFromScreen(plane, point);
  const towardsMm = scale(subtract(plane.centreMm, fixedMm), 1 / factor);
  return { ...plane, mmPerPx: plane.mmPerPx / factor, centreMm: add(fixedMm, towardsMm) };
}

/** The parallel plane that lies deeper by `intoMm` (negative: nearer to the viewer). */
export function scrolled(plane: Plane, intoMm: number): Plane {
  return { ...plane, centreMm: add(plane.centreMm, scale(intoScreen(plane), intoMm)) };
}

/** True if two planes show the same picture area with the same pixels, so that what was cut for one fits the other. */
export function samePlane(a: Plane, b: Plane): boolean {
  return (
    a.mmPerPx === b.mmPerPx &&
    a.widthPx === b.widthPx &&
    a.heightPx === b.heightPx &&
    [0, 1, 2].every(
      (axis) =>
        a.centreMm[axis] === b.centreMm[axis] &&
        a.right[axis] === b.right[axis] &&
        a.down[axis] === b.down[axis],
    )
  );
}
