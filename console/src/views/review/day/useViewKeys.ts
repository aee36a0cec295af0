import { useEffect } from "preact/hooks";
import { actionOf, belongsToControl, type KeyAction, type KeyTarget } from "../../../input/keymap";
import type { AlignSession } from "../../align/alignSession";
import { doAction, Holding } from "../../align/keys";

/** What keys do while a view has the focus: all of the align view that moves no image. */
const ALLOWED: ReadonlySet<KeyAction["kind"]> = new Set<KeyAction["kind"]>([
  "nudge",
  "through",
  "zoom",
  "preset",
  "blend",
  "colours",
  "checkerboard",
  "split",
  "spyglass",
  "difference",
  "planning only",
  "day only",
  "reset view",
  "centre",
  "maximise",
]);

/** Tell whether a key may do something here; isodoses only where those of the day are shown. */
export const isAllowed = (action: KeyAction, hasIsodoses = false): boolean =>
  ALLOWED.has(action.kind) || (hasIsodoses && action.kind === "isodoses");

/** Listen to the keys in the views, and nowhere else: the page around them is read and scrolled. */
export function useViewKeys(
  session: AlignSession,
  views: { readonly current: HTMLElement | null },
  hasIsodoses = false,
): void {
  useEffect(() => {
    const element = views.current;
    if (element === null) {
      return;
    }
    const holding = new Holding(session);
    const ending = new AbortController();
    const options = { signal: ending.signal };
    const press = (event: KeyboardEvent) => {
      if (belongsToControl(event, event.target as HTMLElement & KeyTarget)) {
        return;
      }
      const action = actionOf(event, false);
      if (action?.kind === "hold" && action.what === "flicker") {
        holding.begin("flicker");
        event.preventDefault();
      } else if (action !== null && isAllowed(action, hasIsodoses) && doAction(session, action, "review")) {
        event.preventDefault();
      }
    };
    element.addEventListener("keydown", press, options);
    element.addEventListener("keyup", () => holding.end(), options);
    element.addEventListener("focusout", () => holding.end(), options);
    window.addEventListener("blur", () => holding.end(), options);
    return () => {
      ending.abort();
      holding.end();
    };
  }, [session, views, hasIsodoses]);
}
