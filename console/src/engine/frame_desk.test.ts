import { expect, test } from "vitest";
import { planeThrough } from "../geometry/planes";
import { FrameDesk } from "./frame_desk";
import type { Painted } from "./messages";

const PLANE = planeThrough("axial", [0, 0, 0], { mmPerPx: 1, widthPx: 64, heightPx: 64 });
const CANVAS = { transferControlToOffscreen: () => ({}) } as unknown as HTMLCanvasElement;

function deskWithView(): FrameDesk {
  const desk = new FrameDesk(true);
  desk.addView("axial", CANVAS, PLANE);
  desk.changed(0);
  return desk;
}

function painted(frame: number): Painted {
  return { kind: "painted", frame, sums: [], computeMs: 1, pictures: [] };
}

test("a frame that nobody waits for is not reported", () => {
  const desk = deskWithView();
  expect(desk.painted(painted(1), 5)).toBeNull();
  const order = desk.nextOrder(1);
  expect(desk.painted(painted(order!.frame + 1), 5)).toBeNull();
  expect(desk.painted(painted(order!.frame), 5)).toMatchObject({ settled: true, latencyMs: 5 });
});

test("a frame reports what it was ordered with, not what came after", () => {
  const desk = deskWithView();
  desk.startImage("planning", "P1");
  const order = desk.nextOrder(1);
  desk.startImage("planning", "P2");
  desk.setPlane("axial", { ...PLANE, mmPerPx: 2 });
  desk.changed(2);
  const report = desk.painted(painted(order!.frame), 5);
  expect(report).toMatchObject({ settled: false, images: { planning: "P1" }, views: [{ plane: PLANE }] });
});

test("views share memory that is large enough for them", () => {
  const desk = deskWithView();
  const first = desk.nextOrder(1)!;
  expect(first.views[0]!.pixels?.byteLength).toBe(4 * 64 * 64);
  desk.painted(painted(first.frame), 2);
  desk.setPlane("axial", { ...PLANE, widthPx: 100 });
  desk.changed(3);
  expect(desk.nextOrder(4)!.views[0]!.pixels?.byteLength).toBe(4 * 100 * 64);
});

test("without a view no frame is ordered", () => {
  const desk = new FrameDesk(true);
  desk.changed(0);
  expect(desk.nextOrder(1)).toBeNull();
  expect(desk.waitMs(1)).toBeNull();
});
