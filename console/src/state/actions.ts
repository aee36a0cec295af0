import { type Signal, signal } from "@preact/signals";
import { asProblem, type Problem } from "../api/problem";

/** What is under way, by its name. */
const underWay: Signal<ReadonlySet<string>> = signal(new Set());

/** True while an action of this name is under way; read while drawing, it follows. */
export const isUnderWay = (name: string): boolean => underWay.value.has(name);

/** What an action led to; `busy`: the same one was under way, and nothing was sent. */
export type Outcome<T> =
  | { kind: "done"; value: T }
  | { kind: "busy" }
  | { kind: "problem"; problem: Problem };

/**
 * Do something once: while an action of this name is under way, a second call sends nothing.
 *
 * @param name - Of the action, such as `approve C1/3`.
 */
export async function once<T>(name: string, act: () => Promise<T>): Promise<Outcome<T>> {
  if (underWay.peek().has(name)) {
    return { kind: "busy" };
  }
  underWay.value = new Set(underWay.peek()).add(name);
  try {
    return { kind: "done", value: await act() };
  } catch (thrown) {
    return { kind: "problem", problem: asProblem(thrown) };
  } finally {
    const left = new Set(underWay.peek());
    left.delete(name);
    underWay.value = left;
  }
}
