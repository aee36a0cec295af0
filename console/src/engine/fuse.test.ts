import { describe, expect, test } from "vitest";
import { planeThrough } from "../geometry/planes";
import { fuseInto } from "./fuse";
import { sampleGrid } from "./grid";
import { type FusionMode, INITIAL_LOOK, type Look, NOT_IMAGED_RGB } from "./look";
import { greyTable } from "./tables";
import { allRows, gridAlongXY } from "./test_volumes";
import { NOT_IMAGED } from "./volume";

/** Values 0-255 are shown as the same greys. */
const WINDOW = { centreHu: 127.5, widthHu: 255 };
const GREYS = greyTable(WINDOW);

function rgbOf(pixel: number): number[] {
  return [pixel & 0xff, (pixel >> 8) & 0xff, (pixel >> 16) & 0xff];
}

function fused(
  planning: readonly number[],
  daily: readonly number[],
  change: Partial<Look>,
  grid = gridAlongXY([0, 0, 0], 1, planning.length, 1),
): number[][] {
  const pixels = new Uint32Array(planning.length);
  const pair = {
    planning: Int16Array.from(planning),
    daily: Int16Array.from(daily),
    planningGreys: GREYS,
    dailyGreys: GREYS,
  };
  fuseInto(pixels, pair, { ...INITIAL_LOOK, ...change }, grid, allRows(grid));
  expect([...pixels].every((pixel) => pixel >>> 24 === 255)).toBe(true);
  return [...pixels].map(rgbOf);
}

describe("a grey window", () => {
  test("is black at its lower end, white at its upper one and linear between", () => {
    const table = greyTable({ centreHu: 40, widthHu: 400 });
    expect([-1000, -160, 40, 240, 3000].map((hu) => table[hu & 0xffff])).toEqual([0, 0, 128, 255, 255]);
  });
});

describe("mixing two images", () => {
  test.each(["blend", "greenMagenta"] as const)("%s: what is white in both is white", (mode) => {
    expect(fused([255], [255], { mode })).toEqual([[255, 255, 255]]);
  });

  test("equal greys stay grey to one level, so that only what differs has a colour", () => {
    for (let grey = 0; grey < 256; grey += 1) {
      const [rgb] = fused([grey], [grey], { mode: "blend" });
      expect(Math.max(...rgb!) - Math.min(...rgb!)).toBeLessThanOrEqual(1);
      expect(Math.abs(rgb![0]! - grey)).toBeLessThanOrEqual(1);
    }
  });

  test("planning alone is orange or green, daily alone blue or magenta", () => {
    expect(fused([255, 0], [0, 255], { mode: "blend" })).toEqual([
      [255, 140, 26],
      [0, 115, 229],
    ]);
    expect(fused([255, 0], [0, 255], { mode: "greenMagenta" })).toEqual([
      [0, 255, 0],
      [255, 0, 255],
    ]);
  });

  test("the balance fades one colour while the other keeps its strength", () => {
    expect(fused([255], [255], { mode: "blend", balance: 0 })).toEqual([[255, 140, 26]]);
    expect(fused([255], [255], { mode: "blend", balance: 1 })).toEqual([[0, 115, 229]]);
    expect(fused([255], [255], { mode: "blend", balance: 0.25 })).toEqual([[255, 197, 140]]);
  });

  test("a grey mix shares the brightness", () => {
    expect(fused([200], [100], { mode: "grey", balance: 0.25 })).toEqual([[175, 175, 175]]);
    expect(fused([200], [100], { mode: "grey", balance: 1 })).toEqual([[100, 100, 100]]);
  });

  test("a difference is mid grey where both are equal, brighter where daily is brighter", () => {
    expect(fused([90, 0, 255], [90, 255, 0], { mode: "difference" })).toEqual([
      [128, 128, 128],
      [255, 255, 255],
      [0, 0, 0],
    ]);
  });
});

describe("where an image has no value", () => {
  const modes: readonly FusionMode[] = ["blend", "greenMagenta", "grey", "difference", "planning", "daily"];

  test.each(modes)("%s shows the colour of no image if both have none", (mode) => {
    expect(fused([NOT_IMAGED], [NOT_IMAGED], { mode })).toEqual([[...NOT_IMAGED_RGB]]);
  });

  test("the colour of no image is no grey", () => {
    expect(new Set(NOT_IMAGED_RGB).size).toBe(3);
  });

  test.each(["blend", "greenMagenta", "grey"] as const)(
    "%s shows the only image dimmed, grey and hatched",
    (mode) => {
      const pixels = fused(Array(12).fill(200), Array(12).fill(NOT_IMAGED), { mode });
      expect(pixels.filter((rgb) => rgb.join() === NOT_IMAGED_RGB.join())).toHaveLength(2);
      expect(pixels.filter((rgb) => rgb.join() === "100,100,100")).toHaveLength(10);
    },
  );

  test.each(["split", "spyglass", "checkerboard"] as const)(
    "%s shows the other image hatched where it is to be seen through",
    (mode) => {
      const daily = [NOT_IMAGED, 150, ...Array(10).fill(NOT_IMAGED)];
      // All of the day: right of the line, inside the circle, in the second square of 12 from -12 to 12.
      const here = { mode, focusMm: [-50, 0, 0], spyglassRadiusMm: 100, squareMm: 12 } as const;
      const planning = Array(12).fill(200);
      const grid = gridAlongXY(mode === "checkerboard" ? [12, 0, 0] : [0, 0, 0], 1, 12, 1);
      const through = fused(planning, daily, { ...here, seesThrough: true }, grid);
      expect(through[1]).toEqual([150, 150, 150]);
      expect(through.filter((rgb) => rgb.join() === "100,100,100")).toHaveLength(9);
      const opaque = fused(planning, daily, here, grid);
      expect(opaque[1]).toEqual([150, 150, 150]);
      expect(opaque.filter((rgb) => rgb.join() === NOT_IMAGED_RGB.join())).toHaveLength(11);
    },
  );

  test("what is seen through does not change one image alone, nor a difference", () => {
    for (const mode of ["planning", "daily", "difference"] as const) {
      const change = { mode, seesThrough: true };
      expect(fused([NOT_IMAGED], [200], { ...change, mode: "planning" })).toEqual([[...NOT_IMAGED_RGB]]);
      expect(fused([200], [NOT_IMAGED], mode === "planning" ? { ...change, mode: "daily" } : change)).toEqual(
        [[...NOT_IMAGED_RGB]],
      );
    }
  });

  test("an image alone is not replaced by the other one", () => {
    expect(fused([NOT_IMAGED], [200], { mode: "planning" })).toEqual([[...NOT_IMAGED_RGB]]);
    expect(fused([200], [NOT_IMAGED], { mode: "daily" })).toEqual([[...NOT_IMAGED_RGB]]);
    expect(fused([200], [NOT_IMAGED], { mode: "difference" })).toEqual([[...NOT_IMAGED_RGB]]);
  });
});

describe("one image or the other", () => {
  const plane = planeThrough("axial", [0, 0, 0], { mmPerPx: 1, widthPx: 8, heightPx: 8 });
  const grid = sampleGrid(plane, false);

  /** P where the planning image shows, D where the daily one does; one string per row. */
  function shown(change: Partial<Look>): string[] {
    const pixels = new Uint32Array(64);
    const pair = {
      planning: new Int16Array(64).fill(10),
      daily: new Int16Array(64).fill(20),
      planningGreys: GREYS,
      dailyGreys: GREYS,
    };
    fuseInto(pixels, pair, { ...INITIAL_LOOK, ...change }, grid, allRows(grid));
    const letters = [...pixels].map((pixel) => (rgbOf(pixel)[0] === 10 ? "P" : "D")).join("");
    return letters.match(/.{8}/g) ?? [];
  }

  test("a vertical split has planning on its left", () => {
    expect(shown({ mode: "split", splitLine: "vertical", focusMm: [1, 3, 50] })).toEqual(
      Array(8).fill("PPPPPDDD"),
    );
  });

  test("a horizontal split has planning above", () => {
    const rows = shown({ mode: "split", splitLine: "horizontal", focusMm: [0, -2, 0] });
    expect(rows.join(" ")).toBe(`PPPPPPPP PPPPPPPP ${Array(6).fill("DDDDDDDD").join(" ")}`);
  });

  test("a split outside the picture leaves one image", () => {
    expect(shown({ mode: "split", focusMm: [100, 0, 0] })).toEqual(Array(8).fill("PPPPPPPP"));
    expect(shown({ mode: "split", focusMm: [-100, 0, 0] })).toEqual(Array(8).fill("DDDDDDDD"));
  });

  test("the spyglass shows the daily image within its radius", () => {
    expect(shown({ mode: "spyglass", focusMm: [0, 0, 9], spyglassRadiusMm: 2 })).toEqual([
      "PPPPPPPP",
      "PPPPPPPP",
      "PPPDDPPP",
      "PPDDDDPP",
      "PPDDDDPP",
      "PPPDDPPP",
      "PPPPPPPP",
      "PPPPPPPP",
    ]);
  });

  test("squares alternate along rows and columns", () => {
    expect(shown({ mode: "checkerboard", squareMm: 4 })).toEqual([
      ...Array(4).fill("PPPPDDDD"),
      ...Array(4).fill("DDDDPPPP"),
    ]);
  });

  test("one image alone fills the picture", () => {
    expect(shown({ mode: "planning" })).toEqual(Array(8).fill("PPPPPPPP"));
    expect(shown({ mode: "daily" })).toEqual(Array(8).fill("DDDDDDDD"));
  });
});
