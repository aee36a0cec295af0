/** What may be done with what was found out about a day, in the words of the page. */

import type { Tone } from "../../../components/Mark";

/** Whether it may be decided on, may only be looked at, or was not found. */
export type Standing = "for decision" | "not for decision" | "not available";

/** What the assessment and the dose of a day have in common. */
export interface DayRecord {
  readonly verdict: Standing;
  readonly is_for_decision: boolean;
  readonly reasons: readonly string[];
  readonly outdated_because: string;
  readonly alerts: readonly string[];
}

/** One that does not hold any more is for looking only, whatever it said. */
export function standingOf({ verdict, is_for_decision }: DayRecord): Standing {
  if (verdict === "not available") {
    return "not available";
  }
  return is_for_decision ? "for decision" : "not for decision";
}

/** How each is said and shown; the reasons stand below it. */
export const VERDICT_WORDS: Readonly<Record<Standing, { readonly title: string; readonly tone: Tone }>> = {
  "for decision": { title: "For decision", tone: "good" },
  "not for decision": { title: "NOT FOR DECISION: look, do not decide", tone: "warn" },
  "not available": { title: "NOT AVAILABLE: nothing was found", tone: "bad" },
};
