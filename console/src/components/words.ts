import type { Action, CouchPose, Step } from "../api/documents";
import type { Part } from "../app/router";
import { typeset } from "./format";

/** A state of a fraction in words that say what it waits for. */
const STATE_WORDS: Readonly<Record<string, string>> = {
  "not begun": "Not begun",
  prepared: "Begun, to be set up",
  "set up": "Set up, to be imaged",
  imaged: "Imaged, not matched",
  aligned: "Matched, to be decided",
  approved: "Approved, couch to be moved",
  "couch moved": "Couch moved, to be read back",
  verified: "Position verified, ready for beam",
  "beam on": "Beam on",
  held: "Beam held",
  delivered: "Delivered, to be closed",
  closed: "Treated and closed",
  stopped: "Stopped",
};

/** Say a state; one that is not known is said as it came. */
export const stateWords = (state: string): string => STATE_WORDS[state] ?? state;

const STATE_PART: Readonly<Record<string, Part>> = {
  "not begun": "setup",
  prepared: "setup",
  "set up": "setup",
  imaged: "align",
  aligned: "align",
  closed: "review",
  stopped: "review",
};

/** Where the work of a state is done. */
export const partOfState = (state: string): Part => STATE_PART[state] ?? "treat";

/** How a state is meant: calm, waiting for somebody, or wrong. */
export function stateTone(state: string): "idle" | "active" | "good" | "warn" | "bad" | "beam" {
  if (state === "beam on") {
    return "beam";
  }
  if (state === "held") {
    return "warn";
  }
  if (state === "stopped") {
    return "bad";
  }
  if (state === "closed" || state === "delivered" || state === "verified") {
    return "good";
  }
  return state === "not begun" ? "idle" : "active";
}

/** What somebody decides about a match. */
export const ACTION_WORDS: Readonly<Record<Action, string>> = {
  "no correction": "Treat without a correction",
  correct: "Correct the position",
  "second look": "Second look by another person",
  "image again": "Take another image",
  "set up again": "Set the patient up again",
  stop: "Stop the fraction",
};

/** The same for an action that a record names; one that is not known is said as it came. */
export const actionWords = (action: string): string =>
  Object.hasOwn(ACTION_WORDS, action) ? ACTION_WORDS[action as Action] : action;

const STEP_WORDS: Readonly<Record<Step, string>> = {
  "set-up": "set up",
  image: "take an image",
  match: "match by hand",
  approve: "decide and sign",
  couch: "move the couch",
  deliver: "record what was delivered",
  "beam on": "turn the beam on",
  hold: "hold the beam",
  resume: "resume the beam",
  stop: "stop the fraction",
};

/** A step in words. */
export const stepWords = (step: Step): string => STEP_WORDS[step];

/** `a`, `a or b`, `a, b or c`; `anybody` where nobody is named. */
export function either(names: readonly string[]): string {
  if (names.length === 0) {
    return "anybody";
  }
  const last = names.at(-1) ?? "";
  return names.length === 1 ? last : `${names.slice(0, -1).join(", ")} or ${last}`;
}

/** Words of the service with a capital first letter, as they are shown. */
export const capital = (text: string): string => typeset(text.charAt(0).toUpperCase() + text.slice(1));

/** A pose with nothing in it, for a form. */
export const COUCH_AT_ZERO: CouchPose = {
  lateral_mm: 0,
  longitudinal_mm: 0,
  vertical_mm: 0,
  pitch_deg: 0,
  roll_deg: 0,
  support_deg: 0,
  eccentric_deg: 0,
  eccentric_distance_mm: 0,
};

/** What to call the rooms' beam states. */
export const BEAM_WORDS = {
  off: "Beam off",
  on: "BEAM ON",
  travelling: "Moving to the next beam",
  waiting: "Beam waits for the target",
  held: "Beam held",
  unknown: "Beam state not known",
} as const;

/** How many words somebody typed. */
export const typedWords = (text: string): number => text.split(/\s+/).filter(Boolean).length;
