import { describe, expect, it } from "vitest";
import { chartReachMm } from "../components/motionAxes";
import { MotionRing } from "./motion";

const sample = (atS: number, lateralMm = atS) => ({ atS, lateralMm, longitudinalMm: 0, verticalMm: -1 });

describe("the last minute of the target", () => {
  it("keeps the newest samples in time order when it is full", () => {
    const ring = new MotionRing(3);
    for (const atS of [1, 2, 3, 4, 5]) {
      ring.push(sample(atS));
    }
    const [times, lateral] = ring.columns(0, 5, 10);
    expect(ring.length).toBe(3);
    expect(times).toEqual([-2, -1, 0]);
    expect(lateral).toEqual([3, 4, 5]);
  });

  it("refuses a sample that is not newer, and one that is no number", () => {
    const ring = new MotionRing(10);
    expect(ring.push(sample(2))).toBe(true);
    expect(ring.push(sample(2))).toBe(false);
    expect(ring.push(sample(1))).toBe(false);
    expect(ring.push(sample(3, Number.NaN))).toBe(false);
    expect(ring.length).toBe(1);
  });

  it("draws silence as a gap and not as a line", () => {
    const ring = new MotionRing(10);
    for (const atS of [1, 1.05, 3, 3.05]) {
      ring.push(sample(atS));
    }
    const [times, lateral, longitudinal] = ring.columns(0, 0, 0.5);
    expect(lateral).toEqual([1, 1.05, null, 3, 3.05]);
    expect(longitudinal[2]).toBeNull();
    expect(times).toHaveLength(5);
    expect([...times].sort((one, other) => one - other)).toEqual(times);
  });

  it("leaves out what is older than asked for, and forgets on demand", () => {
    const ring = new MotionRing(10);
    ring.push(sample(1));
    ring.push(sample(50));
    expect(ring.columns(40, 0, 100)[0]).toEqual([50]);
    ring.clear();
    expect(ring.columns(0, 0, 1)[0]).toEqual([]);
    expect(ring.push(sample(1))).toBe(true);
  });
});

describe("the height of the chart", () => {
  it("holds the gate and the largest sample, and does not blow up calm motion", () => {
    expect(chartReachMm(0.2, null)).toBe(3);
    expect(chartReachMm(0.2, 3)).toBe(5);
    expect(chartReachMm(9.5, 3)).toBe(15);
    expect(chartReachMm(950, 3)).toBe(1100);
  });
});
