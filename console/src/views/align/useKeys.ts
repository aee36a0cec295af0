import { useEffect } from "preact/hooks";
import { actionOf, belongsToControl, type KeyAction, type KeyTarget } from "../../input/keymap";
import type { AlignSession } from "./alignSession";
import { doAction, Holding } from "./keys";

/** Listen to the keys while the view is shown; a dialog over it has them for itself. */
export function useKeys(session: AlignSession): void {
  useEffect(() => {
    const holding = new Holding(session);
    const ending = new AbortController();
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isDialogOpen() || belongsToControl(event, targetOf(event))) {
        return;
      }
      const action = actionOf(event, session.isMatching.peek());
      if (action !== null && pressed(session, holding, action, event)) {
        event.preventDefault();
      }
    };
    const release = () => {
      holding.end();
      session.hand.settle();
    };
    document.addEventListener("keydown", press, { signal: ending.signal });
    document.addEventListener("keyup", release, { signal: ending.signal });
    // A key that is let go in another window is never heard of.
    window.addEventListener("blur", release, { signal: ending.signal });
    return () => {
      ending.abort();
      holding.end();
    };
  }, [session]);
}

/** Do what a press asks for; true where the browser must not do anything with it besides. */
function pressed(
  session: AlignSession,
  holding: Holding,
  action: KeyAction,
  { repeat, code }: KeyboardEvent,
): boolean {
  if (action.kind === "hold") {
    holding.begin(action.what);
    return true;
  }
  if (repeat && !REPEATS.has(action.kind)) {
    return true;
  }
  if (!repeat) {
    session.hand.settle();
  }
  return doAction(session, action, `key ${code}`);
}

/** What may be repeated by holding the key; switches must not flutter. */
const REPEATS: ReadonlySet<string> = new Set(["nudge", "through", "turn", "zoom", "undo", "redo"]);

const isDialogOpen = (): boolean => document.querySelector("dialog[open]") !== null;

function targetOf(event: KeyboardEvent): KeyTarget | null {
  return event.target instanceof HTMLElement ? (event.target as HTMLElement & KeyTarget) : null;
}
