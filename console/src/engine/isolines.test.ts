import { describe, expect, test } from "vitest";
import { rotationIec } from "../geometry/correction";
import { planeThrough } from "../geometry/planes";
import { fromParts, IDENTITY } from "../geometry/rigid";
import type { Polyline } from "./contract";
import { isolinesOn, marchingSquares } from "./isolines";
import { volumeOf } from "./test_volumes";
import { NOT_IMAGED } from "./volume";

const PLACE = { leftMm: 0, topMm: 0, stepMm: 1 };

function lines(rows: readonly (readonly number[])[], level: number): readonly Polyline[] {
  return marchingSquares(
    Int16Array.from(rows.flat()),
    { columns: rows[0]!.length, rows: rows.length },
    level,
    PLACE,
  );
}

function points(line: Polyline): string[] {
  const found: string[] = [];
  for (let at = 0; at < line.xyMm.length; at += 2) {
    found.push(`${line.xyMm[at]},${line.xyMm[at + 1]}`);
  }
  return found.sort();
}

describe("marching squares by hand", () => {
  test("a single high point is inside a diamond that crosses each edge where the level is reached", () => {
    const [line, ...more] = lines(
      [
        [0, 0, 0],
        [0, 4, 0],
        [0, 0, 0],
      ],
      1,
    );
    expect(more).toEqual([]);
    expect(line!.closed).toBe(true);
    expect(points(line!)).toEqual(["0.25,1", "1,0.25", "1,1.75", "1.75,1"]);
  });

  test("a ramp has one open line across the picture, with its ends at the edges", () => {
    const [line, ...more] = lines(
      [
        [0, 10, 20],
        [0, 10, 20],
        [0, 10, 20],
      ],
      15,
    );
    expect(more).toEqual([]);
    expect(line!.closed).toBe(false);
    expect([...line!.xyMm]).toEqual([1.5, 0, 1.5, 1, 1.5, 2]);
  });

  test.each([
    ["apart where the mean is below the level", 1, 2],
    ["together where it is above", 3, 2],
  ])("two high corners of a cell are cut %s", (_, low, count) => {
    const found = lines(
      [
        [6, low],
        [low, 6],
      ],
      4,
    );
    expect(found).toHaveLength(count);
    // Apart: a cut between the upper left corner and the middle belongs to that corner alone.
    const cutsHighCorner = found.some((line) => [...line.xyMm].reduce((sum, x) => sum + x, 0) < 2);
    expect(cutsHighCorner).toBe(low === 1);
  });

  test("a hole has a line of its own", () => {
    const ring = lines(
      [
        [0, 0, 0, 0, 0],
        [0, 9, 9, 9, 0],
        [0, 9, 0, 9, 0],
        [0, 9, 9, 9, 0],
        [0, 0, 0, 0, 0],
      ],
      4,
    );
    expect(ring.map((line) => line.closed)).toEqual([true, true]);
  });

  test("cells with a corner that is not imaged have no line", () => {
    const found = lines(
      [
        [0, 0, 0],
        [0, 4, NOT_IMAGED],
        [0, 0, 0],
      ],
      1,
    );
    expect(found.map((line) => line.closed)).toEqual([false]);
    expect(points(found[0]!)).toEqual(["0.25,1", "1,0.25", "1,1.75"]);
  });

  test("a value exactly at the level counts as inside", () => {
    const [line] = lines(
      [
        [0, 2],
        [0, 2],
      ],
      2,
    );
    expect([...line!.xyMm]).toEqual([1, 0, 1, 1]);
  });
});

describe("lines on a plane", () => {
  /** Signed distance from a sphere of 20 mm radius around (3, -4, 5) in 1/32 mm, positive inside. */
  const sphere = volumeOf(
    [60, 60, 60],
    [1, 1, 1],
    ([x, y, z]) => 32 * (20 - Math.hypot(x - 3, y + 4, z - 5)),
    { originMm: [-27, -34, -25] },
  );
  const size = { mmPerPx: 0.5, widthPx: 200, heightPx: 200 };

  test.each(["axial", "coronal", "sagittal"] as const)(
    "the %s cut of a sphere is a circle of its radius",
    (orientation) => {
      const plane = planeThrough(orientation, [3, -4, 5], size);
      const [isoline] = isolinesOn(plane, sphere, IDENTITY, [0]);
      const [line, ...more] = isoline!.lines;
      expect(more).toEqual([]);
      expect(line!.closed).toBe(true);
      for (let at = 0; at < line!.xyMm.length; at += 2) {
        expect(Math.abs(Math.hypot(line!.xyMm[at]!, line!.xyMm[at + 1]!) - 20)).toBeLessThan(0.05);
      }
    },
  );

  test("a cut 12 mm off the middle has a radius of 16 mm, and one beyond the sphere none", () => {
    const [at12] = isolinesOn(planeThrough("axial", [3, -4, 17], size), sphere, IDENTITY, [0]);
    const { xyMm } = at12!.lines[0]!;
    expect(Math.abs(Math.hypot(xyMm[0]!, xyMm[1]!) - 16)).toBeLessThan(0.05);
    const [beyond] = isolinesOn(planeThrough("axial", [3, -4, 27], size), sphere, IDENTITY, [0]);
    expect(beyond!.lines).toEqual([]);
    const [outside] = isolinesOn(planeThrough("axial", [3, -4, 500], size), sphere, IDENTITY, [0]);
    expect(outside!.lines).toEqual([]);
  });

  test("the lines of the daily image move with it", () => {
    const pose = fromParts(rotationIec(30, 0, 0), [10, 0, 0]);
    // The middle of the sphere is turned by 30° about z and then shifted by 10 mm.
    const turned = [
      3 * Math.cos(Math.PI / 6) + 4 * 0.5 + 10,
      3 * 0.5 - 4 * Math.cos(Math.PI / 6),
      5,
    ] as const;
    const [isoline] = isolinesOn(planeThrough("axial", turned, size), sphere, pose, [0]);
    const { xyMm } = isoline!.lines[0]!;
    for (let at = 0; at < xyMm.length; at += 2) {
      expect(Math.abs(Math.hypot(xyMm[at]!, xyMm[at + 1]!) - 20)).toBeLessThan(0.05);
    }
  });

  test("each level has its lines", () => {
    const isolines = isolinesOn(planeThrough("axial", [3, -4, 5], size), sphere, IDENTITY, [0, 160, 9999]);
    const radii = isolines.map(({ lines: found }) =>
      found.map((line) => Math.round(Math.hypot(line.xyMm[0]!, line.xyMm[1]!))),
    );
    expect(radii).toEqual([[20], [15], []]);
  });
});
