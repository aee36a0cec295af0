import { expect, test } from "vitest";
import { mmFromScreen } from "../geometry/planes";
import { IDENTITY } from "../geometry/rigid";
import { greyVolume, imagePlane } from "./grey_image";
import { sampleGrid } from "./grid";
import { resliceInto } from "./reslice";
import { greyTable } from "./tables";
import { allRows } from "./test_volumes";
import { indexFromPlanningMm, NOT_IMAGED } from "./volume";

function storedOf(volume: ReturnType<typeof greyVolume>): Int16Array {
  return new Int16Array(volume.source.values as ArrayBuffer);
}

test("an image seen at its own size is the image", () => {
  const values = Uint16Array.from({ length: 12 }, (_, at) => 1000 + 5 * at);
  const volume = greyVolume({ id: "DRR", widthPx: 4, heightPx: 3, spacingMm: [0.4, 0.4], values });
  const plane = imagePlane({ mmPerPx: 0.4, widthPx: 4, heightPx: 3 });
  const grid = sampleGrid(plane, false);
  const out = new Int16Array(12);
  const { header } = volume.source;
  resliceInto(
    out,
    { header, values: storedOf(volume), loadedSlices: 1 },
    indexFromPlanningMm(header, IDENTITY),
    grid,
    allRows(grid),
  );
  expect([...out]).toEqual([...storedOf(volume)]);
  expect(mmFromScreen(plane, { xPx: 2, yPx: 1.5 })).toEqual([0, 0, 0]);
});

test("a window in grey values is the same window of the stored ones", () => {
  const values = Float32Array.of(0, 0.25, 0.5, 0.75, 1, 2);
  const volume = greyVolume({ id: "kV", widthPx: 6, heightPx: 1, spacingMm: [1, 1], values });
  const greys = greyTable(volume.windowOf(0.5, 1));
  expect([...storedOf(volume)].map((value) => greys[value & 0xffff])).toEqual([0, 64, 128, 191, 255, 255]);
  const all = greyTable(volume.fullWindow);
  expect([...storedOf(volume)].map((value) => all[value & 0xffff])).toEqual([0, 32, 64, 96, 128, 255]);
});

test("pixels that are no number are not imaged, and an even image is shown", () => {
  const values = Float32Array.of(7, Number.NaN, 7, 7);
  const volume = greyVolume({ id: "kV", widthPx: 2, heightPx: 2, spacingMm: [1, 1], values });
  expect([...storedOf(volume)]).toEqual([0, NOT_IMAGED, 0, 0]);
  expect(volume.fullWindow.widthHu).toBeGreaterThan(0);
});

test.each([
  ["the wrong number of values", Float32Array.of(1, 2, 3), "has 3 values, not 2 x 2"],
  ["no number at all", new Float32Array(4).fill(Number.NaN), "no finite grey value"],
  ["an infinite one", Float32Array.of(1, 2, 3, Number.POSITIVE_INFINITY), "no finite grey value"],
])("an image with %s is refused", (_, values, message) => {
  const image = { id: "kV", widthPx: 2, heightPx: 2, spacingMm: [1, 1] as const, values };
  expect(() => greyVolume(image)).toThrow(message);
});
