import { describe, expect, it } from "vitest";
import type { CourseDose, DayDose, DayDoseRecord, Ladder, LadderRung } from "../../../api/documents";
import { standingOf, VERDICT_WORDS } from "../day/standing";
import { missingOfChoice } from "./ChooseDialog";
import {
  besidePlan,
  doseSeries,
  goalSign,
  goalValue,
  prescribedWords,
  soFarWords,
  whyNotBegun,
} from "./doseWords";
import { canBeChosen, curvesOf, figureRows, goalRows, rungWords } from "./ladder";

const record = (said: Partial<DayDoseRecord>): DayDoseRecord => ({
  image_uid: "1.2",
  computed_at: "2026-03-02T08:20:03Z",
  verdict: "for decision",
  is_for_decision: true,
  reasons: [],
  approximations: [],
  outdated_because: "",
  structures: [],
  goals: [],
  alerts: [],
  fractions_so_far: 0,
  algorithm: "pencil beam",
  beam_data: "generic-6mv",
  version: "1",
  ...said,
});

describe("what may be done with the dose of a day", () => {
  it("is decided by the service, never by the words of the verdict", () => {
    expect(standingOf(record({}))).toBe("for decision");
    expect(standingOf(record({ is_for_decision: false, outdated_because: "matched anew" }))).toBe(
      "not for decision",
    );
    expect(standingOf(record({ verdict: "not available", is_for_decision: false }))).toBe("not available");
    expect(VERDICT_WORDS["not for decision"].title).toContain("NOT FOR DECISION");
  });

  it("stands beside the prescription, and a plan that does not give it is warned of", () => {
    const target = { name: "PTV", prescription_gy: 3, d95_gy: 2.9 };
    expect(prescribedWords(target)).toEqual({
      words:
        "prescribed to PTV: 3.00 Gy a fraction; the plan as computed here gives D95% 2.90 Gy, 97 % of it",
      isFar: false,
    });
    const tooMuch = prescribedWords({ ...target, d95_gy: 4.68 });
    expect(tooMuch.isFar).toBe(true);
    expect(tooMuch.words).toContain("156 % of it: check beam data and monitor units");
    expect(prescribedWords({ ...target, d95_gy: 2.6 }).isFar).toBe(true);
    expect(prescribedWords({ ...target, prescription_gy: null }).isFar).toBe(true);
  });

  it("is told by sign and word for a goal, and a goal without a value is neither met nor missed", () => {
    expect(goalSign(true)).toEqual({ tone: "good", words: "met" });
    expect(goalSign(false)).toEqual({ tone: "bad", words: "missed" });
    expect(goalSign(null).words).toBe("not known");
    expect(goalValue({ value: null, unit: "Gy" })).toBe("no value");
    expect(goalValue({ value: 55.81, unit: "Gy" })).toBe("55.8 Gy");
  });

  it("stands beside the plan with the sign of the difference", () => {
    expect(besidePlan(1.86, 1.94)).toBe("1.86 Gy (−0.08)");
    expect(besidePlan(0.9, 0.8)).toBe("0.90 Gy (+0.10)");
  });

  it("is not computed before the anatomy was assessed, nor with beam data that nobody chose", () => {
    const dose = (said: Partial<DayDose>) => ({ not_possible_because: "", beam_data_problem: "", ...said });
    const asked = (said: Partial<DayDose>, machine: string) => whyNotBegun(dose(said) as DayDose, machine);
    expect(asked({}, "")).toBe("");
    expect(asked({ not_possible_because: "the anatomy has to be assessed first" }, "generic-6mv")).toBe(
      "the anatomy has to be assessed first",
    );
    expect(asked({ beam_data_problem: "no beam data for this machine" }, "")).toContain("choose");
    expect(asked({ beam_data_problem: "no beam data for this machine" }, "generic-6mv")).toBe("");
  });
});

describe("the dose over a course", () => {
  const day = (fraction: number, d95_gy: number, why_not = "") => ({
    fraction,
    counts: why_not === "",
    why_not,
    volume_ml: 100,
    planned_mean_gy: 2,
    planned_d95_gy: 1.95,
    planned_d2_gy: 2.1,
    mean_gy: 2.02,
    d95_gy,
    d2_gy: 2.1,
    accumulated_mean_gy: 2 * fraction,
    accumulated_d95_gy: 1.9 * fraction,
    accumulated_d2_gy: 2.1 * fraction,
    accumulated_sigma_gy: 0.05,
  });
  const target: CourseDose["structures"][number] = {
    name: "PTV",
    is_target: true,
    days: [day(1, 1.95), day(2, 1.75, "not for decision"), day(3, 1.85)],
  };
  const prescribed = new Map([1, 2, 3].map((number) => [number, 2] as const));

  it("follows D95% of a target in percent of the prescription, and keeps doubtful days apart", () => {
    const { counting, doubtful } = doseSeries(target, prescribed);
    expect(counting.map(({ number, value }) => [number, value])).toEqual([
      [1, 0],
      [3, expect.closeTo(-5)],
    ]);
    expect(doubtful.map(({ number, value }) => [number, value])).toEqual([[2, expect.closeTo(-10)]]);
  });

  it("follows the mean dose of an organ, and shows nothing where nothing is prescribed", () => {
    const organ = { ...target, is_target: false };
    expect(doseSeries(organ, prescribed).counting[0]!.value).toBeCloseTo(1);
    expect(doseSeries(organ, new Map()).counting[0]!.value).toBeNull();
  });

  it("says what was added up beside what was planned for as many fractions", () => {
    expect(soFarWords(target, 3)).toBe("PTV: D95% 5.70 Gy of 5.85 Gy planned");
    expect(soFarWords({ ...target, is_target: false }, 3)).toBe(
      "PTV: mean 6.00 ± 0.05 Gy of 6.00 Gy planned",
    );
    expect(soFarWords({ ...target, days: [] }, 3)).toBe("");
  });
});

const rung = (said: Partial<LadderRung>): LadderRung => ({
  rung: "virtual couch shift",
  is_available: true,
  reasons: [],
  changes: [],
  couch: null,
  structures: [],
  goals: [],
  curves_percent: {},
  plan_address: null,
  plan_uid: "",
  plan_sha256: "",
  ...said,
});

describe("the ladder of corrections", () => {
  const structure = (name: string, d95_gy: number, mean_gy: number) => ({
    name,
    d95_gy,
    mean_gy,
    d2_gy: 2.1,
  });
  const goal = (is_met: boolean) => ({
    goal: "PTV D95% >= 57 Gy",
    value: is_met ? 58 : 54,
    limit: 57,
    unit: "Gy",
    is_met,
    was_met_in_plan: true,
  });
  const curve = (name: string, is_target: boolean) => ({
    name,
    is_target,
    color: [255, 0, 0] as [number, number, number],
    planned_percent: [100, 0],
    day_percent: [100, 0],
  });
  const ladder: Ladder = {
    computed_at: "2026-03-02T08:30:03Z",
    approximations: [],
    planned: [structure("PTV", 1.95, 2), structure("Rectum", 0.1, 0.8)],
    planned_goals: [goal(true)],
    no_plans_because: "",
    histograms: {
      step_gy: 0.01,
      prescription_gy: 2,
      curves: [curve("PTV", true), curve("Rectum", false)],
    },
    rungs: [
      rung({ rung: "as the patient lies", structures: [structure("PTV", 1.7, 1.9)], goals: [goal(false)] }),
      rung({ rung: "couch", is_available: false, reasons: ["the couch cannot turn"] }),
      rung({
        structures: [structure("PTV", 1.94, 2), structure("Rectum", 0.1, 0.82)],
        goals: [goal(true)],
        curves_percent: { PTV: [100, 50] },
      }),
    ],
  };

  it("sets each figure of each rung that has an effect beside the planned one", () => {
    const rows = figureRows(ladder);
    expect(rows.map(({ words }) => words)).toEqual(["PTV D95%", "Rectum mean", "Rectum D2%"]);
    expect(rows[0]).toEqual({ words: "PTV D95%", plannedGy: 1.95, rungsGy: [1.7, 1.94] });
    expect(rows[1]!.rungsGy).toEqual([null, 0.82]); // the first rung says nothing of the rectum
    expect(rungWords(1.7, 1.95)).toBe("1.70 (−0.25)");
    expect(rungWords(null, 1.95)).toBe("no value");
  });

  it("shows which goals a rung brings back", () => {
    const [row] = goalRows(ladder);
    expect(row!.planned.is_met).toBe(true);
    expect(row!.rungs.map((one) => one?.is_met)).toEqual([false, true]);
  });

  it("lets a rung be chosen only where it is available, and never the patient as he lies", () => {
    expect(ladder.rungs.map((one) => canBeChosen(ladder, one))).toEqual([false, false, true]);
  });

  it("gives nothing to choose on a day by which nothing may be decided", () => {
    const doubtful = { ...ladder, no_plans_because: "no plan shall rest on a day that is not for decision" };
    expect(ladder.rungs.some((one) => canBeChosen(doubtful, one))).toBe(false);
  });

  it("draws the histograms of a rung only where it has an effect", () => {
    expect(ladder.rungs.map((one) => curvesOf(one) !== null)).toEqual([false, false, true]);
    expect(curvesOf(undefined)).toBeNull();
  });

  it("is chosen from with a reason and a signature", () => {
    expect(missingOfChoice({ reason: "short", name: "paul", password: "x" })).toHaveLength(1);
    expect(missingOfChoice({ reason: "the target has turned", name: "paul", password: "" })).toEqual([
      "Sign with name and password.",
    ]);
    expect(missingOfChoice({ reason: "the target has turned", name: "paul", password: "x" })).toEqual([]);
  });
});
