import { describe, expect, test } from "vitest";
import { addSums, FEWEST_PIXELS, NO_SUMS, pairSums, similarityOf } from "./similarity";
import { allRows, gridAlongXY } from "./test_volumes";
import { NOT_IMAGED } from "./volume";

const GRID = gridAlongXY([0, 0, 5], 1, 16, 16);
const PATTERN = Int16Array.from({ length: 256 }, (_, at) => ((at * 37) % 101) - 50);

function nccOf(a: Int16Array, b: Int16Array): number | null {
  return similarityOf(pairSums(a, b, GRID, allRows(GRID), null)).ncc;
}

describe("the similarity of two slices", () => {
  test("is 1 for the same picture at another brightness and contrast, -1 for its negative", () => {
    expect(nccOf(PATTERN, PATTERN)).toBeCloseTo(1, 12);
    expect(
      nccOf(
        PATTERN,
        PATTERN.map((value) => 3 * value + 700),
      ),
    ).toBeCloseTo(1, 12);
    expect(
      nccOf(
        PATTERN,
        PATTERN.map((value) => 10 - value),
      ),
    ).toBeCloseTo(-1, 12);
  });

  test("by hand: half of the pixels equal, half opposite, is 0", () => {
    const a = Int16Array.from({ length: 256 }, (_, at) => (at % 2 === 0 ? 1 : -1));
    const b = a.map((value, at) => (at % 4 < 2 ? value : -value));
    expect(nccOf(a, b)).toBe(0);
  });

  test("leaves out pixels that one of the two has not", () => {
    const gaps = PATTERN.map((value, at) => (at % 3 === 0 ? NOT_IMAGED : value));
    const { ncc, pixels } = similarityOf(pairSums(PATTERN, gaps, GRID, allRows(GRID), null));
    expect(ncc).toBeCloseTo(1, 12);
    expect(pixels).toBe(170);
  });

  test("says nothing about a picture without contrast or with too few pixels", () => {
    expect(nccOf(PATTERN, new Int16Array(256).fill(7))).toBeNull();
    expect(nccOf(PATTERN, new Int16Array(256).fill(NOT_IMAGED))).toBeNull();
    const few = PATTERN.map((value, at) => (at < FEWEST_PIXELS - 1 ? value : NOT_IMAGED));
    expect(nccOf(PATTERN, few)).toBeNull();
  });

  test("is measured in the box alone", () => {
    const box = { lowMm: [2, 3, 0], highMm: [5, 9, 10] } as const;
    expect(pairSums(PATTERN, PATTERN, GRID, allRows(GRID), box)[0]).toBe(4 * 7);
    const elsewhere = { lowMm: [2, 3, 6], highMm: [5, 9, 10] } as const;
    expect(pairSums(PATTERN, PATTERN, GRID, allRows(GRID), elsewhere)).toEqual(NO_SUMS);
  });

  test("adds up over bands", () => {
    const parts = [0, 5, 11].map((firstRow, index) =>
      pairSums(PATTERN, PATTERN, GRID, { firstRow, endRow: [5, 11, 16][index]! }, null),
    );
    expect(parts.reduce(addSums)).toEqual(pairSums(PATTERN, PATTERN, GRID, allRows(GRID), null));
  });
});
