/** The hand: the pose of the day's image, moved by views, keys and typed numbers, with its history. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import {
  type CouchCorrection,
  couchCorrection,
  planningFromDailyOf,
  type TreatmentSetup,
} from "../../geometry/correction";
import type { Matrix4 } from "../../geometry/rigid";
import {
  begun,
  type MovementMade,
  moved,
  type PoseHistory,
  poseOf,
  redone,
  settled,
  undone,
} from "../../state/pose";

/** See the top of this file. */
export class Hand {
  readonly setup: TreatmentSetup;
  readonly history: Signal<PoseHistory>;
  /** `planningFromDaily` of the hand. */
  readonly pose: ReadonlySignal<Matrix4>;
  /** What the couch would have to do for it, all six. */
  readonly correction: ReadonlySignal<CouchCorrection>;
  readonly #nowMs: () => number;
  #lastMs = 0;

  constructor(setup: TreatmentSetup, planningFromDaily: Matrix4, nowMs: () => number = () => Date.now()) {
    this.setup = setup;
    this.#nowMs = nowMs;
    this.history = signal(begun(setup, planningFromDaily));
    this.pose = computed(() => poseOf(this.history.value));
    this.correction = computed(() => couchCorrection(this.pose.value, setup));
  }

  /** Begin anew at a pose: what was done before led to the match that is left behind. */
  begin(planningFromDaily: Matrix4): void {
    this.history.value = begun(this.setup, planningFromDaily);
  }

  /** Move to a pose. */
  move(planningFromDaily: Matrix4, kind: MovementMade["kind"], gesture?: string): void {
    const made = { kind, at: this.#at(), ...(gesture === undefined ? {} : { gesture }) };
    this.history.value = moved(this.history.peek(), planningFromDaily, made);
  }

  /** Move to the pose that calls for these six numbers: all of them at once, or not at all. */
  type(correction: CouchCorrection): void {
    this.move(planningFromDailyOf(correction, this.setup), "typed");
  }

  /** End the drag or the held key. */
  settle(): void {
    this.history.value = settled(this.history.peek());
  }

  undo(): void {
    this.history.value = undone(this.history.peek(), this.#at());
  }

  redo(): void {
    this.history.value = redone(this.history.peek(), this.#at());
  }

  /** Now, and never before the last movement: a clock that is set back must not disorder the record. */
  #at(): string {
    this.#lastMs = Math.max(this.#lastMs, this.#nowMs());
    return new Date(this.#lastMs).toISOString();
  }
}
