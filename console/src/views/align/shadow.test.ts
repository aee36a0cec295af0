import { describe, expect, test } from "vitest";
import { couchCorrection, type TreatmentSetup } from "../../geometry/correction";
import { IDENTITY, translation } from "../../geometry/rigid";
import { axesOf, shadowShifted, shadowTurned } from "./shadow";

/** Seen from the front: columns to the patient's left, rows to the feet. */
const FROM_THE_FRONT = { right: [1, 0, 0], down: [0, 0, -1] } as const;
const SETUP: TreatmentSetup = {
  planIsocentreMm: [10, 20, 30],
  machineIsocentreMm: [0, 0, 0],
  patientPosition: "HFS",
};
const UNCORRECTED = translation([10, 20, 30]);

describe("the shadow of the planning CT", () => {
  test("that has to go 5 mm to the patient's left says he lies there, and the couch goes 5 mm to his right", () => {
    // docs/conventions.md, "The couch correction": too far left is lateral -5 for HFS.
    const shift = { rightMm: 5, downMm: 0, intoMm: 0 };
    const correction = couchCorrection(shadowShifted(UNCORRECTED, FROM_THE_FRONT, shift), SETUP);
    expect(correction.lateralMm).toBeCloseTo(-5, 9);
    expect(Math.hypot(correction.longitudinalMm, correction.verticalMm)).toBeLessThan(1e-9);
  });

  test("that has to go up the screen says he lies too far to the gantry, and the couch goes away from it", () => {
    const shift = { rightMm: 0, downMm: -3, intoMm: 0 };
    const correction = couchCorrection(shadowShifted(UNCORRECTED, FROM_THE_FRONT, shift), SETUP);
    expect(correction.longitudinalMm).toBeCloseTo(-3, 9);
  });

  test("that has to turn clockwise says he lies turned clockwise from above, and the couch turns back", () => {
    const correction = couchCorrection(shadowTurned(UNCORRECTED, FROM_THE_FRONT, 2, [0, 0, 0]), SETUP);
    expect(correction.yawDeg).toBeCloseTo(2, 9);
    expect(Math.abs(correction.lateralMm) + Math.abs(correction.longitudinalMm)).toBeLessThan(1e-9);
  });

  test("there and back is where it was", () => {
    const there = shadowShifted(IDENTITY, FROM_THE_FRONT, { rightMm: 4, downMm: 2, intoMm: 1 });
    const back = shadowShifted(there, FROM_THE_FRONT, { rightMm: -4, downMm: -2, intoMm: -1 });
    expect(back).toEqual(IDENTITY);
  });
});

test("a view whose axes are no directions at a right angle moves nothing", () => {
  expect(axesOf({ right_axis: [2, 0, 0], down_axis: [0, 1, 0] })).toBeNull();
  expect(axesOf({ right_axis: [1, 0, 0], down_axis: [1, 0, 0] })).toBeNull();
  expect(axesOf({ right_axis: [1, 0, 0], down_axis: [0, 1, 0] })).not.toBeNull();
});
