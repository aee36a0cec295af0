/** What the mouse does on a radiograph. */

import type { Matrix4 } from "../../geometry/rigid";
import { type Gesture, gestureOf, isForControl, zoomOfWheel } from "../../input/pointer";
import { type AlignSession, shadowId } from "../../views/align/alignSession";
import type { ViewDocument } from "../../views/align/documents";
import { type ShadowState, shadowShifted } from "../../views/align/shadow";

interface Drag {
  readonly pointerId: number;
  readonly gesture: Gesture;
  readonly name: string;
  readonly startPose: Matrix4;
  readonly mmPerPx: number;
  readonly startX: number;
  readonly startY: number;
  lastX: number;
  lastY: number;
}

let dragCount = 0;

/** The handlers of one radiograph. */
export class ShadowPointer {
  readonly #session: AlignSession;
  readonly #state: ShadowState;
  #drag: Drag | null = null;

  constructor(session: AlignSession, state: ShadowState) {
    this.#session = session;
    this.#state = state;
  }

  down = (event: PointerEvent): void => {
    const session = this.#session;
    if (isForControl(event.target)) {
      return;
    }
    session.focused.value = shadowId(this.#state.view.index);
    const left = { isMatching: session.isMatching.peek(), isWindowing: session.isWindowing.peek() };
    const gesture = gestureOf(event, left);
    const box = event.currentTarget as HTMLElement;
    if (gesture === null || this.#drag !== null) {
      return;
    }
    box.setPointerCapture(event.pointerId);
    session.hand.settle();
    dragCount += 1;
    this.#drag = {
      pointerId: event.pointerId,
      gesture,
      name: `shadow drag ${dragCount}`,
      startPose: session.hand.pose.peek(),
      mmPerPx: this.#mmPerPx(box),
      startX: event.clientX,
      startY: event.clientY,
      lastX: event.clientX,
      lastY: event.clientY,
    };
  };

  move = (event: PointerEvent): void => {
    const session = this.#session;
    const drag = this.#drag;
    if (drag === null || drag.gesture === "crosshair") {
      this.#focus(event);
      return;
    }
    if (drag.pointerId !== event.pointerId) {
      return;
    }
    const axes = this.#state.axes;
    if (drag.gesture === "window") {
      session.look.dragWindow(event.clientX - drag.lastX, event.clientY - drag.lastY);
    } else if (drag.gesture === "move" && axes !== null && session.isMatching.peek()) {
      const rightMm = (event.clientX - drag.startX) * drag.mmPerPx;
      const downMm = (event.clientY - drag.startY) * drag.mmPerPx;
      const pose = shadowShifted(drag.startPose, axes, { rightMm, downMm, intoMm: 0 });
      session.hand.move(pose, "drag", drag.name);
    } else if (drag.gesture === "pan") {
      const [x, y] = session.shadowPanPx.peek();
      session.shadowPanPx.value = [x + event.clientX - drag.lastX, y + event.clientY - drag.lastY];
    } else if (drag.gesture === "zoom") {
      session.zoomFocused(2 ** ((drag.lastY - event.clientY) / 100));
    }
    drag.lastX = event.clientX;
    drag.lastY = event.clientY;
  };

  up = (event: PointerEvent): void => {
    if (this.#drag?.pointerId === event.pointerId) {
      this.#drag = null;
      this.#session.hand.settle();
    }
  };

  wheel = (event: WheelEvent): void => {
    event.preventDefault();
    this.#session.zoomFocused(zoomOfWheel(event.deltaY));
  };

  twice = (): void => {
    const { maximised } = this.#session;
    const id = shadowId(this.#state.view.index);
    maximised.value = maximised.peek() === id ? null : id;
  };

  /** Millimetres at the isocentre for a pixel of the page, with the zoom in it. */
  #mmPerPx(box: HTMLElement): number {
    const canvas = box.querySelector("canvas");
    return canvas === null ? 0 : mmPerPagePx(this.#state.view, canvas.getBoundingClientRect());
  }

  /** Spyglass and split are where the pointer is. */
  #focus(event: PointerEvent): void {
    const canvas = (event.currentTarget as HTMLElement).querySelector("canvas");
    if (canvas === null) {
      return;
    }
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const mmPerPx = mmPerPagePx(this.#state.view, { width, height });
    const xMm = (event.clientX - left - width / 2) * mmPerPx;
    const yMm = (event.clientY - top - height / 2) * mmPerPx;
    this.#session.shadowFocusMm.value = [xMm, yMm, 0];
  }
}

/**
 * Millimetres at the isocentre for a pixel of the page: the radiograph fills its box in one direction and is in
 * the middle of it in the other.
 */
export function mmPerPagePx(
  view: Pick<ViewDocument, "columns" | "rows" | "pixel_mm">,
  boxPx: { readonly width: number; readonly height: number },
): number {
  const { columns, rows, pixel_mm } = view;
  return pixel_mm * Math.max(columns / boxPx.width, rows / boxPx.height);
}
