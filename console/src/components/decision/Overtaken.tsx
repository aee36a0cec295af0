import type { Fraction } from "../../api/documents";
import { lastChangeWords, fraction as shownFraction } from "../../state/fraction";
import { Notice } from "../Notice";

/** True where the fraction got another version since a dialog was opened on it: what was seen is signed, or nothing. */
export function isOvertaken(opened: Fraction): boolean {
  const now = shownFraction.value;
  return (
    now !== null &&
    now.course_id === opened.course_id &&
    now.number === opened.number &&
    now.version !== opened.version
  );
}

/** Why nothing can be signed any more, and who it was. */
export function OvertakenNotice() {
  const now = shownFraction.value;
  return (
    <Notice tone="bad">
      The fraction was changed while this was open{now === null ? "" : ` by ${lastChangeWords(now)}`}, so
      nothing here can be signed: close it and look at the fraction as it is now.
    </Notice>
  );
}
