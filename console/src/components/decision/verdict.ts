import type { Match } from "../../api/documents";
import type { Tone } from "../Mark";

/**
 * A verdict in words. What a person has to look at is never shown as settled, however well the images agree.
 */
export function verdictOf(match: Pick<Match, "verdict" | "needs_person">): { tone: Tone; words: string } {
  if (match.verdict === "not available") {
    return { tone: "bad", words: "There is no match" };
  }
  if (match.verdict === "review" || match.needs_person.length > 0) {
    return { tone: "warn", words: "A person has to look" };
  }
  return { tone: "good", words: "Accepted: no check found a fault in the match" };
}
