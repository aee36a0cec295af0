/**
 * Questions that follow a hand while it moves: one at a time, and of those that come meanwhile only the newest.
 *
 * The service is never behind by more than one question, however fast the hand is.
 */
export class OneAtATime<Question> {
  readonly #ask: (question: Question) => Promise<void>;
  #isAsking = false;
  #next: { readonly question: Question } | null = null;

  /** @param ask - Has to settle; that it failed is told to nobody, for a newer question follows. */
  constructor(ask: (question: Question) => Promise<void>) {
    this.#ask = ask;
  }

  /** Ask at once, or as soon as the question is answered that is being asked. */
  put(question: Question): void {
    this.#next = { question };
    if (!this.#isAsking) {
      void this.#run();
    }
  }

  /** Forget the question that waits; the one that is being asked goes on. */
  drop(): void {
    this.#next = null;
  }

  async #run(): Promise<void> {
    this.#isAsking = true;
    while (this.#next !== null) {
      const { question } = this.#next;
      this.#next = null;
      await this.#ask(question).catch(() => undefined);
    }
    this.#isAsking = false;
  }
}
