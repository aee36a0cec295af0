import { signal } from "@preact/signals";

/** Time of the page's steady clock, ms; it has no relation to the time of day. */
export const steadyMs = (): number => performance.now();

const TICK_MS = 100;

/** The steady clock for what is drawn, ten times a second. */
export const tickMs = signal(0);

/** The service's time of day for what is drawn, once a second: ms since 1970. */
export const wallMs = signal(Date.now());

let serviceAheadMs = 0;

/** The service said its time: how long an image is still valid is told by its clock, not by this computer's. */
export function noteServiceTime(at: string): void {
  const saidMs = Date.parse(at);
  if (Number.isFinite(saidMs)) {
    serviceAheadMs = saidMs - Date.now();
    wallMs.value = saidMs;
  }
}

/** Let the clocks run. */
export function startClocks(): () => void {
  tickMs.value = steadyMs();
  const fast = setInterval(() => {
    tickMs.value = steadyMs();
  }, TICK_MS);
  const slow = setInterval(() => {
    wallMs.value = Date.now() + serviceAheadMs;
  }, 1000);
  return () => {
    clearInterval(fast);
    clearInterval(slow);
  };
}
