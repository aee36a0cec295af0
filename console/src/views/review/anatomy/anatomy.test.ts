import { describe, expect, it } from "vitest";
import type { Assessment } from "../../../api/documents";
import { actionOf, type KeyPress } from "../../../input/keymap";
import { standingOf, VERDICT_WORDS } from "../day/standing";
import { isAllowed } from "../day/useViewKeys";
import { raisedIn, type StructureOfCourse, volumeSeries } from "./volumeSeries";

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
  const day = (fraction: number, percent: number, why_not = "") => ({
    fraction,
    counts: why_not === "",
    why_not,
    volume_ml: 30 * (1 + percent / 100),
    volume_sigma_ml: 0.6,
    volume_change_percent: percent,
    shift_mm: [0, 0, 0] as [number, number, number],
    surface_mean_mm: 0,
    surface_p95_mm: 0,
    seen_fraction: 1,
  });
  const gtv: StructureOfCourse = {
    name: "GTV",
    is_target: true,
    planned_volume_ml: 30,
    volume_limit_percent: 20,
    days: [day(1, -2), day(2, -25, "not for decision"), day(3, -6)],
    volume_percent: null,
    surface_mm: null,
    shift_mm: [null, null, null],
    volume_drifts: null,
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
    const alert = {
      structure: "GTV",
      is_target: true,
      measure: "volume",
      limit: 20,
      days: 3,
      since: 3,
      raised_in: 5,
      newest: 6,
      value: -22,
      ended_in: null,
      undecided: [],
      in_words: "",
    };
    const anatomy = {
      in_words: [],
      has_limits: true,
      days: [],
      structures: [gtv],
      alerts: [
        alert,
        { ...alert, raised_in: 9, ended_in: 12 },
        { ...alert, raised_in: 7, measure: "shift" },
        { ...alert, structure: "parotid" },
      ],
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

  it("switch isodoses only where those of the day are shown: under a deformation they are the plan's", () => {
    const action = actionOf(press("i"), false);
    expect(action !== null && isAllowed(action)).toBe(false);
    expect(action !== null && isAllowed(action, true)).toBe(true);
  });
});
