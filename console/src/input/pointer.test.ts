import { describe, expect, test } from "vitest";
import { planeThrough } from "../geometry/planes";
import { dragShift, gestureOf, turnDeg, windowOfDrag, zoomOfDrag, zoomOfWheel } from "./pointer";

const left = { button: 0, shiftKey: false };

describe("buttons", () => {
  test("the left button places the crosshair, moves the image in match mode, and the window after W", () => {
    expect(gestureOf(left, { isMatching: false, isWindowing: false })).toBe("crosshair");
    expect(gestureOf(left, { isMatching: true, isWindowing: false })).toBe("move");
    expect(gestureOf(left, { isMatching: false, isWindowing: true })).toBe("window");
    expect(gestureOf(left, { isMatching: true, isWindowing: true })).toBe("window");
  });

  test.each([true, false])("looking around never moves the patient (match mode: %s)", (isMatching) => {
    const mode = { isMatching, isWindowing: false };
    expect(gestureOf({ button: 1, shiftKey: false }, mode)).toBe("pan");
    expect(gestureOf({ button: 0, shiftKey: true }, mode)).toBe("pan");
    expect(gestureOf({ button: 2, shiftKey: false }, mode)).toBe("zoom");
    expect(gestureOf({ button: 3, shiftKey: false }, mode)).toBeNull();
  });
});

describe("distances", () => {
  test("pixels become millimetres by the zoom of the view", () => {
    const plane = planeThrough("axial", [0, 0, 0], { mmPerPx: 0.4, widthPx: 500, heightPx: 500 });
    expect(dragShift(plane, 25, -50)).toEqual({ rightMm: 10, downMm: -20, intoMm: 0 });
  });

  test("a quarter from the right to the bottom of the screen is 90° clockwise", () => {
    const at = (xPx: number, yPx: number) => ({ xPx, yPx });
    expect(turnDeg(at(100, 100), at(150, 100), at(100, 150))).toBeCloseTo(90, 12);
    expect(turnDeg(at(100, 100), at(100, 150), at(150, 100))).toBeCloseTo(-90, 12);
  });

  test("a turn across the left side does not jump by a full circle", () => {
    const at = (xPx: number, yPx: number) => ({ xPx, yPx });
    expect(turnDeg(at(0, 0), at(-100, 1), at(-100, -1))).toBeCloseTo(1.1459, 4);
  });
});

describe("zoom and window", () => {
  test("up is nearer, and there and back is where it was", () => {
    expect(zoomOfDrag(-100)).toBe(2);
    expect(zoomOfDrag(40) * zoomOfDrag(-40)).toBeCloseTo(1, 12);
    expect(zoomOfWheel(-100)).toBeCloseTo(1.2, 12);
    expect(zoomOfWheel(100) * zoomOfWheel(-100)).toBeCloseTo(1, 12);
  });

  test("a wheel that reports wild numbers makes no wild zoom", () => {
    expect(zoomOfWheel(-100000)).toBeCloseTo(1.2 ** 3, 12);
  });

  test("sideways widens the window, up raises its centre, and a width never vanishes", () => {
    const window = { centreHu: 40, widthHu: 500 };
    expect(windowOfDrag(window, 10, 0)).toEqual({ centreHu: 40, widthHu: 520 });
    expect(windowOfDrag(window, 0, -10)).toEqual({ centreHu: 60, widthHu: 500 });
    expect(windowOfDrag(window, -10000, 0).widthHu).toBe(1);
  });
});
