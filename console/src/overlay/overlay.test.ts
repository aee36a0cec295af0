import { describe, expect, test } from "vitest";
import type { CouchCorrection } from "../geometry/correction";
import { planeThrough } from "../geometry/planes";
import { labelPlace, pathOf } from "./lines";
import { arrowScale, arrowsOf, boxCut, overlayTransform } from "./residuals";
import { rulerOf } from "./ruler";
import { doseLevels, pageDashes, pageLength, structureStyle } from "./structures";
import { ELLIPSE_95, ellipseWords, isocentreEllipse, sizeWords } from "./uncertainty";

const SIZE = { mmPerPx: 0.5, widthPx: 400, heightPx: 300 };
const STILL: CouchCorrection = {
  lateralMm: 0,
  longitudinalMm: 0,
  verticalMm: 0,
  pitchDeg: 0,
  rollDeg: 0,
  yawDeg: 0,
};

describe("lines as paths", () => {
  const square = { closed: true, xyMm: Float32Array.from([0, 0, 10, 0, 10, 10.126, 0, 10]) };

  test("a closed line is closed and an open one is not", () => {
    expect(pathOf([square])).toBe("M0 0L10 0L10 10.13L0 10Z");
    expect(pathOf([{ ...square, closed: false }])).toBe("M0 0L10 0L10 10.13L0 10");
  });

  test("several lines are one path, and a point is none", () => {
    expect(pathOf([square, { closed: true, xyMm: Float32Array.from([1, 1]) }, square])).toBe(
      "M0 0L10 0L10 10.13L0 10ZM0 0L10 0L10 10.13L0 10Z",
    );
    expect(pathOf([])).toBe("");
  });

  test("a label stands at the end of the longest line towards its side, and within the picture", () => {
    const short = { closed: false, xyMm: Float32Array.from([0, -50, 1, -50]) };
    const long = { closed: true, xyMm: Float32Array.from([0, 5, 3, -7, 6, 5, 3, 8]) };
    expect(labelPlace([short, long], [0, -1], [60, 60])).toEqual({ xMm: 3, yMm: -7 });
    expect(labelPlace([short, long], [1, 0], [60, 60])).toEqual({ xMm: 6, yMm: 5 });
    expect(labelPlace([short, long], [0, -1], [60, 6])).toEqual({ xMm: 0, yMm: 5 });
    expect(labelPlace([long], [0, -1], [60, 4])).toBeNull();
    expect(labelPlace([], [0, -1], [60, 60])).toBeNull();
  });

  test("overlays in mm are brought to the middle of the view", () => {
    expect(overlayTransform(planeThrough("axial", [0, 0, 0], SIZE))).toBe("translate(200 150) scale(2)");
  });
});

describe("styles", () => {
  test("the target is thick and solid, a PTV dashed, an organ thin; colours are those of the plan", () => {
    const color = [255, 0, 0] as const;
    const red = "rgb(255, 0, 0)";
    expect(structureStyle({ color: [200, 120, 40], kind: "target", interpreted_type: "CTV" })).toEqual({
      color: "rgb(200, 120, 40)",
      widthPx: 2.5,
      dashes: "",
    });
    expect(structureStyle({ color, kind: "target", interpreted_type: "PTV" }).dashes).not.toBe("");
    expect(structureStyle({ color, kind: "organ", interpreted_type: "ORGAN" })).toEqual({
      color: red,
      widthPx: 1.5,
      dashes: "",
    });
  });

  test("lines and dashes grow with the page's letters", () => {
    expect(pageLength(1.5)).toBe("0.1rem");
    expect(pageDashes("3 6")).toBe("0.2rem 0.4rem");
    expect(pageDashes("")).toBe("none");
  });

  test("a black line of the plan is still seen on a dark image", () => {
    expect(structureStyle({ color: [0, 0, 0], kind: "organ", interpreted_type: "" }).color).toBe(
      "rgb(50, 50, 50)",
    );
  });

  test("isodoses are in percent of the prescription, with their dose, and never above the largest dose", () => {
    const levels = doseLevels({ prescription_gy: 60, largest_gy: 63, steps_per_gy: 100 });
    expect(levels.map(({ label }) => label)).toEqual([
      "100 % 60.0 Gy",
      "95 % 57.0 Gy",
      "80 % 48.0 Gy",
      "50 % 30.0 Gy",
      "20 % 12.0 Gy",
    ]);
    expect(levels[1]!.level).toBeCloseTo(5700, 9);
    expect(new Set(levels.map(({ style }) => style.dashes)).size).toBe(levels.length);
    expect(doseLevels({ prescription_gy: null, largest_gy: 0, steps_per_gy: 100 })).toEqual([]);
  });

  test("isodoses of one fraction lie on its finer steps, and are written so that they can be told apart", () => {
    const levels = doseLevels({ prescription_gy: 2, largest_gy: 2.16, steps_per_gy: 1000 });
    expect(levels.slice(0, 3).map(({ label }) => label)).toEqual([
      "107 % 2.14 Gy",
      "100 % 2.00 Gy",
      "95 % 1.90 Gy",
    ]);
    expect(levels[2]!.level).toBeCloseTo(1900, 9);
  });
});

describe("the ruler", () => {
  test("is of a round length that fits", () => {
    expect(rulerOf(0.5, 600)).toEqual({ lengthMm: 50, lengthPx: 100, markMm: 10 });
    expect(rulerOf(0.02, 600)).toEqual({ lengthMm: 2, lengthPx: 100, markMm: 1 });
  });
});

describe("the ellipse of the isocentre", () => {
  const deviation = { ...STILL, lateralMm: 0.5, longitudinalMm: 1, verticalMm: 0.2 };

  test("shows lateral and vertical on the axial view of a supine patient", () => {
    const ellipse = isocentreEllipse(deviation, STILL, "HFS", planeThrough("axial", [0, 0, 0], SIZE));
    expect(ellipse.longMm).toBeCloseTo(0.5 * ELLIPSE_95, 9);
    expect(ellipse.shortMm).toBeCloseTo(0.2 * ELLIPSE_95, 9);
    expect(ellipse.angleDeg).toBeCloseTo(0, 9);
    expect(ellipseWords(ellipse)).toBe("95 %: isocentre within ±1.2 × ±0.5 mm");
  });

  test("never calls a small uncertainty zero", () => {
    expect(sizeWords({ longMm: 0.14, shortMm: 0.04, angleDeg: 0 })).toBe("±0.1 × ±0.04 mm");
  });

  test("shows the long axis upright where the head is up", () => {
    const ellipse = isocentreEllipse(deviation, STILL, "HFS", planeThrough("coronal", [0, 0, 0], SIZE));
    expect(ellipse.longMm).toBeCloseTo(ELLIPSE_95, 9);
    expect(Math.abs(ellipse.angleDeg)).toBeCloseTo(90, 9);
  });

  test("on the side, lateral and vertical change places", () => {
    const ellipse = isocentreEllipse(deviation, STILL, "HFDR", planeThrough("axial", [0, 0, 0], SIZE));
    expect(Math.abs(ellipse.angleDeg)).toBeCloseTo(90, 9);
  });

  test("turns with the correction, because the shift is made before the turn", () => {
    const turned = { ...STILL, yawDeg: 30 };
    const ellipse = isocentreEllipse(deviation, turned, "HFS", planeThrough("coronal", [0, 0, 0], SIZE));
    // +30° yaw is counter-clockwise from above, as the coronal view is seen: the upright axis leans to the left.
    expect(ellipse.angleDeg).toBeCloseTo(60, 9);
    expect(ellipse.longMm).toBeCloseTo(ELLIPSE_95, 9);
  });
});

describe("residuals", () => {
  const plane = planeThrough("coronal", [0, 0, 0], SIZE);

  test("an arrow points where the region would go, longer by the stated factor", () => {
    const arrows = arrowsOf(plane, [{ centreMm: [10, 5, 20], shiftMm: [1, 0, 2] }], 5);
    expect(arrows).toEqual([{ fromMm: [10, -20], toMm: [15, -30], lengthMm: Math.hypot(1, 2) }]);
  });

  test("regions far from the plane are left out", () => {
    expect(arrowsOf(plane, [{ centreMm: [0, 21, 0], shiftMm: [1, 0, 0] }], 5)).toEqual([]);
  });

  test("the factor is round and keeps the longest arrow on the screen", () => {
    expect([arrowScale(1), arrowScale(2.9), arrowScale(14), arrowScale(50)]).toEqual([20, 10, 2, 1]);
  });

  test("the region of the match is a rectangle where the plane cuts it, and nothing elsewhere", () => {
    const box = { centreMm: [10, 0, 0], sizeMm: [40, 20, 60] } as const;
    const cut = boxCut(plane, box);
    expect(cut).toHaveLength(4);
    expect(cut.map(([x]) => x).sort((a, b) => a - b)).toEqual([-10, -10, 30, 30]);
    expect(cut.map(([, y]) => y).sort((a, b) => a - b)).toEqual([-30, -30, 30, 30]);
    expect(boxCut(planeThrough("coronal", [0, 11, 0], SIZE), box)).toEqual([]);
  });
});
