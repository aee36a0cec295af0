import { signal } from "@preact/signals";
import { describe, expect, test } from "vitest";
import { mmFromScreen } from "../../geometry/planes";
import type { Vec3 } from "../../geometry/vector";
import { PlaneState } from "./planeState";

const WHOLE = { centreMm: [10, 20, 30], extentMm: [400, 300, 200] } as const;

function laidOut(orientation: "axial" | "coronal" | "sagittal", crosshair = signal<Vec3>([10, 20, 30])) {
  const state = new PlaneState(orientation, crosshair, WHOLE);
  state.size.value = { widthPx: 500, heightPx: 400 };
  return { state, crosshair };
}

describe("a view of planes", () => {
  test.each([
    ["axial", 400 / 500],
    ["coronal", 400 / 500],
    ["sagittal", 300 / 500],
  ] as const)("shows all of the day's image at first (%s)", (orientation, mmPerPx) => {
    expect(laidOut(orientation).state.plane.value.mmPerPx).toBeCloseTo(mmPerPx, 12);
  });

  test("follows the crosshair in depth only: the picture does not slide under the pointer", () => {
    const { state, crosshair } = laidOut("axial");
    crosshair.value = [60, -5, 42];
    expect(state.plane.value.centreMm).toEqual([10, 20, 42]);
  });

  test("zooms about the pointer, and the point under it stays", () => {
    const { state } = laidOut("coronal");
    const before = mmFromScreen(state.plane.value, { xPx: 100, yPx: 320 });
    state.zoom(state.plane.value, 2.5, 100, 320);
    const after = mmFromScreen(state.plane.value, { xPx: 100, yPx: 320 });
    expect(Math.hypot(...after.map((mm, at) => mm - before[at]!))).toBeLessThan(1e-9);
    expect(state.plane.value.mmPerPx).toBeCloseTo(0.8 / 2.5, 12);
  });

  test("is never magnified beyond what shows anything, nor made smaller than a patient", () => {
    const { state } = laidOut("axial");
    state.zoom(state.plane.value, 1e9, 250, 200);
    expect(state.plane.value.mmPerPx).toBe(0.02);
    state.zoom(state.plane.value, 1e-9, 250, 200);
    expect(state.plane.value.mmPerPx).toBeCloseTo(4, 9);
  });

  test("is panned with the picture under the pointer, and reset to all of it", () => {
    const { state } = laidOut("axial");
    const start = state.plane.value;
    const grabbed = mmFromScreen(start, { xPx: 250, yPx: 200 });
    state.pan(start, 30, -10);
    const now = mmFromScreen(state.plane.value, { xPx: 280, yPx: 190 });
    expect(Math.hypot(...now.map((mm, at) => mm - grabbed[at]!))).toBeLessThan(1e-9);
    state.reset();
    expect(state.plane.value).toEqual(start);
  });

  test("has no size until it is laid out, and is not divided by it", () => {
    const state = new PlaneState("axial", signal<Vec3>([0, 0, 0]), WHOLE);
    expect(Number.isFinite(state.plane.value.mmPerPx)).toBe(true);
  });
});
