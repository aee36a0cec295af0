import type { Fraction } from "../../api/documents";
import type { LinkState } from "../../state/link";
import type { HeardRoom } from "../../state/rooms";

/** Why the beam must not be turned on from this page now, in words; none where it may be asked for. */
export function whyNoBeam(facts: {
  fraction: Fraction;
  step: "beam on" | "resume";
  room: HeardRoom | undefined;
  isFresh: boolean;
  link: LinkState;
}): string[] {
  const { fraction, step, room, isFresh, link } = facts;
  const found: string[] = [];
  if (!fraction.possible.includes(step)) {
    found.push(whyNotPossible(fraction.state, step));
  }
  if (link !== "live" || room === undefined || !isFresh) {
    found.push("The room is not heard of, so nobody could watch the beam here.");
    return found;
  }
  const beyond = room.state.differences.filter((one) => !one.is_in_tolerance).map(({ axis }) => axis);
  if (beyond.length > 0) {
    found.push(`The couch is out of tolerance: ${beyond.join(", ")}.`);
  }
  if (room.state.is_in_gate === false) {
    found.push("The target is outside the gate.");
  }
  if (room.state.beam === "unknown") {
    found.push("The machine does not say what its beam does.");
  }
  return found;
}

function whyNotPossible(state: string, step: "beam on" | "resume"): string {
  if (state === "held") {
    return "The beam goes on only after a new image.";
  }
  return step === "resume" ? "The beam is not held." : "The position is not verified.";
}

/** Where the target is, from the newest message: distance from where it should be, mm. */
export const distanceMm = (place: readonly [number, number, number]): number => Math.hypot(...place);
