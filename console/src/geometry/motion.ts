/**
 * How the user moves the daily image by hand: along the axes of a view, or about the isocentre.
 *
 * Every function takes a registration and returns the new one. Both are `planningFromDaily`; the motion is made
 * in planning coordinates, so what is seen moves on the screen as the names say.
 */

import { intoScreen, type Plane } from "./planes";
import { compose, type Matrix4, rotationAbout, rotationAboutPoint, translation } from "./rigid";
import { add, scale, type Vec3 } from "./vector";

/** A shift as the viewer of a plane sees it. */
export interface ScreenShift {
  readonly rightMm: number;
  readonly downMm: number;
  /** Away from the viewer. */
  readonly intoMm: number;
}

/** The registration after the daily image was shifted along the axes of a view. */
export function shiftedOnScreen(planningFromDaily: Matrix4, plane: Plane, shift: ScreenShift): Matrix4 {
  const inPlaneMm = add(scale(plane.right, shift.rightMm), scale(plane.down, shift.downMm));
  return compose(translation(add(inPlaneMm, scale(intoScreen(plane), shift.intoMm))), planningFromDaily);
}

/** The registration after the daily image was turned clockwise on the screen about a point of the planning image. */
export function turnedOnScreen(
  planningFromDaily: Matrix4,
  plane: Plane,
  clockwiseDeg: number,
  planIsocentreMm: Vec3,
): Matrix4 {
  // Right-handed about the axis into the screen is clockwise for who looks along it.
  const turn = rotationAbout(intoScreen(plane), clockwiseDeg);
  return compose(rotationAboutPoint(turn, planIsocentreMm), planningFromDaily);
}
