import { describe, expect, test } from "vitest";
import { rotationIec } from "../geometry/correction";
import { planeThrough } from "../geometry/planes";
import { apply, fromParts, IDENTITY, inverse } from "../geometry/rigid";
import { add, scale, type Vec3 } from "../geometry/vector";
import { type SampleGrid, sampleGrid } from "./grid";
import { resliceInto, valueAt } from "./reslice";
import { allRows, gridAlongXY, UNIT_INDEX, volumeOf } from "./test_volumes";
import { indexFromPlanningMm, NOT_IMAGED, type Volume } from "./volume";

function sliceOf(volume: Volume, grid: SampleGrid, planningFromImage = IDENTITY): number[] {
  const out = new Int16Array(grid.columns * grid.rows).fill(77);
  resliceInto(out, volume, indexFromPlanningMm(volume.header, planningFromImage), grid, allRows(grid));
  return [...out];
}

/** 2 × 2 × 2 voxels of 1 mm: 0, 100, 200, ... in the order i, j, k. */
const CUBE = volumeOf([2, 2, 2], [1, 1, 1], ([x, y, z]) => 100 * (x + 2 * y + 4 * z));

describe("values of a voxel lattice by hand", () => {
  test("the middle of eight voxels is their mean", () => {
    expect(valueAt(CUBE, UNIT_INDEX, [0.5, 0.5, 0.5])).toBe(350);
  });

  test("between two voxels the nearer one counts more", () => {
    expect(valueAt(CUBE, UNIT_INDEX, [0.25, 0, 0])).toBe(25);
    expect(valueAt(CUBE, UNIT_INDEX, [0, 0.25, 0])).toBe(50);
    expect(valueAt(CUBE, UNIT_INDEX, [0, 0, 0.25])).toBe(100);
  });

  test("half a unit is rounded up, below zero as above", () => {
    const steep = volumeOf([2, 1, 1], [1, 1, 1], ([x]) => -3 + x);
    expect(valueAt(steep, UNIT_INDEX, [0.5, 0, 0])).toBe(-2);
    expect(valueAt(steep, UNIT_INDEX, [0.4, 0, 0])).toBe(-3);
  });

  test("an outer voxel reaches half its size beyond its centre, and not further", () => {
    expect(sliceOf(CUBE, gridAlongXY([-0.75, 0, 0], 0.25, 4, 1))).toEqual([NOT_IMAGED, 0, 0, 0]);
    expect(sliceOf(CUBE, gridAlongXY([1, 1, 0], 0.25, 4, 1))).toEqual([300, 300, 300, NOT_IMAGED]);
    expect(valueAt(CUBE, UNIT_INDEX, [0, 0, 1.5])).toBe(400);
    expect(valueAt(CUBE, UNIT_INDEX, [0, 0, 1.51])).toBe(NOT_IMAGED);
  });

  test("a volume of one slice has a thickness of one voxel", () => {
    const flat = volumeOf([2, 2, 1], [1, 1, 3], ([x, y]) => 10 * x + 20 * y);
    const index = indexFromPlanningMm(flat.header, IDENTITY);
    expect(valueAt(flat, index, [0.5, 0.5, 1.4])).toBe(15);
    expect(valueAt(flat, index, [0.5, 0.5, 1.6])).toBe(NOT_IMAGED);
  });

  test("slices that have not arrived are not imaged", () => {
    const arriving = { ...CUBE, loadedSlices: 1 };
    expect(valueAt(arriving, UNIT_INDEX, [0, 0, 0])).toBe(0);
    expect(valueAt(arriving, UNIT_INDEX, [0, 0, 1])).toBe(NOT_IMAGED);
    expect(sliceOf({ ...CUBE, loadedSlices: 0 }, gridAlongXY([0, 0, 0], 1, 2, 1))).toEqual([
      NOT_IMAGED,
      NOT_IMAGED,
    ]);
  });

  test("a voxel that is not imaged takes every sample with it to which it contributes, and no other", () => {
    const gap = { ...CUBE, values: CUBE.values.slice() };
    gap.values[1] = NOT_IMAGED;
    expect(valueAt(gap, UNIT_INDEX, [0.01, 0, 0])).toBe(NOT_IMAGED);
    expect(valueAt(gap, UNIT_INDEX, [0, 0, 0])).toBe(0);
    expect(valueAt(gap, UNIT_INDEX, [0, 0.5, 0.5])).toBe(300);
    expect(valueAt(gap, UNIT_INDEX, [0.5, 1, 0])).toBe(250);
  });
});

describe("laws", () => {
  const linear = ([x, y, z]: Vec3) => Math.round(400 + 3 * x - 2 * y + 5 * z);
  const volume = volumeOf([40, 30, 20], [2, 1, 3], linear, { originMm: [-40, -15, -30] });

  test("a linear image is reproduced at any pose, to the rounding", () => {
    const planningFromDaily = fromParts(rotationIec(12, -7, 4), [3, -2, 5]);
    const dailyFromPlanning = inverse(planningFromDaily);
    const grid = sampleGrid(
      planeThrough("coronal", [2, 1, 3], { mmPerPx: 0.7, widthPx: 24, heightPx: 24 }),
      false,
    );
    const slice = sliceOf(volume, grid, planningFromDaily);
    for (let row = 0; row < grid.rows; row += 1) {
      for (let column = 0; column < grid.columns; column += 1) {
        const offsetMm = add(scale(grid.stepRightMm, column), scale(grid.stepDownMm, row));
        const wanted = linear(apply(dailyFromPlanning, add(grid.firstMm, offsetMm)));
        expect(Math.abs(slice[row * grid.columns + column]! - wanted)).toBeLessThanOrEqual(1);
      }
    }
  });

  test.each([
    ["prone: rows and columns run the other way", [-1, 0, 0, 0, -1, 0, 0, 0, 1], [38, 14, -30]],
    ["feet first: slices run from head to feet", [1, 0, 0, 0, 1, 0, 0, 0, -1], [-40, -15, 27]],
    ["feet first and prone", [-1, 0, 0, 0, 1, 0, 0, 0, -1], [38, -15, 27]],
  ] as const)("the axes of the storage do not show: %s", (_, direction, originMm) => {
    const stored = volumeOf([40, 30, 20], [2, 1, 3], linear, { originMm, direction });
    for (const orientation of ["axial", "coronal", "sagittal"] as const) {
      const plane = planeThrough(orientation, [1.3, -2.2, 4.1], { mmPerPx: 1.1, widthPx: 90, heightPx: 80 });
      expect(sliceOf(stored, sampleGrid(plane, false))).toEqual(sliceOf(volume, sampleGrid(plane, false)));
    }
  });

  test("moving the image and the plane together changes nothing but the boundary's rounding", () => {
    const motion = fromParts(rotationIec(90, 0, 0), [10, 20, 30]);
    const plane = planeThrough("axial", [0.2, 0.3, 0.4], { mmPerPx: 1, widthPx: 20, heightPx: 20 });
    const rotated = {
      ...plane,
      right: [0, 1, 0],
      down: [-1, 0, 0],
      centreMm: apply(motion, plane.centreMm),
    } as const;
    expect(sliceOf(volume, sampleGrid(rotated, false), motion)).toEqual(
      sliceOf(volume, sampleGrid(plane, false)),
    );
  });
});

test("half the grid covers the same area", () => {
  const plane = planeThrough("axial", [5, 6, 7], { mmPerPx: 2, widthPx: 101, heightPx: 60 });
  const half = sampleGrid(plane, true);
  expect([half.columns, half.rows]).toEqual([51, 30]);
  expect(half.stepRightMm[0] * half.columns).toBeCloseTo(202);
  expect(half.stepDownMm[1] * half.rows).toBeCloseTo(120);
  expect(half.firstMm[0] - half.stepRightMm[0] / 2).toBeCloseTo(5 - 101);
});
