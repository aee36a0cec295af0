/** Whether what is on the screen may be signed, and why not: one sentence for each reason. */

import type { Matrix4 } from "../geometry/rigid";
import { isSamePose } from "./pose";

/** Below this much time left, the countdown is shown. */
export const COUNTDOWN_S = 180;

/** How long the image still counts. */
export type ImageAge =
  | { readonly kind: "unlimited" }
  | { readonly kind: "valid"; readonly leftS: number }
  | { readonly kind: "ending"; readonly leftS: number }
  | { readonly kind: "past"; readonly sinceS: number };

/**
 * How long an image still counts by the service's clock.
 *
 * @param validUntil - ISO 8601; null where the protocol sets no limit.
 * @param nowMs - The service's clock, milliseconds since 1970.
 */
export function imageAge(validUntil: string | null, nowMs: number): ImageAge {
  if (validUntil === null) {
    return { kind: "unlimited" };
  }
  const untilMs = Date.parse(validUntil);
  // A date that cannot be read must never pass for one that lies ahead.
  if (Number.isNaN(untilMs)) {
    return { kind: "past", sinceS: 0 };
  }
  const leftS = (untilMs - nowMs) / 1000;
  if (leftS <= 0) {
    return { kind: "past", sinceS: -leftS };
  }
  return { kind: leftS < COUNTDOWN_S ? "ending" : "valid", leftS };
}

/** A time span as minutes and seconds, rounded down: "2:05". */
export function minutesSeconds(spanS: number): string {
  const whole = Math.max(0, Math.floor(spanS));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** What the screen shows, beside what the service has. */
export interface Standing {
  readonly age: ImageAge;
  /** The pose on the screen. */
  readonly shown: Matrix4;
  /** Of the match that counts; null where there is none, or where it gave no pose. */
  readonly matched: Matrix4 | null;
  /** The image on the screen. */
  readonly shownImageUid: string;
  /** The image of the match that counts; null without a match. */
  readonly matchedImageUid: string | null;
  /** Steps that the state of the fraction allows. */
  readonly possible: readonly string[];
  /** Whether both images are on the screen as they are. */
  readonly isSeen: boolean;
  /** Whether news of the fraction still arrive. */
  readonly isConnected: boolean;
}

/** Why what is on the screen cannot be approved; empty when it can. */
export function whyNotApprove(standing: Standing): readonly string[] {
  const reasons: string[] = [];
  if (!standing.isConnected) {
    reasons.push("The service does not answer, so what is shown may be old.");
  }
  if (!standing.possible.includes("approve")) {
    reasons.push("The fraction is not at the step of approving.");
  }
  if (standing.matchedImageUid === null) {
    reasons.push("There is no match yet.");
  } else if (standing.matchedImageUid !== standing.shownImageUid) {
    reasons.push(
      "The match that counts is of another image than the one on the screen; show the newest image.",
    );
  }
  if (standing.age.kind === "past") {
    reasons.push("The image is too old to rest a decision on; take a new one.");
  }
  if (!standing.isSeen) {
    reasons.push("The images are not on the screen yet, so nobody has seen what would be signed.");
  }
  if (standing.matched !== null && !isSamePose(standing.shown, standing.matched)) {
    reasons.push(
      "The position on the screen is not the one the service has; use this position, or go back to the match.",
    );
  }
  return reasons;
}

/** Why the position on the screen cannot be used as a match by hand; empty when it can. */
export function whyNotUse(standing: Standing): readonly string[] {
  const reasons: string[] = [];
  if (!standing.isConnected) {
    reasons.push("The service does not answer.");
  }
  if (!standing.possible.includes("match")) {
    reasons.push("The fraction is not at a step where a match by hand is taken.");
  }
  if (standing.matchedImageUid !== null && standing.matchedImageUid !== standing.shownImageUid) {
    reasons.push("The position belongs to an older image than the one that counts.");
  }
  if (standing.age.kind === "past") {
    reasons.push("The image is too old.");
  }
  if (!standing.isSeen) {
    reasons.push("The images are not on the screen yet.");
  }
  if (standing.matched !== null && isSamePose(standing.shown, standing.matched)) {
    reasons.push("It is the position that the service already has.");
  }
  return reasons;
}
