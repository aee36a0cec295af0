/** What keys do in the align view, once the table has said what they mean. */

import type { KeyAction } from "../../input/keymap";
import type { AlignSession, Layer } from "./alignSession";
import { FLICKER_MS } from "./look";
import { ORIENTATIONS } from "./planeState";

const LAYER_OF: Readonly<Partial<Record<KeyAction["kind"], Layer>>> = {
  structures: "structures",
  isodoses: "isodoses",
  region: "region",
  residuals: "residuals",
  uncertainty: "uncertainty",
  fan: "fan",
};

const ZOOM_STEP = 1.25;

/** Do what a key asks for; false where nothing was done. */
export function doAction(session: AlignSession, action: KeyAction, gesture: string): boolean {
  const layer = LAYER_OF[action.kind];
  if (layer !== undefined) {
    session.layers[layer].value = !session.layers[layer].peek();
    return true;
  }
  return (
    doShow(session, action) ||
    doGround(session, action) ||
    doHand(session, action, gesture) ||
    doView(session, action)
  );
}

function doShow({ look }: AlignSession, action: KeyAction): boolean {
  switch (action.kind) {
    case "blend":
      look.blend();
      return true;
    case "colours":
      look.nextColours();
      return true;
    case "checkerboard":
    case "split":
    case "spyglass":
    case "difference":
      look.show(action.kind);
      return true;
    case "planning only":
      look.show("planning");
      return true;
    case "day only":
      look.show("daily");
      return true;
    case "preset":
      look.preset(action.index);
      return true;
    default:
      return false;
  }
}

function doGround(session: AlignSession, action: KeyAction): boolean {
  if (action.kind === "ground") {
    session.layOnNext();
  }
  return action.kind === "ground";
}

function doHand(session: AlignSession, action: KeyAction, gesture: string): boolean {
  switch (action.kind) {
    case "match":
      session.setMatching(!session.isMatching.peek());
      return true;
    case "undo":
      session.hand.undo();
      return true;
    case "redo":
      session.hand.redo();
      return true;
    case "automatic":
      session.goAutomatic();
      return true;
    default:
      return session.act(action, gesture);
  }
}

function doView(session: AlignSession, action: KeyAction): boolean {
  const focused = session.focused.peek();
  const orientation = ORIENTATIONS.find((one) => one === focused);
  switch (action.kind) {
    case "window":
      session.isWindowing.value = !session.isWindowing.peek();
      return true;
    case "leave":
      return session.leave();
    case "help":
      session.isHelpOpen.value = !session.isHelpOpen.peek();
      return true;
    case "reset view":
      session.resetViews();
      return true;
    case "maximise":
      session.maximised.value = session.maximised.peek() === null ? focused : null;
      return true;
    case "centre":
      if (orientation !== undefined) {
        session.planes[orientation].centre(session.crosshairMm.peek());
      }
      return true;
    case "zoom":
      session.zoomFocused(action.nearer ? ZOOM_STEP : 1 / ZOOM_STEP);
      return true;
    default:
      return false;
  }
}

/** Lets two things take turns while a key is held. */
export class Holding {
  readonly #session: AlignSession;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(session: AlignSession) {
    this.#session = session;
  }

  /** Begin; the other one is shown at once. */
  begin(what: "flicker" | "compare"): void {
    if (this.#timer === undefined) {
      this.#turn(what);
      this.#timer = setInterval(() => this.#turn(what), FLICKER_MS);
    }
  }

  /** End, and show what was shown before. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#session.look.flicker.value = null;
    this.#session.isComparing.value = false;
  }

  #turn(what: "flicker" | "compare"): void {
    const { look, isComparing } = this.#session;
    if (what === "compare") {
      isComparing.value = !isComparing.peek();
    } else {
      look.flicker.value = look.flicker.peek() === "planning" ? "daily" : "planning";
    }
  }
}
