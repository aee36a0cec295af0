import type { Action, Fraction, SigningOption } from "../../api/documents";
import { either, typedWords } from "../words";

/** Doing otherwise than the protocol says needs a reason of so many words; the service asks for no fewer. */
export const LEAST_REASON_WORDS = 3;

/** Actions after which nothing is treated on this match: they need no checklist and no second person. */
const TOWARDS_SAFETY: ReadonlySet<Action> = new Set(["image again", "set up again", "stop"]);

/** True where somebody treats on the strength of the match that is signed. */
export const treatsOnMatch = (action: Action): boolean => !TOWARDS_SAFETY.has(action);

/** What somebody has typed and ticked in the dialog. */
export interface SigningDraft {
  action: Action | null;
  reason: string;
  first: { name: string; password: string };
  second: { name: string; password: string };
  /** The second person answers elsewhere. */
  asksSecond: boolean;
  ticked: ReadonlySet<string>;
}

/** Who matched by hand and so does not look a second time. */
const exceptFor = (name: string): string => (name === "" ? "" : ` (not ${name}, who matched by hand)`);

/** Whose signatures an action needs, one sentence. */
export function signersWords(option: SigningOption): string {
  const first = either(option.first_roles);
  return option.second_roles === null
    ? `One person signs: ${first}.`
    : `Two people sign: ${first}, and as a second person ${either(option.second_roles)}${exceptFor(option.not_second)}.`;
}

/** True where two user names are those of one person: names are unique whatever their case. */
export const isSamePerson = (one: string, other: string): boolean =>
  one.trim().toLowerCase() === other.trim().toLowerCase();

/** True where the option needs a second person. */
export const needsSecond = (option: SigningOption | undefined): boolean =>
  option !== undefined && option.second_roles !== null;

/**
 * The action that is chosen when the dialog opens: what the protocol says, where it may be chosen. A second look
 * is no action on the patient, so nothing is chosen for it beforehand.
 */
export function proposedAction(signing: readonly SigningOption[]): Action | null {
  const proposed = signing.find((option) => option.is_proposed && option.barred_because === "");
  return proposed === undefined || proposed.action === "second look" ? null : proposed.action;
}

/** What still keeps a draft from being signed, in words; none where it can be sent. */
export function missingForSignature(
  draft: SigningDraft,
  option: SigningOption | undefined,
  checklist: readonly string[],
): string[] {
  if (draft.action === null || option === undefined) {
    return ["Choose what is done."];
  }
  if (option.barred_because !== "") {
    return [`Nobody can choose this: ${option.barred_because}.`];
  }
  const found: string[] = [];
  if (treatsOnMatch(draft.action) && checklist.some((line) => !draft.ticked.has(line))) {
    found.push("Tick what was looked at.");
  }
  if (option.needs_reason && typedWords(draft.reason) < LEAST_REASON_WORDS) {
    found.push(`Give a reason of at least ${LEAST_REASON_WORDS} words.`);
  }
  return [...found, ...missingSignatures(draft, option)];
}

function missingSignatures(draft: SigningDraft, option: SigningOption): string[] {
  const found: string[] = [];
  if (draft.first.name.trim() === "" || draft.first.password === "") {
    found.push("Sign with name and password.");
  }
  if (needsSecond(option) && !draft.asksSecond) {
    if (draft.second.name.trim() === "" || draft.second.password === "") {
      found.push("A second person signs with name and password, or is asked elsewhere.");
    } else if (isSamePerson(draft.first.name, draft.second.name)) {
      found.push("The second person has to be another one than the first.");
    } else if (isSamePerson(draft.second.name, option.not_second)) {
      found.push(`${option.not_second} matched by hand and cannot be the second person.`);
    }
  }
  return found;
}

/** Seconds until nothing may rest on the newest image any more; null where that is not limited. */
export function imageLeftS(fraction: Fraction, nowMs: number): number | null {
  return fraction.image_valid_until === null ? null : (Date.parse(fraction.image_valid_until) - nowMs) / 1000;
}
