/** Decides when which frame is drawn: the newest state wins, one frame at a time, half the grid while moving. */

/** After this long without a change everything is drawn on the full grid. */
export const SETTLE_MS = 120;

/** A frame to send now. */
export interface DueFrame {
  readonly frame: number;
  /** Large views are drawn on half the grid. */
  readonly moving: boolean;
  /** When the first change happened that this frame is the first to show. */
  readonly changedMs: number;
}

interface Drawn {
  readonly version: number;
  readonly coarse: boolean;
}

/** Times are given by the caller in milliseconds, so that tests need no clock. */
export class FrameSchedule {
  #version = 0;
  #frame = 0;
  #lastChangeMs = Number.NEGATIVE_INFINITY;
  #firstUndrawnMs: number | null = null;
  #inFlight: Drawn | null = null;
  #shown: Drawn = { version: 0, coarse: false };

  /** Something that is seen has changed. */
  changed(nowMs: number): void {
    this.#version += 1;
    this.#lastChangeMs = nowMs;
    this.#firstUndrawnMs ??= nowMs;
  }

  /** The frame to send now, if one is due; `anyLarge` tells whether half the grid makes a difference. */
  due(nowMs: number, anyLarge: boolean): DueFrame | null {
    if (this.#inFlight !== null || this.waitMs(nowMs) !== 0) {
      return null;
    }
    const moving = nowMs - this.#lastChangeMs < SETTLE_MS;
    this.#frame += 1;
    this.#inFlight = { version: this.#version, coarse: moving && anyLarge };
    const changedMs = this.#firstUndrawnMs ?? nowMs;
    this.#firstUndrawnMs = null;
    return { frame: this.#frame, moving, changedMs };
  }

  /** How long from now until a frame is due; null if none is without a further change. */
  waitMs(nowMs: number): number | null {
    const latest = this.#inFlight ?? this.#shown;
    if (latest.version < this.#version) {
      return 0;
    }
    return latest.coarse ? Math.max(0, this.#lastChangeMs + SETTLE_MS - nowMs) : null;
  }

  /** The frame in flight is on the screen. Returns true if it shows the newest state on the full grid. */
  painted(): boolean {
    if (this.#inFlight !== null) {
      this.#shown = this.#inFlight;
      this.#inFlight = null;
    }
    return this.#shown.version === this.#version && !this.#shown.coarse;
  }
}
