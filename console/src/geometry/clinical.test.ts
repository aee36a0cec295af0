/** What a therapist would check by hand: signs, sides and directions. */

import { describe, expect, test } from "vitest";
import {
  anglesIec,
  type CouchCorrection,
  couchCorrection,
  fixedFromFixed,
  planningFromDailyOf,
  rotationIec,
  wrapDeg,
} from "./correction";
import { shiftedOnScreen, turnedOnScreen } from "./motion";
import { PATIENT_POSITIONS, type PatientPosition, patientPosition } from "./patient";
import {
  edgeLetters,
  intoScreen,
  mmFromScreen,
  orientationLetter,
  panned,
  planeThrough,
  samePlane,
  screenFromMm,
  scrolled,
  zoomed,
} from "./planes";
import {
  apply,
  compose,
  IDENTITY,
  inverse,
  rigidTransform,
  rotationAbout,
  rotationY,
  translation,
} from "./rigid";
import type { Vec3 } from "./vector";

const SIZE = { mmPerPx: 0.5, widthPx: 400, heightPx: 300 };

function setup(position: PatientPosition) {
  return {
    planIsocentreMm: [0, 0, 0] as Vec3,
    machineIsocentreMm: [0, 0, 0] as Vec3,
    patientPosition: position,
  };
}

describe("the couch correction", () => {
  test.each([
    ["HFS", "lateralMm", -5],
    ["FFS", "lateralMm", 5],
    ["HFP", "lateralMm", 5],
    ["FFP", "lateralMm", -5],
    ["HFDR", "verticalMm", -5],
    ["HFDL", "verticalMm", 5],
    ["FFDR", "verticalMm", -5],
    ["FFDL", "verticalMm", 5],
  ] as const)(
    "a patient in %s who lies 5 mm too far to his left is moved by %s = %d",
    (position, axis, wantedMm) => {
      // In today's image everything is 5 mm further left than in the plan.
      const planningFromDaily = translation([-5, 0, 0]);
      const correction = couchCorrection(planningFromDaily, setup(position));
      expect(correction).toEqual({
        lateralMm: 0,
        longitudinalMm: 0,
        verticalMm: 0,
        pitchDeg: 0,
        rollDeg: 0,
        yawDeg: 0,
        [axis]: wantedMm,
      });
    },
  );

  test("translates first, then turns about the isocentre", () => {
    const correction: CouchCorrection = {
      ...{ lateralMm: 10, longitudinalMm: 0, verticalMm: 0 },
      ...{ pitchDeg: 0, rollDeg: 0, yawDeg: 90 },
    };
    const [x, y, z] = apply(fixedFromFixed(correction), [0, 0, 0]);
    expect([x, y, z].map((mm) => Math.round(mm * 1e9) / 1e9 + 0)).toEqual([0, 10, 0]);
  });

  test("358.03° of yaw are shown as -1.97°", () => {
    expect(wrapDeg(358.03)).toBeCloseTo(-1.97, 10);
    expect(wrapDeg(-180)).toBe(180);
  });

  test("a pitch of 90° is refused, because yaw and roll are not defined", () => {
    expect(() => anglesIec(rotationIec(10, 90, 5))).toThrow("±90°");
  });

  test("a value that is not a number is refused both ways", () => {
    const broken = { ...couchCorrection(IDENTITY, setup("HFS")), yawDeg: Number.NaN };
    expect(() => planningFromDailyOf(broken, setup("HFS"))).toThrow("not a finite number");
    const nowhere = { ...setup("HFS"), planIsocentreMm: [Number.NaN, 0, 0] as const };
    expect(() => couchCorrection(IDENTITY, nowhere)).toThrow("not a finite number");
  });

  test("a position without known axes is refused rather than guessed", () => {
    expect(() => patientPosition("SITTING")).toThrow("'SITTING' has no known axes");
    expect(PATIENT_POSITIONS).toHaveLength(8);
  });
});

describe("a rigid transform", () => {
  test("and its inverse give the identity", () => {
    const aFromB = compose(translation([1, 2, 3]), [
      ...rotation3(),
      0,
      0,
      0,
      1,
    ] as unknown as typeof IDENTITY);
    const product = compose(aFromB, inverse(aFromB));
    for (const [index, value] of IDENTITY.entries()) {
      expect(product[index]).toBeCloseTo(value, 12);
    }
  });

  function rotation3(): readonly number[] {
    const r = rotationAbout([0.6, 0, 0.8], 33);
    return [r[0], r[1], r[2], 0, r[3], r[4], r[5], 0, r[6], r[7], r[8], 0];
  }

  test("about y agrees with the general axis", () => {
    for (const [index, value] of rotationY(33).entries()) {
      expect(rotationAbout([0, 1, 0], 33)[index]).toBeCloseTo(value, 12);
    }
  });

  test.each([
    ["a mirror", [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]],
    ["a scale", [1.01, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]],
    ["a shear", [1, 0.01, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]],
    ["another last row", [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1]],
    ["a hole", [1, 0, 0, Number.NaN, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]],
    ["fifteen numbers", new Array(15).fill(0)],
  ])("is not %s", (_, values) => {
    expect(() => rigidTransform("planning from daily", values)).toThrow("planning from daily");
  });
});

describe("the standard planes", () => {
  test("axial is seen from the feet with the patient's right on the left of the screen", () => {
    const plane = planeThrough("axial", [0, 0, 0], SIZE);
    expect(edgeLetters(plane)).toEqual({ left: "R", right: "L", top: "A", bottom: "P" });
    expect(orientationLetter(intoScreen(plane))).toBe("H");
  });

  test("coronal is seen from the front", () => {
    const plane = planeThrough("coronal", [0, 0, 0], SIZE);
    expect(edgeLetters(plane)).toEqual({ left: "R", right: "L", top: "H", bottom: "F" });
    expect(orientationLetter(intoScreen(plane))).toBe("P");
  });

  test("sagittal is seen from the patient's left", () => {
    const plane = planeThrough("sagittal", [0, 0, 0], SIZE);
    expect(edgeLetters(plane)).toEqual({ left: "A", right: "P", top: "H", bottom: "F" });
    expect(orientationLetter(intoScreen(plane))).toBe("R");
  });

  test("a turned plane has the letters of the nearest sides", () => {
    const plane = { ...planeThrough("axial", [0, 0, 0], SIZE), right: [0, 1, 0], down: [-1, 0, 0] } as const;
    expect(edgeLetters(plane)).toEqual({ left: "A", right: "P", top: "L", bottom: "R" });
  });

  test("the centre lies in the middle of the picture and the first corner at half the size", () => {
    const plane = planeThrough("axial", [12, -34, 56], SIZE);
    expect(screenFromMm(plane, [12, -34, 99])).toEqual({ xPx: 200, yPx: 150 });
    expect(mmFromScreen(plane, { xPx: 0, yPx: 0 })).toEqual([12 - 100, -34 - 75, 56]);
  });

  test("panning moves the anatomy with the pointer", () => {
    const plane = planeThrough("coronal", [0, 0, 0], SIZE);
    const grabbedMm = mmFromScreen(plane, { xPx: 100, yPx: 120 });
    expect(screenFromMm(panned(plane, 30, -20), grabbedMm)).toEqual({ xPx: 130, yPx: 100 });
  });

  test("zooming keeps what is under the pointer", () => {
    const plane = planeThrough("sagittal", [1, 2, 3], SIZE);
    const pointer = { xPx: 40, yPx: 250 };
    const nearer = zoomed(plane, 2.5, pointer);
    expect(nearer.mmPerPx).toBeCloseTo(0.2);
    for (const [axis, mm] of mmFromScreen(plane, pointer).entries()) {
      expect(mmFromScreen(nearer, pointer)[axis]).toBeCloseTo(mm, 9);
    }
  });

  test("scrolling into the axial screen goes to the head", () => {
    expect(scrolled(planeThrough("axial", [0, 0, 0], SIZE), 3).centreMm).toEqual([0, 0, 3]);
  });

  test("a plane is the same only with the same place, size and scale", () => {
    const plane = planeThrough("axial", [0, 0, 0], SIZE);
    expect(samePlane(plane, planeThrough("axial", [0, 0, 0], { ...SIZE }))).toBe(true);
    expect(samePlane(plane, scrolled(plane, 1))).toBe(false);
    expect(samePlane(plane, planeThrough("coronal", [0, 0, 0], SIZE))).toBe(false);
    expect(samePlane(plane, { ...plane, heightPx: 301 })).toBe(false);
  });
});

describe("moving the daily image by hand", () => {
  const plane = planeThrough("axial", [0, 0, 0], SIZE);

  test("to the right of the axial view is to the patient's left, down is to his back", () => {
    expect(apply(shiftedOnScreen(IDENTITY, plane, { rightMm: 1, downMm: 0, intoMm: 0 }), [0, 0, 0])).toEqual([
      1, 0, 0,
    ]);
    expect(apply(shiftedOnScreen(IDENTITY, plane, { rightMm: 0, downMm: 1, intoMm: 0 }), [0, 0, 0])).toEqual([
      0, 1, 0,
    ]);
    expect(apply(shiftedOnScreen(IDENTITY, plane, { rightMm: 0, downMm: 0, intoMm: 1 }), [0, 0, 0])).toEqual([
      0, 0, 1,
    ]);
  });

  test("moving the image to the patient's left calls for a couch shift to his left", () => {
    const moved = shiftedOnScreen(IDENTITY, plane, { rightMm: 2, downMm: 0, intoMm: 0 });
    expect(couchCorrection(moved, setup("HFS")).lateralMm).toBe(2);
  });

  test.each(["axial", "coronal", "sagittal"] as const)(
    "clockwise in the %s view is clockwise on the screen",
    (orientation) => {
      const view = planeThrough(orientation, [5, 6, 7], SIZE);
      const turned = turnedOnScreen(IDENTITY, view, 90, [5, 6, 7]);
      const aboveMm = mmFromScreen(view, { xPx: 200, yPx: 100 });
      const { xPx, yPx } = screenFromMm(view, apply(turned, aboveMm));
      // What was above the isocentre is now on its right.
      expect(xPx).toBeCloseTo(250, 9);
      expect(yPx).toBeCloseTo(150, 9);
    },
  );

  test("a turn leaves the isocentre where it is, whatever the pose was before", () => {
    const before = translation([3, -4, 5]);
    const isocentreMm: Vec3 = [10, 20, 30];
    const seenThere = apply(inverse(before), isocentreMm);
    for (const [axis, mm] of apply(turnedOnScreen(before, plane, 7, isocentreMm), seenThere).entries()) {
      expect(mm).toBeCloseTo(isocentreMm[axis]!, 9);
    }
  });
});
