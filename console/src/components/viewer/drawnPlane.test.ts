import { expect, test } from "vitest";
import type { FrameReport } from "../../engine/engine";
import { planeThrough, screenFromMm, scrolled } from "../../geometry/planes";
import { carriedOver, drawnPlane, enginePlane } from "./drawnPlane";

const CSS = planeThrough("coronal", [1, 2, 3], { mmPerPx: 0.5, widthPx: 401, heightPx: 300 });

function reportOf(plane: typeof CSS): FrameReport {
  return {
    frame: 1,
    settled: true,
    planningFromDaily: null,
    images: { planning: null, daily: null },
    similarity: null,
    latencyMs: 0,
    computeMs: 0,
    views: [{ viewId: "coronal", plane, halfGrid: false, similarity: null }],
  };
}

test("a point lies at the same place of the page, however many pixels the screen has", () => {
  const drawn = drawnPlane(CSS, reportOf(enginePlane(CSS, 1.5)), "coronal");
  const [a, b] = [screenFromMm(CSS, [40, 5, -30]), screenFromMm(drawn, [40, 5, -30])];
  expect(Math.hypot(a.xPx - b.xPx, a.yPx - b.yPx)).toBeLessThan(0.5);
});

test("overlays follow the picture that is seen, not the one that is asked for", () => {
  const next = scrolled(CSS, 10);
  expect(drawnPlane(next, reportOf(CSS), "coronal").centreMm).toEqual([1, 2, 3]);
  expect(drawnPlane(next, null, "coronal")).toBe(next);
  expect(drawnPlane(next, reportOf(CSS), "axial")).toBe(next);
});

test("lines move along with a pan and vanish on another slice", () => {
  const panned = { ...CSS, centreMm: [11, 2, -1] as const };
  expect(carriedOver(CSS, panned)).toBe("translate(-10.000 -4.000)");
  expect(carriedOver(CSS, scrolled(CSS, 1))).toBeNull();
});
