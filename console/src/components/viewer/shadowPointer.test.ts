import { expect, test } from "vitest";
import { mmPerPagePx } from "./shadowPointer";

const VIEW = { columns: 400, rows: 200, pixel_mm: 0.5 };

test("a radiograph 200 mm wide and 100 mm high measures the same in a box of its shape, a wider and a taller one", () => {
  expect(mmPerPagePx(VIEW, { width: 800, height: 400 })).toBeCloseTo(0.25, 12);
  expect(mmPerPagePx(VIEW, { width: 5000, height: 400 })).toBeCloseTo(0.25, 12);
  expect(mmPerPagePx(VIEW, { width: 800, height: 5000 })).toBeCloseTo(0.25, 12);
});
