/** What the position on the screen is, beside what the service has: words, and whether it may be signed. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Fraction, Match } from "../../api/documents";
import { timeOfDay } from "../../components/format";
import type { Matrix4 } from "../../geometry/rigid";
import { lastChangeWords } from "../../state/fraction";
import { link } from "../../state/link";
import { isSamePose } from "../../state/pose";
import { serviceNowMs } from "../../state/poseClock";
import type { SixDocument } from "../../state/poseNumbers";
import { type ImageAge, imageAge, minutesSeconds, whyNotApprove, whyNotUse } from "../../state/poseStanding";
import type { AlignSession } from "./alignSession";
import { type DailyPictures, engineMatch, poseOfMatch } from "./documents";

/** See the top of this file. */
export class StandingState {
  /** The match of the service for the image on the screen; null where there is none. */
  readonly match: ReadonlySignal<Match | null>;
  readonly matched: ReadonlySignal<Matrix4 | null>;
  /** Whether a position of the hand is on the screen that the service does not have. */
  readonly isDraft: ReadonlySignal<boolean>;
  readonly words: ReadonlySignal<string>;
  readonly age: ReadonlySignal<ImageAge>;
  /** Over every picture; empty while the image counts. */
  readonly staleWords: ReadonlySignal<string>;
  readonly countdown: ReadonlySignal<string>;
  /** That the fraction has ended; empty while it goes on. */
  readonly over: ReadonlySignal<string>;
  readonly whyNotApprove: ReadonlySignal<readonly string[]>;
  readonly whyNotUse: ReadonlySignal<readonly string[]>;
  readonly deviation: ReadonlySignal<SixDocument | null>;
  readonly deviationOf: ReadonlySignal<string>;
  /** What was changed by somebody else while the hand has a draft; empty where nothing was. */
  readonly overtaken: ReadonlySignal<string>;
  readonly #session: AlignSession;
  readonly #followed: Signal<{ readonly pose: Matrix4; readonly version: number }>;

  constructor(session: AlignSession, fraction: ReadonlySignal<Fraction>, isSeen: ReadonlySignal<boolean>) {
    this.#session = session;
    this.#followed = signal({ pose: session.hand.pose.peek(), version: fraction.peek().version });
    this.match = computed(() => newestOf(fraction.value, session.key.uid));
    this.matched = computed(() => poseOfMatch(this.match.value));
    this.isDraft = computed(() => {
      const base = this.matched.value ?? session.uncorrected;
      return !isSamePose(session.hand.pose.value, base);
    });
    // What is over rests on nothing any more: its images are looked at, and their age says nothing.
    this.age = computed(() =>
      fraction.value.ended_at
        ? { kind: "unlimited" }
        : imageAge(fraction.value.image_valid_until, serviceNowMs.value),
    );
    this.over = computed(() =>
      fraction.value.ended_at ? `This fraction is over (${fraction.value.state}): it is only looked at.` : "",
    );
    this.staleWords = computed(() => (this.age.value.kind === "past" ? staleWordsOf(this.age.value) : ""));
    this.countdown = computed(() =>
      this.age.value.kind === "ending"
        ? `The image counts for ${minutesSeconds(this.age.value.leftS)} more.`
        : "",
    );
    this.overtaken = computed(() => {
      const now = fraction.value;
      return this.isDraft.value && now.version !== this.#followed.value.version
        ? `The fraction was changed meanwhile by ${lastChangeWords(now)}: it is now “${now.state}”, version ${now.version}. Your position is kept as a draft.`
        : "";
    });
    this.words = computed(() => wordsOf(this.match.value, this.isDraft.value));
    const standing = computed(() => ({
      age: this.age.value,
      shown: session.hand.pose.value,
      matched: this.matched.value,
      shownImageUid: session.key.uid,
      matchedImageUid: fraction.value.matches.at(-1)?.image_uid ?? null,
      possible: fraction.value.possible,
      isSeen: isSeen.value && !session.isComparing.value,
      isConnected: link.value !== "lost",
    }));
    this.whyNotApprove = computed(() => whyNotApprove(standing.value));
    this.whyNotUse = computed(() => whyNotUse(standing.value));
    const engine = computed(() => engineMatch(fraction.value, session.key.uid));
    const isOwn = computed(() => !this.isDraft.value && Boolean(this.match.value?.deviation));
    this.deviation = computed(() => (isOwn.value ? this.match.value : engine.value)?.deviation ?? null);
    this.deviationOf = computed(() =>
      isOwn.value ? "95 % of the isocentre" : "95 % of the isocentre, of the automatic match",
    );
  }

  /** Take a new state of the fraction: the hand follows the match unless it has a draft of its own. */
  follow(fraction: Fraction): void {
    const { hand, automatic, key, uncorrected } = this.#session;
    automatic.value = poseOfMatch(engineMatch(fraction, key.uid));
    const pose = poseOfMatch(newestOf(fraction, key.uid)) ?? uncorrected;
    const now = hand.pose.peek();
    // What the service took in comes back with its last digits rounded: it is the same position.
    const isUntouched = isSamePose(now, this.#followed.peek().pose) || isNear(now, pose);
    if (isUntouched) {
      if (!isSamePose(pose, this.#followed.peek().pose)) {
        hand.begin(pose);
      }
      this.#followed.value = { pose, version: fraction.version };
    }
  }
}

/** The newest match of the fraction, if it is one of this image. */
function newestOf(fraction: Fraction, uid: string): Match | null {
  const newest = fraction.matches.at(-1);
  return newest?.image_uid === uid ? newest : null;
}

const NEAR = 1e-6;

function isNear(a: Matrix4, b: Matrix4): boolean {
  return a.every((value, index) => Math.abs(value - b[index]!) <= NEAR);
}

function staleWordsOf(age: ImageAge & { kind: "past" }): string {
  return age.sinceS < 5999
    ? `IMAGE TOO OLD for ${minutesSeconds(age.sinceS)} min: nothing may rest on it`
    : "IMAGE TOO OLD: nothing may rest on it";
}

function wordsOf(match: Match | null, isDraft: boolean): string {
  if (match === null) {
    return isDraft ? "DRAFT by hand; there is no match yet" : "Set-up position; there is no match yet";
  }
  const had =
    match.planning_from_daily === null
      ? "no position"
      : match.is_by_hand
        ? "a match by hand"
        : "the automatic match";
  if (isDraft) {
    return `DRAFT by hand, not used (the service has ${had})`;
  }
  if (match.planning_from_daily === null) {
    return "Set-up position; the engine gave no position";
  }
  return match.is_by_hand ? "Match by hand" : "Automatic match";
}

/** The labels that stand in every view. */
export function imageLabel(kind: DailyPictures["kind"], acquiredAt: string): string {
  return `${IMAGE_WORDS[kind]}, ${timeOfDay(acquiredAt)}`;
}

const IMAGE_WORDS: Readonly<Record<DailyPictures["kind"], string>> = {
  volume: "Day's CBCT",
  radiographs: "Radiographs",
  ultrasound: "Day's ultrasound",
};
