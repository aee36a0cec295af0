/** The same poses and planes as in Python give the same numbers; tools/console_golden.py writes them. */

import { describe, expect, test } from "vitest";
import golden from "../../golden/geometry.json";
import {
  type CouchCorrection,
  couchCorrection,
  planningFromDailyOf,
  shiftAlongTableMm,
  turnedWithCouch,
  wrapDeg,
} from "./correction";
import { correctedPose } from "./couch";
import { shiftedOnScreen, turnedOnScreen } from "./motion";
import { patientPosition } from "./patient";
import {
  depthMm,
  edgeLetters,
  mmFromScreen,
  type Orientation,
  orientationLetter,
  planeThrough,
  screenFromMm,
} from "./planes";
import { type Matrix4, rigidTransform } from "./rigid";
import type { Vec3 } from "./vector";

function vec3(values: readonly number[]): Vec3 {
  return [values[0]!, values[1]!, values[2]!];
}

function expectClose(actual: readonly number[], expected: readonly number[], decimals = 9): void {
  expect(actual.length).toBe(expected.length);
  for (const [index, value] of expected.entries()) {
    expect(actual[index]).toBeCloseTo(value, decimals);
  }
}

function expectSameCorrection(actual: CouchCorrection, expected: CouchCorrection): void {
  for (const name of Object.keys(expected) as (keyof CouchCorrection)[]) {
    expect(actual[name], name).toBeCloseTo(expected[name], 9);
  }
}

describe.each(golden.setups.map((setup, index) => ({ ...setup, name: `${setup.patientPosition} ${index}` })))(
  "setup $name",
  (setup) => {
    const treatment = {
      planIsocentreMm: vec3(setup.planIsocentreMm),
      machineIsocentreMm: vec3(setup.machineIsocentreMm),
      patientPosition: patientPosition(setup.patientPosition),
    };
    const planningFromDaily = rigidTransform("planning from daily", setup.planningFromDaily);

    test("the registration calls for Python's correction", () => {
      expectSameCorrection(couchCorrection(planningFromDaily, treatment), setup.correction);
    });

    test("the correction leads back to Python's registration", () => {
      expectClose(planningFromDailyOf(setup.correction, treatment), setup.planningFromDaily);
    });

    test("the couch kick turns the correction as in Python", () => {
      expectSameCorrection(turnedWithCouch(setup.correction, setup.supportDeg), setup.turnedWithCouch);
      expectClose(shiftAlongTableMm(setup.correction, setup.supportDeg), setup.shiftAlongTableMm);
    });
  },
);

test.each(golden.couches)("couch $# is driven where Python drives it", (couch) => {
  for (const [axis, expected] of [
    ["support", couch.bySupport],
    ["eccentric", couch.byEccentric],
  ] as const) {
    const pose = correctedPose(couch.pose, couch.correction, axis);
    for (const name of Object.keys(expected) as (keyof typeof expected)[]) {
      expect(pose[name], `${axis} ${name}`).toBeCloseTo(expected[name], 8);
    }
  }
});

describe.each(golden.planes)("the $orientation plane", (recorded) => {
  const plane = planeThrough(recorded.orientation as Orientation, vec3(recorded.centreMm), {
    mmPerPx: recorded.mmPerPx,
    widthPx: recorded.pixels,
    heightPx: recorded.pixels,
  });
  const planningFromDaily = recorded.planningFromDaily as unknown as Matrix4;

  test("has Python's letters at its edges", () => {
    const { left, right, top, bottom } = edgeLetters(plane);
    expect([left, right, top, bottom]).toEqual(recorded.letters);
  });

  test("shows points where Python does, and knows how deep they lie", () => {
    for (const [index, point] of recorded.pointsMm.entries()) {
      const { xPx, yPx } = screenFromMm(plane, vec3(point));
      expectClose([xPx, yPx], recorded.pointsPx[index]!);
      expect(depthMm(plane, vec3(point))).toBeCloseTo(recorded.depthsMm[index]!, 9);
    }
  });

  test("finds the position under a pixel", () => {
    const xyzMm = mmFromScreen(plane, { xPx: 100.25, yPx: 400.5 });
    const { xPx, yPx } = screenFromMm(plane, xyzMm);
    expectClose([xPx, yPx, depthMm(plane, xyzMm)], [100.25, 400.5, 0]);
  });

  test("moves and turns the daily image as Python does", () => {
    const [rightMm, downMm, intoMm] = vec3(recorded.shiftMm);
    expectClose(shiftedOnScreen(planningFromDaily, plane, { rightMm, downMm, intoMm }), recorded.shifted);
    const turned = turnedOnScreen(
      planningFromDaily,
      plane,
      recorded.clockwiseDeg,
      vec3(recorded.isocentreMm),
    );
    expectClose(turned, recorded.turned);
  });
});

test.each(golden.letters)(
  "a direction points to Python's side of the body: $letter",
  ({ direction, letter }) => {
    expect(orientationLetter(vec3(direction))).toBe(letter);
  },
);

test.each(golden.wrapped)("$angleDeg° is written as in Python", ({ angleDeg, wrappedDeg }) => {
  expect(wrapDeg(angleDeg)).toBeCloseTo(wrappedDeg, 9);
});
