/** One place of the target from where it should be, mm, lateral, longitudinal, vertical. */
export interface MotionSample {
  /** Time of exposure, s since 1970. */
  atS: number;
  lateralMm: number;
  longitudinalMm: number;
  verticalMm: number;
}

/** Times and the three axes as a chart takes them; null breaks a line. */
export type MotionColumns = [number[], (number | null)[], (number | null)[], (number | null)[]];

/** The newest places of the target in time order, in a ring of fixed size. */
export class MotionRing {
  readonly #columns: [Float64Array, Float64Array, Float64Array, Float64Array];
  readonly #size: number;
  #next = 0;
  #count = 0;
  #newestS = Number.NEGATIVE_INFINITY;

  /** @param size - How many are kept; 60 s at 20 Hz are 1200. */
  constructor(size: number) {
    this.#size = size;
    this.#columns = [
      new Float64Array(size),
      new Float64Array(size),
      new Float64Array(size),
      new Float64Array(size),
    ];
  }

  get length(): number {
    return this.#count;
  }

  /** Take a sample; one that is not newer than the newest, or not a number, is refused with false. */
  push(sample: MotionSample): boolean {
    const values = [sample.atS, sample.lateralMm, sample.longitudinalMm, sample.verticalMm];
    if (!values.every(Number.isFinite) || sample.atS <= this.#newestS) {
      return false;
    }
    for (const [index, column] of this.#columns.entries()) {
      column[this.#next] = values[index] ?? Number.NaN;
    }
    this.#newestS = sample.atS;
    this.#next = (this.#next + 1) % this.#size;
    this.#count = Math.min(this.#size, this.#count + 1);
    return true;
  }

  /** Forget everything. */
  clear(): void {
    this.#next = 0;
    this.#count = 0;
    this.#newestS = Number.NEGATIVE_INFINITY;
  }

  /**
   * Return the samples from `fromS` on, relative to `zeroS`.
   *
   * @param longestGapS - A longer silence is drawn as a gap, never as a line.
   */
  columns(fromS: number, zeroS: number, longestGapS: number): MotionColumns {
    const out: MotionColumns = [[], [], [], []];
    let before = Number.NaN;
    for (let index = 0; index < this.#count; index += 1) {
      const place = (this.#next - this.#count + index + this.#size) % this.#size;
      const atS = this.#columns[0][place] ?? Number.NaN;
      if (atS < fromS) {
        continue;
      }
      if (atS - before > longestGapS) {
        out[0].push((atS + before) / 2 - zeroS);
        for (const axis of [1, 2, 3] as const) {
          out[axis].push(null);
        }
      }
      out[0].push(atS - zeroS);
      for (const axis of [1, 2, 3] as const) {
        out[axis].push(this.#columns[axis][place] ?? null);
      }
      before = atS;
    }
    return out;
  }
}
