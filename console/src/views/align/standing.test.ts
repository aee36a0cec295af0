import { signal } from "@preact/signals";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Fraction, Match } from "../../api/documents";
import { type Matrix4, translation } from "../../geometry/rigid";
import { noteConnected, noteMessage } from "../../state/link";
import { sixOf } from "../../state/poseNumbers";
import { AlignSession } from "./alignSession";
import type { DailyPictures, PlanningPictures } from "./documents";
import { StandingState } from "./standing";

const UID = "1.2.3";
const KEY = { courseId: "C1", number: 3, uid: UID };
const UNCORRECTED = translation([10, 20, 30]);
const FOUND = translation([7, 20, 30]);

const VOLUME = {
  size: [10, 10, 10],
  spacing_mm: [2, 2, 3],
  origin_mm: [0, 0, 0],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  bytes: 2000,
  address: "/v",
  sha256: "ab",
};
const PLANNING = {
  volume: VOLUME,
  taken_at: "2026-02-20",
  patient_position: "HFS",
  frame_of_reference_uid: "1",
  isocentre_mm: [10, 20, 30],
  structures: [],
  dose: null,
  no_dose_because: "",
  windows: [],
} as unknown as PlanningPictures;
const DAILY = {
  uid: UID,
  kind: "volume",
  acquired_at: "2026-03-02T09:00:00Z",
  volume: VOLUME,
  views: [],
  machine_isocentre_mm: [0, 0, 0],
  uncorrected: [...UNCORRECTED],
  windows: [],
} as unknown as DailyPictures;

const DEVIATION = {
  lateral_mm: 0.4,
  longitudinal_mm: 0.5,
  vertical_mm: 0.6,
  pitch_deg: 0.1,
  roll_deg: 0.1,
  yaw_deg: 0.1,
};

function matchOf(pose: Matrix4 | null, change: Partial<Match> = {}): Match {
  return {
    image_uid: UID,
    is_by_hand: false,
    planning_from_daily: pose === null ? null : [...pose],
    deviation: pose === null ? null : DEVIATION,
    ...change,
  } as Match;
}

function fractionOf(version: number, matches: Match[], change: Partial<Fraction> = {}): Fraction {
  return {
    version,
    state: "aligned",
    matches,
    possible: ["match", "approve"],
    image_valid_until: null,
    journal: [{ by: "Bea", event: "matched by hand" }],
    ...change,
  } as Fraction;
}

function opened(first: Fraction, pose: Matrix4 | null) {
  const session = new AlignSession(KEY, PLANNING, DAILY, pose);
  const fraction = signal(first);
  const standing = new StandingState(session, fraction, signal(true));
  const take = (next: Fraction) => {
    standing.follow(next);
    fraction.value = next;
  };
  take(first);
  return { session, standing, take };
}

beforeEach(() => {
  vi.spyOn(performance, "now").mockReturnValue(1000);
  noteConnected(true);
  noteMessage();
});

describe("the position beside what the service has", () => {
  test("the automatic match can be approved, and need not be used again", () => {
    const { standing } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    expect(standing.words.value).toBe("Automatic match");
    expect(standing.whyNotApprove.value).toEqual([]);
    expect(standing.whyNotUse.value).toHaveLength(1);
  });

  test("a hand pose that was not used bars approving, and says so", () => {
    const { session, standing } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    session.hand.move(translation([6, 20, 30]), "key");
    expect(standing.isDraft.value).toBe(true);
    expect(standing.words.value).toContain("DRAFT by hand");
    expect(standing.whyNotApprove.value).toHaveLength(1);
    expect(standing.whyNotUse.value).toEqual([]);
  });

  test("undoing everything opens approving again", () => {
    const { session, standing } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    session.hand.move(translation([6, 20, 30]), "key");
    session.hand.undo();
    expect(standing.whyNotApprove.value).toEqual([]);
  });

  test("while the automatic result flickers in, nobody can approve what comes and goes", () => {
    const { session, standing } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    session.isComparing.value = true;
    expect(standing.whyNotApprove.value).toHaveLength(1);
  });
});

describe("a fraction that somebody else changed", () => {
  test("takes an untouched screen along to the new match", () => {
    const { session, standing, take } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    const byHand = translation([5, 20, 30]);
    take(fractionOf(8, [matchOf(FOUND), matchOf(byHand, { is_by_hand: true })]));
    expect(session.hand.pose.value).toEqual(byHand);
    expect(standing.words.value).toBe("Match by hand");
    expect(standing.overtaken.value).toBe("");
  });

  test("leaves the hand's draft where it is, and says who changed what", () => {
    const { session, standing, take } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    const mine = translation([6, 20, 30]);
    session.hand.move(mine, "drag");
    take(fractionOf(8, [matchOf(FOUND), matchOf(translation([5, 20, 30]), { is_by_hand: true })]));
    expect(session.hand.pose.value).toEqual(mine);
    expect(standing.overtaken.value).toContain("Bea");
    expect(standing.overtaken.value).toContain("version 8");
    expect(standing.whyNotApprove.value).toHaveLength(1);
  });

  test("that took in the hand's own position begins a new record with it, rounded as it came back", () => {
    const { session, standing, take } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    session.hand.move(translation([6, 20, 30]), "drag");
    const kept = translation([6 + 1e-8, 20, 30]);
    take(fractionOf(8, [matchOf(FOUND), matchOf(kept, { is_by_hand: true })]));
    expect(session.hand.pose.value).toEqual(kept);
    expect(session.hand.history.value.movements).toEqual([]);
    expect(standing.isDraft.value).toBe(false);
  });

  test("with a match of another image bars using and approving on this one", () => {
    const { standing, take } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    take(fractionOf(8, [matchOf(FOUND), matchOf(FOUND, { image_uid: "9.9" })]));
    expect(standing.whyNotApprove.value.join()).toContain("another image");
    expect(standing.whyNotUse.value.join()).toContain("older image");
  });
});

describe("uncertainty", () => {
  test("is that of the match while it is on the screen, and is called the engine's beside a hand pose", () => {
    const { session, standing } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    expect(standing.deviationOf.value).toBe("95 % of the isocentre");
    session.hand.move(translation([6, 20, 30]), "key");
    expect(standing.deviationOf.value).toContain("of the automatic match");
    expect(standing.deviation.value).toEqual(DEVIATION);
  });

  test("is not invented where the engine gave none", () => {
    const { standing } = opened(fractionOf(7, [matchOf(null)]), null);
    expect(standing.deviation.value).toBeNull();
    expect(standing.words.value).toBe("Set-up position; the engine gave no position");
  });
});

describe("time", () => {
  test("an image that is past marks every view and bars signing and using", () => {
    const past = fractionOf(7, [matchOf(FOUND)], { image_valid_until: "2020-01-01T00:00:00Z" });
    const { session, standing } = opened(past, FOUND);
    expect(standing.staleWords.value).toContain("IMAGE TOO OLD");
    expect(standing.whyNotApprove.value.join()).toContain("too old");
    session.hand.move(translation([6, 20, 30]), "key");
    expect(standing.whyNotUse.value.join()).toContain("too old");
  });

  test("a fraction that is over is looked at without an alarm, and nothing can be done in it", () => {
    const over = fractionOf(9, [matchOf(FOUND)], {
      image_valid_until: "2020-01-01T00:00:00Z",
      ended_at: "2020-01-01T00:10:00Z",
      possible: [],
    });
    const { standing } = opened(over, FOUND);
    expect(standing.staleWords.value).toBe("");
    expect(standing.over.value).toContain("over");
    expect(standing.whyNotApprove.value).not.toEqual([]);
    expect(standing.whyNotUse.value).not.toEqual([]);
  });

  test("the last three minutes are counted down", () => {
    const soon = new Date(Date.now() + 90_000).toISOString();
    const { standing } = opened(fractionOf(7, [matchOf(FOUND)], { image_valid_until: soon }), FOUND);
    expect(standing.countdown.value).toMatch(/^The image counts for 1:\d\d more\.$/);
  });
});

describe("the hand", () => {
  test("does not move by keys outside match mode", () => {
    const { session } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    session.act({ kind: "nudge", right: 1, down: 0, size: "coarse" }, "key");
    expect(session.hand.pose.value).toEqual(FOUND);
    session.setMatching(true);
    session.act({ kind: "nudge", right: 1, down: 0, size: "coarse" }, "key");
    // 5 mm to the right of the axial view is 5 mm to the patient's left: +5 mm lateral for HFS.
    expect(session.hand.correction.value.lateralMm).toBeCloseTo(-3 + 5, 9);
  });

  test("goes to the automatic result and to the set-up position, and both are recorded and taken back", () => {
    const { session } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    session.setMatching(true);
    session.goUncorrected();
    expect(sixOf(session.hand.correction.value).lateral_mm).toBeCloseTo(0, 9);
    session.goAutomatic();
    expect(session.hand.pose.value).toEqual(FOUND);
    session.hand.undo();
    expect(session.hand.history.value.movements.map(({ kind }) => kind)).toEqual(["reset", "engine", "undo"]);
    expect(session.hand.pose.value).toEqual(UNCORRECTED);
  });

  test("never notes a movement before the one before it, even where the clock is set back", () => {
    const { session } = opened(fractionOf(7, [matchOf(FOUND)]), FOUND);
    const clock = vi.spyOn(Date, "now");
    clock.mockReturnValue(5000);
    session.hand.move(translation([1, 0, 0]), "key");
    clock.mockReturnValue(4000);
    session.hand.move(translation([2, 0, 0]), "key");
    const [first, second] = session.hand.history.value.movements;
    expect(Date.parse(second!.at)).toBeGreaterThanOrEqual(Date.parse(first!.at));
  });
});
