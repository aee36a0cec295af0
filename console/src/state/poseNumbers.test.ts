import { describe, expect, test } from "vitest";
import { fromParts, IDENTITY, rotationAbout, rotationAboutPoint, translation } from "../geometry/rigid";
import {
  AXES,
  correctionOf,
  directionWords,
  poseDistance,
  readTyped,
  shortDirection,
  signed,
  sixOf,
  spoken,
  toleranceWord,
  withAxis,
} from "./poseNumbers";

const [LATERAL, , VERTICAL, , , YAW] = AXES;

describe("six numbers in words", () => {
  test("each has its sign, and zero has none", () => {
    expect([signed(3.14, "mm"), signed(-3.14, "mm"), signed(-0.04, "mm"), signed(0.254, "°")]).toEqual([
      "+3.1",
      "−3.1",
      "0.0",
      "+0.25",
    ]);
  });

  test("each has a direction that agrees with what is shown, not with digits behind it", () => {
    expect(directionWords(LATERAL!, -3)).toBe("to the left");
    expect(directionWords(VERTICAL!, 0.2)).toBe("up");
    expect(directionWords(VERTICAL!, 0.04)).toBe("stays");
    expect(directionWords(YAW!, -0.5)).toBe("clockwise from above");
  });

  test("a turn is an arrow that turns the same way where there is little room", () => {
    expect(shortDirection(YAW!, 1)).toBe("↺ from above");
    expect(shortDirection(YAW!, -1)).toBe("↻ from above");
    expect(shortDirection(LATERAL!, -1)).toBe("to the left");
  });

  test("is spoken with name, size, unit and direction", () => {
    expect(spoken(LATERAL!, -3.12)).toBe("lateral 3.1 mm to the left");
    expect(spoken(YAW!, 0.5)).toBe("rotation (yaw) 0.50 degrees counter-clockwise from above");
  });

  test("what equals the tolerance is within, what is beyond says so with a sign of its own", () => {
    expect(toleranceWord(-1, 1)).toEqual({ isInside: true, sign: "✓", word: "within" });
    expect(toleranceWord(-1.01, 1)).toEqual({ isInside: false, sign: "!", word: "beyond" });
  });

  test("go to the service and back unchanged", () => {
    const six = {
      lateral_mm: 1,
      longitudinal_mm: -2,
      vertical_mm: 3,
      pitch_deg: -4,
      roll_deg: 5,
      yaw_deg: -6,
    };
    expect(sixOf(correctionOf(six))).toEqual(six);
  });
});

describe("a typed number", () => {
  test.each([
    ["2.5", 2.5],
    [" -2,5 ", -2.5],
    ["−1", -1],
    ["+.5", 0.5],
    ["3.", 3],
  ])("%s is taken", (text, value) => {
    expect(readTyped(text, LATERAL!)).toEqual({ value });
  });

  test.each(["", "-", "2.5 mm", "1e3", "0x10", "1,2,3", "NaN", "Infinity", "--1"])("%s is not", (text) => {
    expect(readTyped(text, LATERAL!)).toHaveProperty("problem");
  });

  test("one that a missing point would make is refused with the limit", () => {
    expect(readTyped("2500", LATERAL!)).toHaveProperty("problem", expect.stringContaining("±200 mm"));
    expect(readTyped("25", YAW!)).toHaveProperty("problem", expect.stringContaining("±20 °"));
  });
});

describe("distance of two poses", () => {
  test("a shift is a distance without a turn", () => {
    const apart = poseDistance(IDENTITY, translation([3, 4, 0]), [10, 20, 30]);
    expect(apart.isocentreMm).toBeCloseTo(5, 12);
    expect(apart.turnDeg).toBe(0);
  });

  test("a turn about the isocentre leaves it where it is, and small angles keep their digits", () => {
    const turned = rotationAboutPoint(rotationAbout([0.6, 0, 0.8], 0.001), [10, 20, 30]);
    const apart = poseDistance(IDENTITY, turned, [10, 20, 30]);
    expect(apart.isocentreMm).toBeLessThan(1e-12);
    expect(apart.turnDeg).toBeCloseTo(0.001, 12);
  });

  test("it does not depend on which of the two is first", () => {
    const a = fromParts(rotationAbout([0, 0, 1], 2), [1, 2, 3]);
    const b = fromParts(rotationAbout([1, 0, 0], -1), [3, 1, 2]);
    expect(poseDistance(a, b, [0, 0, 0]).turnDeg).toBeCloseTo(poseDistance(b, a, [0, 0, 0]).turnDeg, 12);
  });
});

test("one number is replaced and five stay", () => {
  const setup = {
    planIsocentreMm: [0, 0, 0],
    machineIsocentreMm: [0, 0, 0],
    patientPosition: "HFS",
  } as const;
  const correction = withAxis(translation([1, 2, 3]), setup, "yawDeg", 1.5);
  expect(correction).toEqual({
    lateralMm: 1,
    longitudinalMm: 3,
    verticalMm: -2,
    pitchDeg: 0,
    rollDeg: 0,
    yawDeg: 1.5,
  });
});
