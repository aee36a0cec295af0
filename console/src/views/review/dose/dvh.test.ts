import { describe, expect, it } from "vitest";
import { curvePath, decimalsOf, doseAxis, percentAt, ticksOf } from "./dvh";

/** A structure of which all gets 1 Gy, half gets 2 Gy, and nothing gets 3 Gy. */
const CURVE = [100, 100, 50, 0];

describe("a dose-volume histogram", () => {
  it("says how much of the volume gets at least a dose, between its steps too", () => {
    expect(percentAt(CURVE, 1, 0)).toBe(100);
    expect(percentAt(CURVE, 1, 2)).toBe(50);
    expect(percentAt(CURVE, 1, 1.5)).toBeCloseTo(75);
    expect(percentAt(CURVE, 1, 3)).toBe(0);
  });

  it("has nothing beyond its largest dose, wherever the axis ends", () => {
    expect(percentAt(CURVE, 1, 7)).toBe(0);
    expect(percentAt([], 1, 0)).toBe(0);
  });

  it("falls with the dose on the screen: to the right and down", () => {
    const axes = { x: (doseGy: number) => 10 * doseGy, y: (percent: number) => 100 - percent };
    expect(curvePath(CURVE, 1, axes)).toBe("M0 0L10 0L20 50L30 100");
    expect(curvePath([], 1, axes)).toBe("");
  });
});

describe("the axis of dose", () => {
  it("ends on a round number that holds every curve", () => {
    const axis = doseAxis([CURVE, new Array(217).fill(0)], 0.01);
    expect(axis.endGy).toBeCloseTo(2.25);
    expect(axis.tickGy).toBeCloseTo(0.25);
    expect(doseAxis([new Array(241).fill(1)], 0.263).endGy).toBeGreaterThanOrEqual(63.12);
  });

  it("has a tick at both ends, written so that ticks are told apart", () => {
    const ticks = ticksOf({ endGy: 2.25, tickGy: 0.25 });
    expect(ticks).toHaveLength(10);
    expect([ticks[0], ticks.at(-1)]).toEqual([0, 2.25]);
    expect([decimalsOf(10), decimalsOf(1), decimalsOf(0.2), decimalsOf(0.25)]).toEqual([0, 0, 1, 2]);
  });

  it("is there where there is no curve", () => {
    expect(doseAxis([], 0.01).endGy).toBeGreaterThan(0);
  });
});
