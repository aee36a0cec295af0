import { afterEach, expect, test, vi } from "vitest";
import { Listeners } from "./listeners";

afterEach(() => {
  vi.unstubAllGlobals();
});

test("a listener that fails does not keep the others from hearing, and its error is not lost", () => {
  const later: (() => void)[] = [];
  vi.stubGlobal("queueMicrotask", (act: () => void) => later.push(act));
  const heard: number[] = [];
  const listeners = new Listeners<number>();
  listeners.add(() => {
    throw new Error("broken view");
  });
  listeners.add((event) => heard.push(event));
  listeners.tell(7);
  expect(heard).toEqual([7]);
  expect(later).toHaveLength(1);
  expect(later[0]).toThrow("broken view");
});

test("a listener may leave while it is told", () => {
  const heard: string[] = [];
  const listeners = new Listeners<string>();
  const stop = listeners.add((event) => {
    heard.push(event);
    stop();
  });
  listeners.tell("once");
  listeners.tell("twice");
  expect(heard).toEqual(["once"]);
});
