import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { steadyMs, tickMs } from "./clock";

/** How the event stream is: `live` may be believed, `late` is behind, `lost` says nothing any more. */
export type LinkState = "live" | "late" | "lost";

/** After how long without a message, ms. */
export interface LinkLimits {
  lateMs: number;
  lostMs: number;
}

/** While a beam is watched, rooms send 20 times a second. */
export const WATCHING: LinkLimits = { lateMs: 300, lostMs: 1000 };
/** Otherwise the stream says at least each second that it is there. */
export const IDLE: LinkLimits = { lateMs: 2500, lostMs: 5000 };
const LOST_AFTER_CLOSE_MS = 1000;

/** What is known of the stream, times in ms of the steady clock. */
export interface LinkFacts {
  isConnected: boolean;
  /** Null before the first message. */
  lastMessageMs: number | null;
  /** Since when it is not connected. */
  closedMs: number;
  isWatching: boolean;
}

/** Say how the stream is at a time. */
export function linkStateAt(facts: LinkFacts, nowMs: number): LinkState {
  const limits = facts.isWatching ? WATCHING : IDLE;
  if (facts.lastMessageMs === null) {
    return nowMs - facts.closedMs > LOST_AFTER_CLOSE_MS ? "lost" : "late";
  }
  const silentMs = nowMs - facts.lastMessageMs;
  if (silentMs > limits.lostMs || (!facts.isConnected && nowMs - facts.closedMs > LOST_AFTER_CLOSE_MS)) {
    return "lost";
  }
  return silentMs > limits.lateMs || !facts.isConnected ? "late" : "live";
}

const facts = signal<LinkFacts>({
  isConnected: false,
  lastMessageMs: null,
  closedMs: 0,
  isWatching: false,
});

/** Take note that the stream was opened or closed. */
export function noteConnected(isConnected: boolean): void {
  facts.value = { ...facts.value, isConnected, ...(isConnected ? {} : { closedMs: steadyMs() }) };
}

/** Take note of a message. */
export function noteMessage(): void {
  facts.value = { ...facts.value, lastMessageMs: steadyMs() };
}

/** Say whether a beam is watched on this page: the limits are narrow then. */
export function noteWatching(isWatching: boolean): void {
  if (facts.peek().isWatching !== isWatching) {
    facts.value = { ...facts.value, isWatching };
  }
}

/** The state now; it ages by itself. */
export const link: ReadonlySignal<LinkState> = computed(() =>
  linkStateAt(facts.value, Math.max(tickMs.value, facts.value.lastMessageMs ?? 0)),
);

/** Seconds since the last message; null before the first. */
export const silentS: ReadonlySignal<number | null> = computed(() => {
  const last = facts.value.lastMessageMs;
  return last === null ? null : Math.max(0, tickMs.value - last) / 1000;
});

/** Same as {@link link}, for a component that likes a name that says it is read while drawing. */
export const useLink = (): LinkState => link.value;
