import { holdBeam } from "../../api/calls";
import { once } from "../../state/actions";
import { steadyMs } from "../../state/clock";
import { reloadFraction, takeFraction } from "../../state/fraction";
import { say } from "../../state/notices";
import { noteHoldPressed } from "../../state/watch";

/** The reason that goes with a hold that is pressed: it must not wait for words. */
export const PRESSED = "held by hand at the console";

const AGAIN_AFTER_MS = 2000;

/** Hold the beam now. Should the request be lost, the missing heartbeat holds it, and the page says so. */
export async function holdNow(courseId: string, number: number): Promise<void> {
  noteHoldPressed();
  // A double click is one hold; whoever presses again seconds later is never made to wait for an answer.
  const name = `hold ${courseId}/${number} ${Math.floor(steadyMs() / AGAIN_AFTER_MS)}`;
  const outcome = await once(name, () => holdBeam(courseId, number, PRESSED));
  if (outcome.kind === "done") {
    takeFraction(outcome.value);
  } else if (outcome.kind === "problem") {
    say(
      "bad",
      `The hold was not confirmed (${outcome.problem.message}) Turn the beam off at the machine now and look whether it is off.`,
    );
    await reloadFraction();
  }
}

/** True where a key press means hold: the letter H outside of a field. */
export function meansHold(event: {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  target: { tagName?: string; isContentEditable?: boolean } | null;
}): boolean {
  const tag = event.target?.tagName?.toUpperCase() ?? "";
  const isField = ["INPUT", "TEXTAREA", "SELECT"].includes(tag) || event.target?.isContentEditable === true;
  const isPlain = !event.ctrlKey && !event.altKey && !event.metaKey;
  return isPlain && !isField && event.key.toLowerCase() === "h";
}
