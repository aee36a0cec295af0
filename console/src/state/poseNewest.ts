/**
 * Questions that follow a moving pose: asked when the hand rests, and only the newest answer counts.
 *
 * An answer for an older pose is dropped, however late it comes; there is never a number on the screen that
 * belongs to another pose than the one that is seen.
 */

import { type ReadonlySignal, signal } from "@preact/signals";

/** Pause after the last movement before the service is asked. */
export const PAUSE_MS = 150;

/** What is known about the newest question. */
export type Known<Answer> =
  | { readonly kind: "nothing" }
  | { readonly kind: "checking" }
  | { readonly kind: "known"; readonly answer: Answer }
  | { readonly kind: "failed"; readonly sentence: string };

/** Asks the newest of many questions. */
export class NewestAnswer<Question, Answer> {
  readonly #ask: (question: Question, signal: AbortSignal) => Promise<Answer>;
  readonly #pauseMs: number;
  readonly #known = signal<Known<Answer>>({ kind: "nothing" });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | null = null;

  /** @param ask - Resolves with the answer, or rejects with an error whose message is one sentence. */
  constructor(ask: (question: Question, signal: AbortSignal) => Promise<Answer>, pauseMs: number = PAUSE_MS) {
    this.#ask = ask;
    this.#pauseMs = pauseMs;
  }

  /** What is known about the newest question. */
  get known(): ReadonlySignal<Known<Answer>> {
    return this.#known;
  }

  /** Put a newer question; what was known belongs to an older one and goes. */
  put(question: Question): void {
    this.drop();
    this.#known.value = { kind: "checking" };
    this.#timer = setTimeout(() => void this.#run(question), this.#pauseMs);
  }

  /** Forget the question and the answer. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.#running = null;
    this.#known.value = { kind: "nothing" };
  }

  async #run(question: Question): Promise<void> {
    const running = new AbortController();
    this.#running = running;
    try {
      const answer = await this.#ask(question, running.signal);
      this.#finish(running, { kind: "known", answer });
    } catch (error) {
      const sentence = error instanceof Error ? error.message : String(error);
      this.#finish(running, { kind: "failed", sentence });
    }
  }

  #finish(running: AbortController, known: Known<Answer>): void {
    if (this.#running === running) {
      this.#running = null;
      this.#known.value = known;
    }
  }
}
