import { describe, expect, test } from "vitest";
import { FrameSchedule, SETTLE_MS } from "./schedule";

describe("when frames are drawn", () => {
  test("nothing is due without a change", () => {
    const schedule = new FrameSchedule();
    expect(schedule.due(0, true)).toBeNull();
    expect(schedule.waitMs(0)).toBeNull();
  });

  test("a small view is drawn on its full grid at once and is settled then", () => {
    const schedule = new FrameSchedule();
    schedule.changed(1000);
    expect(schedule.due(1001, false)).toMatchObject({ frame: 1, changedMs: 1000 });
    expect(schedule.painted()).toBe(true);
    expect(schedule.waitMs(1020)).toBeNull();
  });

  test("while a frame is drawn no other one starts, and of many changes one frame comes out", () => {
    const schedule = new FrameSchedule();
    schedule.changed(0);
    schedule.due(0, false);
    for (const nowMs of [5, 10, 15]) {
      schedule.changed(nowMs);
      expect(schedule.due(nowMs, false)).toBeNull();
    }
    expect(schedule.painted()).toBe(false);
    expect(schedule.due(20, false)).toMatchObject({ frame: 2, changedMs: 5 });
    expect(schedule.painted()).toBe(true);
    expect(schedule.due(30, false)).toBeNull();
  });

  test("a large view moves on half the grid and settles on the full one after the last change", () => {
    const schedule = new FrameSchedule();
    schedule.changed(0);
    expect(schedule.due(1, true)?.moving).toBe(true);
    expect(schedule.painted()).toBe(false);
    expect(schedule.waitMs(50)).toBe(SETTLE_MS - 50);
    expect(schedule.due(50, true)).toBeNull();

    schedule.changed(60);
    expect(schedule.due(61, true)?.moving).toBe(true);
    schedule.painted();
    expect(schedule.waitMs(100)).toBe(60 + SETTLE_MS - 100);
    expect(schedule.due(60 + SETTLE_MS, true)?.moving).toBe(false);
    expect(schedule.painted()).toBe(true);
    expect(schedule.waitMs(1000)).toBeNull();
  });

  test("a change while the full grid is drawn starts over", () => {
    const schedule = new FrameSchedule();
    schedule.changed(0);
    schedule.due(0, true);
    schedule.painted();
    schedule.due(SETTLE_MS, true);
    schedule.changed(SETTLE_MS + 5);
    expect(schedule.painted()).toBe(false);
    expect(schedule.due(SETTLE_MS + 6, true)).toMatchObject({ moving: true, changedMs: SETTLE_MS + 5 });
  });
});
