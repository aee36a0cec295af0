/** What time it is for the service: the page's clock may be wrong, and an image must not look younger for it. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { wallMs } from "./clock";

const aheadMs = signal(0);

/**
 * How far the service's clock is ahead of the page's.
 *
 * A `Date` header is cut to whole seconds and made before it is received, so the true time is up to a second
 * later: that second is added, since an image that is called old too early harms nobody.
 *
 * @param dateHeader - Of an answer that has just come; null where it had none.
 * @returns Milliseconds; null where the header cannot be read.
 */
export function clockAheadMs(dateHeader: string | null, pageNowMs: number): number | null {
  const sentMs = dateHeader === null ? Number.NaN : Date.parse(dateHeader);
  return Number.isNaN(sentMs) ? null : sentMs + 1000 - pageNowMs;
}

/** Compare the clocks; a failure leaves what was known. */
export async function compareClocks(): Promise<void> {
  const response = await fetch("/api/version", { cache: "no-store" }).catch(() => null);
  const found = clockAheadMs(response?.headers.get("Date") ?? null, Date.now());
  if (found !== null) {
    aheadMs.value = found;
  }
}

/** The service's time, once a second, ms since 1970. */
export const serviceNowMs: ReadonlySignal<number> = computed(() => wallMs.value + aheadMs.value);
