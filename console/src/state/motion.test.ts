import { describe, expect, it } from "vitest";
import { chartReachMm, isSeldom } from "../components/motionAxes";
import { wholeParts } from "../components/motionMarks";
import { MotionRing, type MotionSample } from "./motion";
import { Stretches } from "./stretches";

const sample = (atS: number, lateralMm = atS): MotionSample => ({
  atS,
  placeMm: [lateralMm, 0, -1],
  sigmaMm: [0.1, 0.2, 0.3],
});

describe("the last minute of the target", () => {
  it("keeps the newest samples in time order when it is full", () => {
    const ring = new MotionRing(3);
    for (const atS of [1, 2, 3, 4, 5]) {
      ring.push(sample(atS));
    }
    const [times, lateral] = ring.columns(0, 5, 10).lines;
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
    const [times, lateral, longitudinal] = ring.columns(0, 0, 0.5).lines;
    expect(lateral).toEqual([1, 1.05, null, 3, 3.05]);
    expect(longitudinal[2]).toBeNull();
    expect(times).toHaveLength(5);
    expect([...times].sort((one, other) => one - other)).toEqual(times);
  });

  it("leaves out what is older than asked for, and forgets on demand", () => {
    const ring = new MotionRing(10);
    ring.push(sample(1));
    ring.push(sample(50));
    expect(ring.columns(40, 0, 100).lines[0]).toEqual([50]);
    ring.clear();
    expect(ring.columns(0, 0, 1).lines[0]).toEqual([]);
    expect(ring.push(sample(1))).toBe(true);
  });
});

describe("how well the place is known", () => {
  it("goes with each sample, and a frame that did not show the target breaks line and band", () => {
    const ring = new MotionRing(10);
    ring.push(sample(1));
    ring.push({ atS: 1.5, placeMm: null, sigmaMm: null });
    ring.push(sample(2));
    const { lines, sigmasMm } = ring.columns(0, 0, 10);
    expect(lines[0]).toEqual([1, 1.5, 2]);
    expect(lines[1]).toEqual([1, null, 2]);
    expect(sigmasMm.map((axis) => axis[0])).toEqual([0.1, 0.2, 0.3]);
    expect(wholeParts(lines[1], sigmasMm[0])).toEqual([
      [0, 0],
      [2, 2],
    ]);
  });

  it("is not drawn as a band where the device does not say it", () => {
    expect(wholeParts([1, 2, 3, null, 5], [null, 0.1, 0.1, null, 0.1])).toEqual([
      [1, 2],
      [4, 4],
    ]);
  });

  it("is refused where it is no number", () => {
    const ring = new MotionRing(10);
    expect(ring.push({ ...sample(1), sigmaMm: [0.1, Number.NaN, 0.1] })).toBe(false);
  });
});

describe("what a state was over the last minute", () => {
  it("is told in stretches without a gap between them", () => {
    const kept = new Stretches<string>(60, 0.5);
    for (const [atS, kind] of [
      [1, "hold"],
      [1.1, "hold"],
      [1.2, "beam on"],
      [1.3, "beam on"],
    ] as const) {
      kept.push(atS, kind);
    }
    expect(kept.all).toEqual([
      { fromS: 1, untilS: 1.2, kind: "hold" },
      { fromS: 1.2, untilS: 1.3, kind: "beam on" },
    ]);
  });

  it("says nothing about a silence, and forgets what is long over", () => {
    const kept = new Stretches<string>(60, 0.5);
    kept.push(1, "hold");
    kept.push(5, "hold");
    kept.push(4, "beam on");
    expect(kept.all.map(({ fromS, untilS }) => [fromS, untilS])).toEqual([
      [1, 1],
      [5, 5],
    ]);
    kept.push(63, "beam on");
    expect(kept.all.map(({ fromS }) => fromS)).toEqual([5, 63]);
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

describe("dots on the lines", () => {
  it("mark samples that come seldom, and hide nothing where they come often", () => {
    expect(isSeldom([-2, -1, 0])).toBe(true);
    expect(isSeldom([-0.4, -0.2, 0])).toBe(false);
    expect(isSeldom([0])).toBe(true);
    expect(isSeldom([])).toBe(true);
  });
});
