/** Clocks of two computers part by less than this: 100 ms in a thousand seconds. */
const DRIFT = 1e-4;

/**
 * How far messages are behind the quickest one, so that what was held up on the way is not taken for now.
 *
 * The clocks of service and page need not agree: the quickest message says how far they are apart.
 */
export class Lag {
  #quickestMs = Number.POSITIVE_INFINITY;
  #lastMs = 0;

  /**
   * Take a message and return how far it is behind, ms.
   *
   * @param sentMs - When it was sent, by the clock of the service.
   * @param receivedMs - When it came, by the steady clock of the page.
   */
  take(sentMs: number, receivedMs: number): number {
    const apartMs = receivedMs - sentMs;
    const relaxedMs = this.#quickestMs + Math.max(0, receivedMs - this.#lastMs) * DRIFT;
    this.#quickestMs = Math.min(apartMs, relaxedMs);
    this.#lastMs = receivedMs;
    return apartMs - this.#quickestMs;
  }

  /** Forget everything: the stream was opened anew. */
  reset(): void {
    this.#quickestMs = Number.POSITIVE_INFINITY;
    this.#lastMs = 0;
  }
}
