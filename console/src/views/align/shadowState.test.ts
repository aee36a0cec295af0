import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Matrix4, translation } from "../../geometry/rigid";
import type { ViewDocument } from "./documents";
import { ShadowState } from "./shadow";

const KEY = { courseId: "C1", number: 1, uid: "1.2" };
const VIEW = { index: 0, columns: 2, rows: 1, pixel_mm: 1, address: "/pixels" } as unknown as ViewDocument;
const OVERLAYS = { isocentre: [0, 0], outlines: [], markers: [] };

/** What the service draws; it answers at once. */
const drawn = vi.hoisted(() => ({ pixels: new Uint8Array() }));

vi.mock("../../api/client", async (original) => ({
  ...(await original<typeof import("../../api/client")>()),
  fetchBytes: async () => Uint8Array.from(drawn.pixels).buffer,
}));
vi.mock("./documents", async (original) => ({
  ...(await original<typeof import("./documents")>()),
  askDrr: async () => drawn.pixels,
  askOverlays: async () => OVERLAYS,
}));

beforeEach(() => {
  vi.useFakeTimers();
  drawn.pixels = Uint8Array.from([1, 2]);
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
  await vi.advanceTimersByTimeAsync(200);
  expect(state.isSeen).toBe(true);
  pose.value = translation([1, 0, 0]);
  expect(state.isSeen).toBe(false);
  state.follow();
  await vi.advanceTimersByTimeAsync(200);
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
  await vi.advanceTimersByTimeAsync(200);
  expect(state.staleSinceMs.value).toBeNull();
});

test("going back to the pose that is drawn needs no new shadow", async () => {
  const { pose, state } = opened();
  state.follow();
  await vi.advanceTimersByTimeAsync(200);
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
  await vi.advanceTimersByTimeAsync(200);
  expect(state.asked.known.value).toMatchObject({ kind: "failed" });
  expect(state.shadow.value).toBeNull();
});
