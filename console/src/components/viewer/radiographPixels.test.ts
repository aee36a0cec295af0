import { expect, test } from "vitest";
import { INITIAL_LOOK } from "../../engine/look";
import { fusedPixels } from "./radiographPixels";

const VIEW = { columns: 2, rows: 1, pixel_mm: 0.5 };
const LOOK = {
  ...INITIAL_LOOK,
  planningWindow: { centreHu: 127.5, widthHu: 255 },
  dailyWindow: { centreHu: 127.5, widthHu: 255 },
};
const rgb = (pixels: Uint8ClampedArray, at: number) => [...pixels.slice(4 * at, 4 * at + 3)];

test("equal bone is white in the blend, and bone of one image has its colour", () => {
  const pixels = fusedPixels(VIEW, Uint8Array.from([255, 255]), Uint8Array.from([255, 0]), LOOK);
  expect(rgb(pixels, 0)).toEqual([255, 255, 255]);
  expect(rgb(pixels, 1)).toEqual([255, 140, 26]);
});

test("equal greys are mid grey in the difference, wherever the two are equal", () => {
  const look = { ...LOOK, mode: "difference" } as const;
  const pixels = fusedPixels(VIEW, Uint8Array.from([10, 200]), Uint8Array.from([10, 100]), look);
  expect(rgb(pixels, 0)).toEqual([128, 128, 128]);
  // Darker where the day's image is darker: (256 + 100 - 200) / 2.
  expect(rgb(pixels, 1)).toEqual([78, 78, 78]);
});

test("the day alone is the day alone", () => {
  const look = { ...LOOK, mode: "daily" } as const;
  const pixels = fusedPixels(VIEW, Uint8Array.from([1, 2]), Uint8Array.from([33, 44]), look);
  expect([rgb(pixels, 0)[0], rgb(pixels, 1)[0]]).toEqual([33, 44]);
});
