import { describe, expect, it } from "vitest";
import { planeThrough } from "../../../geometry/planes";
import type { Vec3 } from "../../../geometry/vector";
import { arrowsPath, gridLines, shiftArrows, spacingMm } from "./deformation";
import { Field, type FieldAt } from "./field";
import { washBand, washOf } from "./volumeWash";

const COUNT = 11;

/** A field of 10 mm nodes about (0, 0, 0); where it says nothing, the day's image shows no tissue. */
function fieldOf(at: (place: Vec3) => FieldAt | null): Field {
  const nodes = Array.from({ length: COUNT ** 3 }, (_, node) => {
    const along = (step: number) => 10 * ((Math.floor(node / step) % COUNT) - 5);
    return at([along(1), along(COUNT), along(COUNT ** 2)]);
  });
  const counted = (number: (found: FieldAt) => number) =>
    Int16Array.from(nodes.map((found) => (found === null ? -32768 : Math.round(number(found)))));
  const header = {
    sizeIjk: [COUNT, COUNT, COUNT],
    spacingMm: [10, 10, 10],
    originMm: [-50, -50, -50],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  } as const;
  return new Field(header, {
    x: counted(({ shiftMm }) => 100 * shiftMm[0]),
    y: counted(({ shiftMm }) => 100 * shiftMm[1]),
    z: counted(({ shiftMm }) => 100 * shiftMm[2]),
    ratio: counted(({ volumeRatio }) => 1000 * volumeRatio),
  });
}

const toTheLeft = fieldOf(() => ({ shiftMm: [5, 0, 0], volumeRatio: 1 }));
const axial = planeThrough("axial", [0, 0, 0], { mmPerPx: 1, widthPx: 60, heightPx: 60 });

describe("tissue that lies 5 mm further to the left than the bones say", () => {
  it("has an arrow to the patient's left, which is the right of an axial picture", () => {
    const arrows = shiftArrows(axial, toTheLeft, [0, 0, 0], 1);
    expect(arrows.length).toBeGreaterThan(0);
    for (const { fromMm, toMm, lengthMm } of arrows) {
      expect([toMm[0] - fromMm[0], toMm[1] - fromMm[1]]).toEqual([5, 0]);
      expect(lengthMm).toBe(5);
    }
  });

  it("has arrows into the screen that are points in a sagittal picture, and say their length", () => {
    const sagittal = planeThrough("sagittal", [0, 0, 0], { mmPerPx: 1, widthPx: 60, heightPx: 60 });
    const [arrow] = shiftArrows(sagittal, toTheLeft, [0, 0, 0], 2);
    expect(arrow!.toMm[0]).toBeCloseTo(arrow!.fromMm[0]);
    expect(arrow!.lengthMm).toBe(5);
  });

  it("carries the lines of the grid 5 mm along", () => {
    const upright = gridLines(axial, toTheLeft, [0, 0, 0]).filter(({ xyMm }) => xyMm[0] === xyMm[2]);
    expect(upright.map(({ xyMm }) => xyMm[0])).toEqual([-15, 5, 25]);
  });

  it("is the tissue of where it came from", () => {
    const marked = fieldOf(([x]) => ({ shiftMm: [5, 0, 0], volumeRatio: x <= 0 ? 0.5 : 1 }));
    expect(marked.ofToday([5, 0, 0])?.volumeRatio).toBeCloseTo(0.5);
    expect(marked.ofToday([15, 0, 0])?.volumeRatio).toBeCloseTo(1);
  });
});

describe("the grid", () => {
  it("stays with the tissue when the picture is moved", () => {
    const moved = { ...axial, centreMm: [3, 0, 0] as const };
    const still = fieldOf(() => ({ shiftMm: [0, 0, 0], volumeRatio: 1 }));
    const upright = gridLines(moved, still, [0, 0, 0]).filter(({ xyMm }) => xyMm[0] === xyMm[2]);
    expect(upright.map(({ xyMm }) => xyMm[0]! + 3)).toEqual([-20, 0, 20]);
  });

  it("has round distances that do not run into each other on the screen", () => {
    expect(spacingMm(0.2)).toBe(5);
    expect(spacingMm(1)).toBe(20);
    expect(spacingMm(0.8)).toBe(10);
    expect(spacingMm(50)).toBe(80);
  });

  it("ends where the day's image does not show the tissue, and has no arrows there", () => {
    const half = fieldOf(([x]) => (x > 0 ? null : { shiftMm: [0, 4, 0], volumeRatio: 1 }));
    for (const { xyMm } of gridLines(axial, half, [0, 0, 0])) {
      expect(Math.max(...xyMm.filter((_, at) => at % 2 === 0))).toBeLessThanOrEqual(0);
    }
    expect(shiftArrows(axial, half, [0, 0, 0], 1).every(({ fromMm }) => fromMm[0] <= 0)).toBe(true);
  });
});

describe("arrows", () => {
  it("are not drawn for what is no displacement", () => {
    const little = fieldOf(() => ({ shiftMm: [0.2, 0, 0], volumeRatio: 1 }));
    expect(shiftArrows(axial, little, [0, 0, 0], 1)).toEqual([]);
  });

  it("have a head at their end", () => {
    const path = arrowsPath([{ fromMm: [0, 0], toMm: [10, 0], lengthMm: 10 }], 1);
    expect(path).toBe("M0 0L10 0M5 -2.5L10 0L5 2.5");
  });
});

describe("the wash", () => {
  it("is blue where tissue shrank, orange where it grew, and nothing where it stayed", () => {
    expect(washBand(1).rgba[3]).toBe(0);
    const [shrunk, grown] = [washBand(0.75), washBand(1.25)];
    expect(shrunk.words).toBe("−30 to −20 %");
    expect(shrunk.rgba[2]).toBeGreaterThan(shrunk.rgba[0]);
    expect(grown.words).toBe("+20 to +30 %");
    expect(grown.rgba[0]).toBeGreaterThan(grown.rgba[2]);
  });

  it("calls a fold a fold", () => {
    expect(washBand(0).words).toBe("folds");
    expect(washBand(-0.2).words).toBe("folds");
    expect(washBand(0.001).words).toBe("below −30 %");
  });

  it("leaves out what the day's image does not show", () => {
    const half = fieldOf(([x]) => (x > 0 ? null : { shiftMm: [0, 0, 0], volumeRatio: 0.5 }));
    const { columns, rgba } = washOf(axial, half);
    expect(rgba[3]).toBeGreaterThan(0);
    expect(rgba[4 * (columns - 1) + 3]).toBe(0);
  });
});

it("refuses a field that is not of its grid", () => {
  const nodes = new Int16Array(7);
  const header = {
    sizeIjk: [2, 2, 2],
    spacingMm: [1, 1, 1],
    originMm: [0, 0, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  } as const;
  expect(() => new Field(header, { x: nodes, y: nodes, z: nodes, ratio: nodes })).toThrow(
    "7 nodes where 8 were announced",
  );
});
