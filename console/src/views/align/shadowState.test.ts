import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Matrix4, translation } from "../../geometry/rigid";
import type { ViewDocument } from "./documents";
import { ShadowState } from "./shadow";

const KEY = { courseId: "C1", number: 1, uid: "1.2" };
const VIEW = {
  index: 0,
  columns: 2,
  rows: 1,
  pixel_mm: 1,
  address: "/pixels",
  right_axis: [1, 0, 0],
  down_axis: [0, 1, 0],
} as unknown as ViewDocument;
const OVERLAYS = { isocentre: [0, 0], outlines: [], markers: [] };

/** What the service draws, how long it takes for a quick shadow, and for where it was asked for one. */
const drawn = vi.hoisted(() => ({ pixels: new Uint8Array(), quickMs: 0, quickAtMm: [] as number[] }));

vi.mock("../../api/client", async (original) => ({
  ...(await original<typeof import("../../api/client")>()),
  fetchBytes: async () => Uint8Array.from(drawn.pixels).buffer,
}));
vi.mock("./documents", async (original) => ({
  ...(await original<typeof import("./documents")>()),
  askDrr: async (_key: unknown, _index: number, pose: Matrix4, isQuick: boolean) => {
    if (isQuick) {
      drawn.quickAtMm.push(pose[3] ?? 0);
      await new Promise((done) => setTimeout(done, drawn.quickMs));
    }
    return drawn.pixels;
  },
  askOverlays: async () => OVERLAYS,
}));

beforeEach(() => {
  vi.useFakeTimers();
  drawn.pixels = Uint8Array.from([1, 2]);
  drawn.quickMs = 10_000;
  drawn.quickAtMm = [];
});
afterEach(() => void vi.useRealTimers());

function opened() {
  const pose = signal<Matrix4>(translation([0, 0, 0]));
  return { pose, state: new ShadowState(KEY, VIEW, pose) };
}

test("a shadow is seen only while it belongs to the pose on the screen", async () => {
  const { pose, state } = opened();
  await state.load();
  state.follow();
  expect(state.isSeen).toBe(false);
  await vi.advanceTimersByTimeAsync(300);
  expect(state.isSeen).toBe(true);
  pose.value = translation([1, 0, 0]);
  expect(state.isSeen).toBe(false);
  state.follow();
  await vi.advanceTimersByTimeAsync(300);
  expect(state.isSeen).toBe(true);
});

test("its age counts from the movement that left it, however many follow", async () => {
  const { pose, state } = opened();
  state.follow();
  await vi.advanceTimersByTimeAsync(5000);
  const leftMs = performance.now();
  for (let step = 1; step <= 5; step += 1) {
    pose.value = translation([step, 0, 0]);
    state.follow();
    expect(state.staleSinceMs.value).toBe(leftMs);
    await vi.advanceTimersByTimeAsync(100);
  }
  await vi.advanceTimersByTimeAsync(300);
  expect(state.staleSinceMs.value).toBeNull();
});

/** A radiograph whose whole shadow is on the screen. */
async function seen() {
  const { pose, state } = opened();
  await state.load();
  state.follow();
  await vi.advanceTimersByTimeAsync(300);
  const moveTo = (rightMm: number) => {
    pose.value = translation([rightMm, 0, 0]);
    state.follow();
  };
  const shownMm = () => state.shadow.value?.pose[3];
  return { state, moveTo, shownMm };
}

test("while the hand moves a quick shadow follows, which nobody decides on, and the whole one once it rests", async () => {
  drawn.quickMs = 20;
  const { state, moveTo, shownMm } = await seen();
  expect(drawn.quickAtMm).toEqual([]);
  for (let rightMm = 1; rightMm <= 5; rightMm += 1) {
    moveTo(rightMm);
    await vi.advanceTimersByTimeAsync(50);
    expect(shownMm()).toBe(rightMm);
    expect(state.staleSinceMs.value).toBeNull();
    expect(state.isSeen).toBe(false);
  }
  await vi.advanceTimersByTimeAsync(300);
  expect(state.shadow.value?.isQuick).toBe(false);
  expect(state.isSeen).toBe(true);
});

test("of the poses that come while a quick shadow is drawn only the newest is asked for", async () => {
  drawn.quickMs = 100;
  const { state, moveTo, shownMm } = await seen();
  for (let rightMm = 1; rightMm <= 9; rightMm += 1) {
    moveTo(rightMm);
    await vi.advanceTimersByTimeAsync(10);
  }
  expect(drawn.quickAtMm).toEqual([1]);
  await vi.advanceTimersByTimeAsync(20);
  expect(drawn.quickAtMm).toEqual([1, 9]);
  expect(shownMm()).toBe(1);
  expect(state.staleSinceMs.value).not.toBeNull();
  await vi.advanceTimersByTimeAsync(100);
  expect(shownMm()).toBe(9);
  expect(state.staleSinceMs.value).toBeNull();
});

test("a quick shadow of a pose that was left meanwhile is as old as the movement that left it", async () => {
  drawn.quickMs = 100;
  const { state, moveTo, shownMm } = await seen();
  moveTo(1);
  await vi.advanceTimersByTimeAsync(60);
  const leftMs = performance.now();
  moveTo(2);
  await vi.advanceTimersByTimeAsync(20);
  moveTo(3);
  await vi.advanceTimersByTimeAsync(30);
  expect(shownMm()).toBe(1);
  expect(state.staleSinceMs.value).toBe(leftMs);
});

test("a quick shadow that comes late never takes the place of a newer one", async () => {
  drawn.quickMs = 1000;
  const { state, moveTo, shownMm } = await seen();
  moveTo(1);
  await vi.advanceTimersByTimeAsync(50);
  moveTo(2);
  await vi.advanceTimersByTimeAsync(300);
  expect(shownMm()).toBe(2);
  moveTo(0);
  await vi.advanceTimersByTimeAsync(300);
  await vi.advanceTimersByTimeAsync(5000);
  expect(shownMm()).toBe(0);
  expect(state.isSeen).toBe(true);
});

test("going back to the pose that is drawn needs no new shadow", async () => {
  const { pose, state } = opened();
  state.follow();
  await vi.advanceTimersByTimeAsync(300);
  pose.value = translation([1, 0, 0]);
  state.follow();
  pose.value = translation([0, 0, 0]);
  state.follow();
  expect(state.staleSinceMs.value).toBeNull();
  expect(state.asked.known.value).toEqual({ kind: "nothing" });
});

test("a shadow or a radiograph of another size is refused, not stretched", async () => {
  drawn.pixels = Uint8Array.from([1, 2, 3]);
  const { state } = opened();
  await state.load();
  expect(state.problem.value).toContain("3 pixels");
  state.follow();
  await vi.advanceTimersByTimeAsync(300);
  expect(state.asked.known.value).toMatchObject({ kind: "failed" });
  expect(state.shadow.value).toBeNull();
});
