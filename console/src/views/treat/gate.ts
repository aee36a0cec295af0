import type { RoomState } from "../../api/documents";
import type { HeardRoom } from "../../state/rooms";
import { decisionAgeS, isHeard, SAMPLE_LIMIT_S } from "../../state/sighting";

export type Gate = NonNullable<RoomState["gate"]>;

/** What the big sign of the gate says. */
export type GateSignWord = Gate["state"] | "not known";

/** The gate as it may be shown now. */
export interface GateNow {
  word: GateSignWord;
  gate: Gate;
  /** Its numbers are of now; otherwise none of them is shown. */
  isLive: boolean;
  /** It works no more and this is what it said last. */
  hasEnded: boolean;
}

/**
 * Say what may be shown of a gate: null where none has worked.
 *
 * A gate of a beam that is watched decides twenty times a second; one that is silent is not known. One that
 * has ended keeps its last word, which is why the beam is held, but no number.
 *
 * @param nowMs - The steady clock.
 */
export function gateNow(room: HeardRoom, nowMs: number): GateNow | null {
  const { gate, watched_by: watchedBy } = room.state;
  if (gate === null) {
    return null;
  }
  const hasEnded = watchedBy === "";
  const ageS = decisionAgeS(room, nowMs) ?? Number.NaN;
  const isRecent = Math.abs(ageS) <= SAMPLE_LIMIT_S;
  const isKnown = isHeard(room, nowMs) && (isRecent || hasEnded);
  return {
    word: isKnown ? gate.state : "not known",
    gate,
    isLive: isKnown && isRecent && !hasEnded,
    hasEnded,
  };
}

/** The words on the sign. */
export const GATE_WORDS: Readonly<Record<GateSignWord, string>> = {
  armed: "ARMED",
  "beam on": "BEAM ON",
  hold: "HOLD",
  "re-align": "RE-ALIGN",
  stopped: "STOPPED",
  "not known": "NOT KNOWN",
};

/** How each word is meant, by the shape that says the same. */
export const GATE_SHAPES: Readonly<Record<GateSignWord, RoomState["beam"]>> = {
  armed: "off",
  "beam on": "on",
  hold: "held",
  "re-align": "unknown",
  stopped: "unknown",
  "not known": "unknown",
};

/** The shift that would bring a target back from where it has settled, mm; a rounded zero stays one. */
export const shiftBackMm = (settledMm: readonly [number, number, number]): [number, number, number] => {
  const [lateralMm, longitudinalMm, verticalMm] = settledMm;
  return [0 - lateralMm, 0 - longitudinalMm, 0 - verticalMm];
};
