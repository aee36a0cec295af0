/** A time during which something was the same, s since 1970. */
export interface Stretch<Kind extends string> {
  fromS: number;
  untilS: number;
  kind: Kind;
}

/** What a state was over the last time: each reading prolongs the newest stretch, or begins another. */
export class Stretches<Kind extends string> {
  #kept: Stretch<Kind>[] = [];
  readonly #keptS: number;
  readonly #longestGapS: number;

  /**
   * @param keptS - What ended longer ago is forgotten.
   * @param longestGapS - After a longer silence nothing is said about the time between.
   */
  constructor(keptS: number, longestGapS: number) {
    this.#keptS = keptS;
    this.#longestGapS = longestGapS;
  }

  /** Take a reading; one that is not newer than the newest is left out. */
  push(atS: number, kind: Kind): void {
    const last = this.#kept.at(-1);
    if (!Number.isFinite(atS) || (last !== undefined && atS <= last.untilS)) {
      return;
    }
    const follows = last !== undefined && atS - last.untilS <= this.#longestGapS;
    if (follows) {
      last.untilS = atS;
    }
    if (!follows || last.kind !== kind) {
      this.#kept.push({ fromS: atS, untilS: atS, kind });
    }
    this.#kept = this.#kept.filter(({ untilS }) => untilS >= atS - this.#keptS);
  }

  /** Forget everything. */
  clear(): void {
    this.#kept = [];
  }

  /** The stretches that are kept, the oldest first. */
  get all(): readonly Stretch<Kind>[] {
    return this.#kept;
  }
}
