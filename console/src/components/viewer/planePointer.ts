/** What the mouse does in a view of planes. */

import { shiftedOnScreen, turnedOnScreen } from "../../geometry/motion";
import {
  mmFromScreen,
  type Orientation,
  type Plane,
  type ScreenPoint,
  screenFromMm,
} from "../../geometry/planes";
import type { Matrix4 } from "../../geometry/rigid";
import {
  dragShift,
  type Gesture,
  gestureOf,
  isForControl,
  turnDeg,
  zoomOfDrag,
  zoomOfWheel,
} from "../../input/pointer";
import type { AlignSession } from "../../views/align/alignSession";

/** A drag that goes on. */
interface Drag {
  readonly pointerId: number;
  readonly gesture: Gesture | "turn";
  readonly name: string;
  readonly start: ScreenPoint;
  readonly startPlane: Plane;
  readonly startPose: Matrix4;
  last: ScreenPoint;
  turnedDeg: number;
}

/** A notch of a wheel is one slice; touch pads send many small parts of it. */
const NOTCH = 50;

let dragCount = 0;

/** The handlers of one view; `box` is the element that the places are measured in. */
export class PlanePointer {
  readonly #session: AlignSession;
  readonly #orientation: Orientation;
  #drag: Drag | null = null;
  #wheel = 0;

  constructor(session: AlignSession, orientation: Orientation) {
    this.#session = session;
    this.#orientation = orientation;
  }

  /** Begin a drag; the view takes the pointer until it is let go. */
  down = (event: PointerEvent): void => {
    const session = this.#session;
    if (isForControl(event.target)) {
      return;
    }
    session.focused.value = this.#orientation;
    const left = { isMatching: session.isMatching.peek(), isWindowing: session.isWindowing.peek() };
    const gesture =
      isHandle(event) && left.isMatching && event.button === 0 ? "turn" : gestureOf(event, left);
    if (gesture === null || this.#drag !== null) {
      return;
    }
    const box = event.currentTarget as HTMLElement;
    box.setPointerCapture(event.pointerId);
    session.hand.settle();
    dragCount += 1;
    const start = placeIn(box, event);
    this.#drag = {
      pointerId: event.pointerId,
      gesture,
      name: `drag ${dragCount}`,
      start,
      startPlane: session.planes[this.#orientation].plane.peek(),
      startPose: session.hand.pose.peek(),
      last: start,
      turnedDeg: 0,
    };
    if (gesture === "crosshair") {
      session.point(mmFromScreen(this.#drag.startPlane, start));
    }
  };

  /** Go on with the drag; without one, the spyglass follows. */
  move = (event: PointerEvent): void => {
    const place = placeIn(event.currentTarget as HTMLElement, event);
    const drag = this.#drag;
    if (drag === null) {
      this.#hover(place);
    } else if (drag.pointerId === event.pointerId) {
      this.#dragTo(drag, place);
      drag.last = place;
    }
  };

  /** End the drag; a lost pointer ends it where it is. */
  up = (event: PointerEvent): void => {
    if (this.#drag?.pointerId === event.pointerId) {
      this.#drag = null;
      this.#session.hand.settle();
    }
  };

  /** Another slice, or with Ctrl another zoom. */
  wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const box = event.currentTarget as HTMLElement;
    if (event.ctrlKey) {
      this.#session.zoom(this.#orientation, zoomOfWheel(event.deltaY), placeIn(box, event));
      return;
    }
    this.#wheel += event.deltaY;
    if (Math.abs(this.#wheel) >= NOTCH) {
      const intoMm = Math.sign(this.#wheel) * this.#session.sliceMm(this.#orientation);
      this.#wheel = 0;
      this.#session.scroll(this.#orientation, intoMm);
    }
  };

  /** This view alone, or all again. */
  twice = (): void => {
    const { maximised } = this.#session;
    maximised.value = maximised.peek() === this.#orientation ? null : this.#orientation;
  };

  #hover(place: ScreenPoint): void {
    const { look, planes } = this.#session;
    if (look.mode.peek() === "spyglass") {
      look.focusMm.value = mmFromScreen(planes[this.#orientation].plane.peek(), place);
    }
  }

  #dragTo(drag: Drag, place: ScreenPoint): void {
    const session = this.#session;
    const state = session.planes[this.#orientation];
    const [rightPx, downPx] = [place.xPx - drag.start.xPx, place.yPx - drag.start.yPx];
    switch (drag.gesture) {
      case "crosshair":
        session.point(mmFromScreen(state.plane.peek(), place));
        break;
      case "window":
        session.look.dragWindow(place.xPx - drag.last.xPx, place.yPx - drag.last.yPx);
        break;
      case "pan":
        state.pan(drag.startPlane, rightPx, downPx);
        break;
      case "zoom":
        state.zoom(drag.startPlane, zoomOfDrag(downPx), drag.start.xPx, drag.start.yPx);
        break;
      default:
        this.#match(drag, place);
    }
  }

  #match(drag: Drag, place: ScreenPoint): void {
    const { hand, isMatching, planIsocentreMm } = this.#session;
    // Match mode may be left by a key while the button is held: then the hand moves nothing any more.
    if (!isMatching.peek()) {
      return;
    }
    const plane = drag.startPlane;
    if (drag.gesture === "turn") {
      drag.turnedDeg += turnDeg(screenFromMm(plane, planIsocentreMm), drag.last, place);
      hand.move(turnedOnScreen(drag.startPose, plane, drag.turnedDeg, planIsocentreMm), "drag", drag.name);
      return;
    }
    const shift = dragShift(plane, place.xPx - drag.start.xPx, place.yPx - drag.start.yPx);
    hand.move(shiftedOnScreen(drag.startPose, plane, shift), "drag", drag.name);
  }
}

function placeIn(box: HTMLElement, event: MouseEvent): ScreenPoint {
  const { left, top } = box.getBoundingClientRect();
  return { xPx: event.clientX - left, yPx: event.clientY - top };
}

function isHandle(event: PointerEvent): boolean {
  return event.target instanceof SVGElement && event.target.getAttribute("data-handle") === "turn";
}
