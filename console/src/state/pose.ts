/**
 * The position of the day's image as a person moves it: every pose, where in them we are, and what was done.
 *
 * A history is a value. Undo and redo walk through the poses; the record of movements only grows, because it is
 * sent with the match and has to say what happened, also what was taken back.
 */

import { type CouchCorrection, couchCorrection, type TreatmentSetup } from "../geometry/correction";
import type { Matrix4 } from "../geometry/rigid";

/** How a pose came about, as the service records it. */
export type MovementKind = "drag" | "key" | "typed" | "undo" | "redo" | "reset" | "engine";

/** One movement by hand, and where it led. */
export interface Movement {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly kind: MovementKind;
  readonly correction: CouchCorrection;
}

/** Largest number of movements that the service takes with a match. */
export const MOST_MOVEMENTS = 5000;

/** Every pose of the day's image since the view was opened. */
export interface PoseHistory {
  readonly setup: TreatmentSetup;
  /** `planningFromDaily` of each pose; those after `index` can be made again. */
  readonly poses: readonly Matrix4[];
  readonly index: number;
  readonly movements: readonly Movement[];
  /** The drag that goes on, or the key that is held; its movements are one. */
  readonly gesture: string | null;
}

/** What a movement is, beside the pose that it leads to. */
export interface MovementMade {
  readonly kind: Exclude<MovementKind, "undo" | "redo">;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Name of the drag or of the held key; movements of the same one are joined. */
  readonly gesture?: string;
}

/** Begin at a pose, with nothing done. */
export function begun(setup: TreatmentSetup, planningFromDaily: Matrix4): PoseHistory {
  return { setup, poses: [planningFromDaily], index: 0, movements: [], gesture: null };
}

/** The pose now. */
export function poseOf(history: PoseHistory): Matrix4 {
  return history.poses[history.index]!;
}

/** Whether a movement more would still be recorded. */
export function canMove(history: PoseHistory): boolean {
  return history.movements.length < MOST_MOVEMENTS;
}

/** Move to a pose; what could have been made again is forgotten. The same pose is no movement. */
export function moved(history: PoseHistory, planningFromDaily: Matrix4, made: MovementMade): PoseHistory {
  const goesOn = made.gesture !== undefined && made.gesture === history.gesture;
  if (isSamePose(planningFromDaily, poseOf(history)) || !(goesOn || canMove(history))) {
    return history;
  }
  const kept = goesOn ? history.index : history.index + 1;
  const recorded = goesOn ? history.movements.slice(0, -1) : history.movements;
  return {
    ...history,
    poses: [...history.poses.slice(0, kept), planningFromDaily],
    index: kept,
    movements: [...recorded, movementTo(history.setup, planningFromDaily, made)],
    gesture: made.gesture ?? null,
  };
}

/** End a drag or the holding of a key: the next movement is another one. */
export function settled(history: PoseHistory): PoseHistory {
  return history.gesture === null ? history : { ...history, gesture: null };
}

/** Whether there is something to take back. */
export function canUndo(history: PoseHistory): boolean {
  return history.index > 0 && canMove(history);
}

/** Whether there is something to make again. */
export function canRedo(history: PoseHistory): boolean {
  return history.index < history.poses.length - 1 && canMove(history);
}

/** Take the last movement back. */
export function undone(history: PoseHistory, at: string): PoseHistory {
  return canUndo(history) ? walked(history, history.index - 1, { kind: "undo", at }) : history;
}

/** Make the movement again that was taken back last. */
export function redone(history: PoseHistory, at: string): PoseHistory {
  return canRedo(history) ? walked(history, history.index + 1, { kind: "redo", at }) : history;
}

function walked(
  history: PoseHistory,
  index: number,
  made: { kind: "undo" | "redo"; at: string },
): PoseHistory {
  const movement = movementTo(history.setup, history.poses[index]!, made);
  return { ...history, index, movements: [...history.movements, movement], gesture: null };
}

function movementTo(
  setup: TreatmentSetup,
  planningFromDaily: Matrix4,
  made: { readonly kind: MovementKind; readonly at: string },
): Movement {
  return { at: made.at, kind: made.kind, correction: couchCorrection(planningFromDaily, setup) };
}

/** Largest difference of two equal poses: what rounding leaves, far below any step. */
const SAME_POSE = 1e-9;

/** Whether two poses are the same motion, element by element. */
export function isSamePose(a: Matrix4, b: Matrix4): boolean {
  return a.every((value, index) => Math.abs(value - b[index]!) <= SAME_POSE);
}
