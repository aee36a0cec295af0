/** What may be done with an assessment, in the words of the page. */

import type { Assessment } from "../../../api/documents";
import type { Tone } from "../../../components/Mark";

/** Whether an assessment may be decided on, may only be looked at, or found nothing. */
export type Standing = "for decision" | "not for decision" | "not available";

/** One that does not hold for the match that counts any more is for looking only, whatever it said. */
export function standingOf(assessment: Assessment): Standing {
  if (assessment.verdict === "not available") {
    return "not available";
  }
  return assessment.is_for_decision ? "for decision" : "not for decision";
}

/** How each is said and shown. */
export const VERDICT_WORDS: Readonly<Record<Standing, { readonly title: string; readonly tone: Tone }>> = {
  "for decision": { title: "For decision", tone: "good" },
  "not for decision": { title: "NOT FOR DECISION: look, do not decide", tone: "warn" },
  "not available": { title: "NOT AVAILABLE: no deformation was found", tone: "bad" },
};
