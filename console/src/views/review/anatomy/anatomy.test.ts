import { describe, expect, it } from "vitest";
import type { Assessment } from "../../../api/documents";
import { actionOf, type KeyPress } from "../../../input/keymap";
import { isAllowed } from "./useViewKeys";
import { standingOf, VERDICT_WORDS } from "./verdictWords";
import { raisedIn, volumeSeries } from "./volumeSeries";

const assessment = (said: Partial<Assessment>): Assessment => ({
  image_uid: "1.2",
  assessed_at: "2026-03-02T08:14:03Z",
  verdict: "for decision",
  is_for_decision: true,
  reasons: [],
  approximations: [],
  outdated_because: "",
  figures: [],
  structures: [],
  alerts: [],
  algorithm: "test",
  version: "1",
  ...said,
});

describe("what may be done with an assessment", () => {
  it("is decided by the service, never by the words of the verdict", () => {
    expect(standingOf(assessment({}))).toBe("for decision");
    expect(standingOf(assessment({ is_for_decision: false }))).toBe("not for decision");
    expect(standingOf(assessment({ verdict: "not for decision", is_for_decision: false }))).toBe(
      "not for decision",
    );
    expect(standingOf(assessment({ verdict: "not available", is_for_decision: false }))).toBe(
      "not available",
    );
  });

  it("has a tone and words of its own", () => {
    const tones = Object.values(VERDICT_WORDS).map(({ tone }) => tone);
    expect(new Set(tones).size).toBe(tones.length);
    expect(VERDICT_WORDS["not for decision"].title).toContain("NOT FOR DECISION");
  });
});

describe("a volume over the course", () => {
  const day = (number: number, percent: number, why_not = "") => ({
    number,
    volume_ml: 30 * (1 + percent / 100),
    volume_sigma_ml: 0.6,
    volume_change_percent: percent,
    surface_mean_mm: 0,
    surface_p95_mm: 0,
    shift_mm: [0, 0, 0] as [number, number, number],
    why_not,
  });
  const gtv = {
    name: "GTV",
    is_target: true,
    planned_volume_ml: 30,
    volume_limit_percent: 20,
    days: [day(1, -2), day(2, -25, "not for decision"), day(3, -6)],
    volume_slope_percent: null,
  };

  it("keeps a day by which nothing may be decided out of those that count", () => {
    const { counting, doubtful } = volumeSeries(gtv);
    expect(counting.map(({ number, value }) => [number, value])).toEqual([
      [1, -2],
      [3, -6],
    ]);
    expect(doubtful.map(({ number }) => number)).toEqual([2]);
    expect(counting[0]!.deviation).toBeCloseTo(2);
  });

  it("is signalled where an alert of it was raised, and not where that has ended", () => {
    const alert = { structure: "GTV", words: "", since: 3, raised_in: 5, ended_in: null };
    const anatomy = {
      course_id: "C1",
      structures: [gtv],
      alerts: [alert, { ...alert, raised_in: 9, ended_in: 12 }, { ...alert, structure: "parotid" }],
      undecided: [],
      has_limits: true,
    };
    expect(raisedIn(anatomy, "GTV")).toEqual([5]);
  });
});

describe("keys of the review", () => {
  const press = (key: string): KeyPress =>
    ({
      key,
      code: "",
      ctrlKey: false,
      shiftKey: false,
      altKey: false,
      metaKey: false,
    }) as unknown as KeyPress;

  it("look, and move no image: nothing is matched here", () => {
    for (const [key, isLooking] of [
      ["PageDown", true],
      ["g", true],
      ["b", true],
      ["m", false],
      ["q", false],
    ] as const) {
      const action = actionOf(press(key), false);
      expect(action !== null && isAllowed(action), key).toBe(isLooking);
    }
  });
});
