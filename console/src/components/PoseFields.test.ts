import { describe, expect, it } from "vitest";
import { axisProblem, type CouchFacts, emptyPose, poseAsTyped, typedCouch } from "./PoseFields";
import { COUCH_AT_ZERO } from "./words";

const facts = (change: Partial<CouchFacts> = {}): CouchFacts => ({
  degrees_of_freedom: 6,
  expected_pose: null,
  yaw_axis: "support",
  ...change,
});

describe("a couch reading that somebody types", () => {
  it("is nothing until every drive was typed", () => {
    const empty = emptyPose(facts());
    expect(typedCouch(empty, null)).toBeNull();
    const partly = { ...empty, lateral_mm: "1", longitudinal_mm: "850", vertical_mm: "-118" };
    expect(typedCouch(partly, null)).toBeNull();
  });

  it("shows zeros for turns that the protocol does not use, unless another value is expected", () => {
    const shifts = emptyPose(facts({ degrees_of_freedom: 3 }));
    expect([shifts.pitch_deg, shifts.roll_deg, shifts.support_deg]).toEqual(["0.0", "0.0", "0.0"]);
    expect(shifts.lateral_mm).toBe("");
    const turned = { ...COUCH_AT_ZERO, support_deg: 90 };
    expect(emptyPose(facts({ degrees_of_freedom: 3, expected_pose: turned })).support_deg).toBe("");
    expect(emptyPose(facts({ degrees_of_freedom: 4 })).support_deg).toBe("");
  });

  it("asks for the table top's own rotation where the couch has one", () => {
    expect(emptyPose(facts()).eccentric_deg).toBe("0.0");
    expect(emptyPose(facts({ yaw_axis: "eccentric" })).eccentric_deg).toBe("");
  });

  it("is read with its signs, and takes the eccentric distance from the couch that is known", () => {
    const typed = poseAsTyped({ ...COUCH_AT_ZERO, lateral_mm: -3.14, vertical_mm: -118.7 });
    expect(typed.lateral_mm).toBe("−3.1");
    const known = { ...COUCH_AT_ZERO, eccentric_distance_mm: 200 };
    expect(typedCouch(typed, known)).toEqual({
      ...COUCH_AT_ZERO,
      lateral_mm: -3.1,
      vertical_mm: -118.7,
      eccentric_distance_mm: 200,
    });
  });

  it("refuses what no couch reads", () => {
    expect(axisProblem("12a", "mm")).not.toBe("");
    expect(axisProblem("20000", "mm")).toContain("Beyond");
    expect(axisProblem("361", "°")).toContain("Beyond");
    expect(axisProblem("359.9", "°")).toBe("");
  });
});
