import { type ReadonlySignal, signal } from "@preact/signals";
import type { RoomState } from "../api/documents";
import { steadyMs } from "./clock";
import { Lag } from "./lag";
import { MotionRing } from "./motion";

/** A room as it was last heard of. */
export interface HeardRoom {
  state: RoomState;
  /** When the page has to count it from, ms of the steady clock: when it came, less how long it was held up. */
  heardMs: number;
}

/** So old a state with a beam may be, ms: rooms send 20 times a second. */
export const BEAM_LIMIT_MS = 300;
/** So old one without a beam may be. */
export const QUIET_LIMIT_MS = 1000;

/** How old the state of a room may be, ms. */
export const limitMsOf = (room: HeardRoom): number =>
  room.state.beam === "off" ? QUIET_LIMIT_MS : BEAM_LIMIT_MS;

/** Every connected room that the stream spoke of, by its name. */
const heard = signal<ReadonlyMap<string, HeardRoom>>(new Map());
export const rooms: ReadonlySignal<ReadonlyMap<string, HeardRoom>> = heard;

/** The last minute of the target in each room, by its name. */
const rings = new Map<string, MotionRing>();
const lags = new Map<string, Lag>();
const KEPT = 1500;

/** Where the target of a room was during the last minute. */
export function motionOf(room: string): MotionRing {
  const ring = rings.get(room) ?? new MotionRing(KEPT);
  rings.set(room, ring);
  return ring;
}

/**
 * Take what is newer than what is known: a message that is not newer does not make an old number look fresh.
 *
 * A service that was started again counts from the beginning, so a lower number at a later time is newer too.
 */
export function isNewer(known: RoomState | undefined, next: RoomState): boolean {
  if (known === undefined || next.sequence > known.sequence) {
    return true;
  }
  return next.sequence < known.sequence && Date.parse(next.at) > Date.parse(known.at);
}

/** Take a message of the stream. */
export function takeRoom(next: RoomState, receivedMs: number = steadyMs()): void {
  const known = heard.peek().get(next.room);
  if (!isNewer(known?.state, next)) {
    return;
  }
  const lag = lags.get(next.room) ?? new Lag();
  lags.set(next.room, lag);
  const heardMs = receivedMs - lag.take(Date.parse(next.at), receivedMs);
  const ring = motionOf(next.room);
  if (known !== undefined && known.state.course_id !== next.course_id) {
    ring.clear();
  }
  if (next.target !== null) {
    const [lateralMm, longitudinalMm, verticalMm] = next.target.position_mm;
    ring.push({ atS: Date.parse(next.target.at) / 1000, lateralMm, longitudinalMm, verticalMm });
  }
  heard.value = new Map(heard.peek()).set(next.room, { state: next, heardMs });
}

/** Forget how the clocks are apart: the stream was opened anew. */
export function forgetLags(): void {
  lags.clear();
}

/** The room in which a fraction is treated; undefined where none says so. */
export function roomOf(courseId: string, number: number): HeardRoom | undefined {
  return [...heard.value.values()].find(
    ({ state }) => state.course_id === courseId && (state.number === null || state.number === number),
  );
}
