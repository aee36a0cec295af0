import type { ComponentChildren } from "preact";
import { tickMs } from "../state/clock";
import { seconds } from "./format";

/** Seconds since something was heard, never below zero. */
export const ageS = (heardMs: number, nowMs: number): number => Math.max(0, nowMs - heardMs) / 1000;

/**
 * Draw live numbers only while they are fresh; the time without data stands in their place otherwise.
 *
 * @param heardMs - When they were heard, ms of the steady clock; null where nothing was heard.
 * @param limitMs - So old they may be.
 */
export function Live(props: { heardMs: number | null; limitMs: number; children: ComponentChildren }) {
  if (props.heardMs === null) {
    return <span class="stale">no data</span>;
  }
  const age = ageS(props.heardMs, tickMs.value);
  return age * 1000 > props.limitMs ? <span class="stale">no data for {seconds(age)}</span> : props.children;
}
