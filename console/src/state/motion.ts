/** Three numbers in mm: lateral, longitudinal, vertical (IEC fixed). */
export type ThreeMm = readonly [number, number, number];

/** One look at the target. */
export interface MotionSample {
  /** Time of exposure, s since 1970. */
  atS: number;
  /** From where it should be; null where it was not seen. */
  placeMm: ThreeMm | null;
  /** Standard deviation of the error of the place, axis by axis. */
  sigmaMm: ThreeMm | null;
}

type Column = (number | null)[];

/** Times and the three axes as a chart takes them; null breaks a line. */
export type MotionColumns = [number[], Column, Column, Column];

/** What a chart draws: the lines, and how well each point of them is known. */
export interface MotionDrawn {
  lines: MotionColumns;
  /** Standard deviations, mm, of the same length as the lines. */
  sigmasMm: readonly [Column, Column, Column];
}

const AXES = [0, 1, 2] as const;

/** The newest places of the target in time order, in a ring of fixed size. */
export class MotionRing {
  readonly #samples: (MotionSample | undefined)[];
  readonly #size: number;
  #next = 0;
  #count = 0;
  #newestS = Number.NEGATIVE_INFINITY;

  /** @param size - How many are kept; 60 s at 20 Hz are 1200. */
  constructor(size: number) {
    this.#size = size;
    this.#samples = new Array(size);
  }

  get length(): number {
    return this.#count;
  }

  /** Take a sample; one that is not newer than the newest, or not a number, is refused with false. */
  push(sample: MotionSample): boolean {
    const values = [sample.atS, ...(sample.placeMm ?? []), ...(sample.sigmaMm ?? [])];
    if (!values.every(Number.isFinite) || sample.atS <= this.#newestS) {
      return false;
    }
    this.#samples[this.#next] = sample;
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
  columns(fromS: number, zeroS: number, longestGapS: number): MotionDrawn {
    const drawn: MotionDrawn = { lines: [[], [], [], []], sigmasMm: [[], [], []] };
    let before = Number.NaN;
    for (let index = 0; index < this.#count; index += 1) {
      const sample = this.#samples[(this.#next - this.#count + index + this.#size) % this.#size];
      if (sample === undefined || sample.atS < fromS) {
        continue;
      }
      if (sample.atS - before > longestGapS) {
        append(drawn, (sample.atS + before) / 2 - zeroS, null);
      }
      append(drawn, sample.atS - zeroS, sample);
      before = sample.atS;
    }
    return drawn;
  }
}

function append(drawn: MotionDrawn, atS: number, sample: MotionSample | null): void {
  const [times, ...places] = drawn.lines;
  times.push(atS);
  for (const axis of AXES) {
    places[axis].push(sample?.placeMm?.[axis] ?? null);
    drawn.sigmasMm[axis].push(sample?.sigmaMm?.[axis] ?? null);
  }
}
