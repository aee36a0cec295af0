import type { RoomState } from "../../api/documents";
import { asSentence } from "../../api/problem";
import { percent } from "../../components/format";
import type { HeardRoom } from "../../state/rooms";
import { decisionAgeS, isHeard, SAMPLE_LIMIT_S } from "../../state/sighting";

export type Gate = NonNullable<RoomState["gate"]>;

/** What the big sign of the gate says. */
export type GateSignWord = Gate["state"] | "not known";

/** The gate as it may be shown now. */
export interface GateNow {
  word: GateSignWord;
  /** Why it is so, in words. */
  reason: string;
  gate: Gate;
  /** Its numbers are of now; otherwise none of them is shown. */
  isLive: boolean;
  /** It works no more and this is what it said last. */
  hasEnded: boolean;
}

const ENDED_WITH: ReadonlySet<Gate["state"]> = new Set(["re-align", "stopped"]);

/**
 * Say what may be shown of a gate: null where none has worked.
 *
 * A gate of a beam that is watched decides twenty times a second; one that is silent is not known. One that
 * has ended has stopped: it keeps the word that the beam is held for, but no number, and never "beam on".
 *
 * @param nowMs - The steady clock.
 */
export function gateNow(room: HeardRoom, nowMs: number): GateNow | null {
  const { gate, watched_by: watchedBy } = room.state;
  if (gate === null) {
    return null;
  }
  const hasEnded = watchedBy === "";
  const isRecent = Math.abs(decisionAgeS(room, nowMs) ?? Number.NaN) <= SAMPLE_LIMIT_S;
  const isKnown = isHeard(room, nowMs) && (isRecent || hasEnded);
  const now = { gate, hasEnded, isLive: isKnown && isRecent && !hasEnded };
  if (!isKnown) {
    return { ...now, word: "not known", reason: "" };
  }
  if (hasEnded && !ENDED_WITH.has(gate.state)) {
    return { ...now, word: "stopped", reason: "It ended with the beam." };
  }
  return {
    ...now,
    word: gate.state,
    reason: gate.reason === "" ? "The target is inside the gate." : asSentence(gate.reason),
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

/** A probability that is never called certain: `97 %`, `>99 %`, `<1 %`. */
export function chance(probability: number): string {
  if (probability > 0.99) {
    return ">\u00a099\u00a0%";
  }
  return probability < 0.01 ? "<\u00a01\u00a0%" : percent(probability);
}

/** The shift that would bring a target back from where it has settled, mm; a rounded zero stays one. */
export const shiftBackMm = (settledMm: readonly [number, number, number]): [number, number, number] => {
  const [lateralMm, longitudinalMm, verticalMm] = settledMm;
  return [0 - lateralMm, 0 - longitudinalMm, 0 - verticalMm];
};
