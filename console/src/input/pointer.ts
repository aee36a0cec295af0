/** Pointer arithmetic: which gesture a press begins, and what a distance on the screen is in the patient. */

import type { ScreenShift } from "../geometry/motion";
import type { Plane, ScreenPoint } from "../geometry/planes";

/** What a press of a button begins. */
export type Gesture = "crosshair" | "window" | "move" | "pan" | "zoom";

/** The part of a pointer event that decides. */
export interface Press {
  readonly button: number;
  readonly shiftKey: boolean;
}

/** What the left button is for now. */
export interface LeftButton {
  readonly isMatching: boolean;
  readonly isWindowing: boolean;
}

/** Choose the gesture of a press; null for buttons without one. */
export function gestureOf(press: Press, left: LeftButton): Gesture | null {
  if (press.button === 2) {
    return "zoom";
  }
  if (press.button === 1 || (press.button === 0 && press.shiftKey)) {
    return "pan";
  }
  if (press.button !== 0) {
    return null;
  }
  // The window is the narrower wish of the two: the frame of the match mode stays, and W leaves it.
  if (left.isWindowing) {
    return "window";
  }
  return left.isMatching ? "move" : "crosshair";
}

/** Whether a press is for a button that lies over a view: taking the pointer would take its click. */
export function isForControl(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("button, a, input, select") !== null;
}

/** A drag by CSS pixels as a shift in the plane, mm. */
export function dragShift(plane: Pick<Plane, "mmPerPx">, rightPx: number, downPx: number): ScreenShift {
  return { rightMm: rightPx * plane.mmPerPx, downMm: downPx * plane.mmPerPx, intoMm: 0 };
}

/** Turn on the screen from one place to another about a pivot, degrees, clockwise positive, within ±180. */
export function turnDeg(pivot: ScreenPoint, from: ScreenPoint, to: ScreenPoint): number {
  const before = Math.atan2(from.yPx - pivot.yPx, from.xPx - pivot.xPx);
  const after = Math.atan2(to.yPx - pivot.yPx, to.xPx - pivot.xPx);
  // The screen's y points down, so a growing angle is clockwise.
  const turned = ((after - before) * 180) / Math.PI;
  return turned - 360 * Math.round(turned / 360);
}

/** Factor of a zoom by dragging: up is nearer, 100 pixels are a factor of two. */
export function zoomOfDrag(downPx: number): number {
  return 2 ** (-downPx / 100);
}

/** Factor of a zoom by the wheel: one notch (100 units) is a fifth. */
export function zoomOfWheel(deltaY: number): number {
  return 1.2 ** (-Math.max(-300, Math.min(300, deltaY)) / 100);
}

/** Window centre and width after a drag: sideways is wider, up is a higher centre (brighter at less). */
export function windowOfDrag(
  window: { readonly centreHu: number; readonly widthHu: number },
  rightPx: number,
  downPx: number,
): { readonly centreHu: number; readonly widthHu: number } {
  // A step in proportion to the width is as fine for bone as for soft tissue.
  const huPerPx = Math.max(1, window.widthHu / 250);
  return {
    centreHu: Math.round(window.centreHu - downPx * huPerPx),
    widthHu: Math.max(1, Math.round(window.widthHu + rightPx * huPerPx)),
  };
}
