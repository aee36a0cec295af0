import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NewestAnswer, PAUSE_MS } from "./poseNewest";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A service whose answers come when the test says so. */
function slowService() {
  const calls: {
    question: number;
    aborted: () => boolean;
    answer: (text: string) => void;
    fail: () => void;
  }[] = [];
  const ask = (question: number, signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => {
      calls.push({
        question,
        aborted: () => signal.aborted,
        answer: resolve,
        fail: () => reject(new Error("The service is not there.")),
      });
    });
  return { calls, newest: new NewestAnswer(ask) };
}

test("the service is asked once, when the hand rests", async () => {
  const { calls, newest } = slowService();
  for (let step = 0; step < 10; step += 1) {
    newest.put(step);
    await vi.advanceTimersByTimeAsync(PAUSE_MS - 1);
  }
  expect(calls).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(calls.map(({ question }) => question)).toEqual([9]);
});

test("an old number is gone as soon as the pose moves", async () => {
  const { calls, newest } = slowService();
  newest.put(1);
  await vi.advanceTimersByTimeAsync(PAUSE_MS);
  calls[0]!.answer("one");
  await vi.advanceTimersByTimeAsync(0);
  expect(newest.known.value).toEqual({ kind: "known", answer: "one" });
  newest.put(2);
  expect(newest.known.value).toEqual({ kind: "checking" });
});

test("an answer for an older pose is dropped, whichever comes first", async () => {
  const { calls, newest } = slowService();
  newest.put(1);
  await vi.advanceTimersByTimeAsync(PAUSE_MS);
  newest.put(2);
  await vi.advanceTimersByTimeAsync(PAUSE_MS);
  expect(calls[0]!.aborted()).toBe(true);
  calls[1]!.answer("two");
  await vi.advanceTimersByTimeAsync(0);
  calls[0]!.answer("one");
  await vi.advanceTimersByTimeAsync(0);
  expect(newest.known.value).toEqual({ kind: "known", answer: "two" });
});

test("an answer that comes while the hand moves on is dropped", async () => {
  const { calls, newest } = slowService();
  newest.put(1);
  await vi.advanceTimersByTimeAsync(PAUSE_MS);
  newest.put(2);
  calls[0]!.answer("one");
  await vi.advanceTimersByTimeAsync(0);
  expect(newest.known.value).toEqual({ kind: "checking" });
});

test("a failure is a sentence, and an older failure says nothing about the newer pose", async () => {
  const { calls, newest } = slowService();
  newest.put(1);
  await vi.advanceTimersByTimeAsync(PAUSE_MS);
  newest.put(2);
  await vi.advanceTimersByTimeAsync(PAUSE_MS);
  calls[0]!.fail();
  await vi.advanceTimersByTimeAsync(0);
  expect(newest.known.value).toEqual({ kind: "checking" });
  calls[1]!.fail();
  await vi.advanceTimersByTimeAsync(0);
  expect(newest.known.value).toEqual({ kind: "failed", sentence: "The service is not there." });
});

test("what is dropped is never asked", async () => {
  const { calls, newest } = slowService();
  newest.put(1);
  newest.drop();
  await vi.advanceTimersByTimeAsync(10 * PAUSE_MS);
  expect(calls).toHaveLength(0);
  expect(newest.known.value).toEqual({ kind: "nothing" });
});
