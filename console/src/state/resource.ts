import { type Signal, useSignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { asProblem, type Problem } from "../api/problem";
import { steadyMs } from "./clock";

/** A document that a view asked for. */
export interface Resource<T> {
  value: T | null;
  problem: Problem | null;
  isLoading: boolean;
  /** When `value` came, ms of the steady clock. */
  atMs: number;
}

/**
 * Load a document when a view appears and whenever `key` changes; the last question wins.
 *
 * @returns The resource, and what loads it anew (the old value stays until then).
 */
export function useResource<T>(
  key: string,
  load: () => Promise<T>,
): { resource: Resource<T>; reload: () => Promise<void> } {
  const state: Signal<Resource<T> & { key: string }> = useSignal({
    key,
    value: null,
    problem: null,
    isLoading: true,
    atMs: 0,
  });
  const asked = useRef(0);
  const loader = useRef(load);
  loader.current = load;
  const reload = useCallback(async () => {
    asked.current += 1;
    const mine = asked.current;
    const before = state.peek();
    const kept = before.key === key ? before : { ...before, value: null, problem: null };
    state.value = { ...kept, key, isLoading: true };
    try {
      const value = await loader.current();
      if (asked.current === mine) {
        state.value = { key, value, problem: null, isLoading: false, atMs: steadyMs() };
      }
    } catch (thrown) {
      if (asked.current === mine) {
        state.value = { ...state.peek(), problem: asProblem(thrown), isLoading: false };
      }
    }
  }, [key, state]);
  useEffect(() => {
    void reload();
    return () => {
      asked.current += 1;
    };
  }, [reload]);
  return { resource: state.value, reload };
}
