import { type ReadonlySignal, signal } from "@preact/signals";
import type { RoomState } from "../api/documents";
import { steadyMs } from "./clock";
import { Lag } from "./lag";
import { MotionRing } from "./motion";
import { Stretches } from "./stretches";

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

/** True while there is beam, or will be without another order: on the way to a field, or when the gate opens. */
export const isBeamUnderWay = (beam: RoomState["beam"] | undefined): boolean =>
  beam === "on" || beam === "travelling" || beam === "waiting";

/** Every connected room that the stream spoke of, by its name. */
const heard = signal<ReadonlyMap<string, HeardRoom>>(new Map());
export const rooms: ReadonlySignal<ReadonlyMap<string, HeardRoom>> = heard;

export type GateWord = NonNullable<RoomState["gate"]>["state"];

/** What is remembered of a room for its chart: the target, the gate and the beam during the last minute. */
export interface RoomPast {
  motion: MotionRing;
  gate: Stretches<GateWord>;
  beam: Stretches<RoomState["beam"]>;
}

const pasts = new Map<string, RoomPast>();
const lags = new Map<string, Lag>();
const KEPT = 1500;
const KEPT_S = 75;
const LONGEST_GAP_S = 0.5;

/** What was in a room during the last minute. */
export function pastOf(room: string): RoomPast {
  const past = pasts.get(room) ?? {
    motion: new MotionRing(KEPT),
    gate: new Stretches(KEPT_S, LONGEST_GAP_S),
    beam: new Stretches(KEPT_S, LONGEST_GAP_S),
  };
  pasts.set(room, past);
  return past;
}

/** Keep what a state says for the chart; nothing of the patient before is kept. */
function note(past: RoomPast, next: RoomState, isSamePatient: boolean): void {
  const { motion, gate, beam } = past;
  if (!isSamePatient) {
    for (const one of [motion, gate, beam]) {
      one.clear();
    }
  }
  const { target } = next;
  if (target !== null) {
    motion.push({ atS: Date.parse(target.at) / 1000, placeMm: target.position_mm, sigmaMm: target.sigma_mm });
  }
  const atS = Date.parse(next.at) / 1000;
  beam.push(atS, next.beam);
  // A gate that has ended says no more: who watches the beam is named while it works.
  if (next.gate !== null && next.watched_by !== "") {
    gate.push(atS, next.gate.state);
  }
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
  note(pastOf(next.room), next, known === undefined || known.state.course_id === next.course_id);
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
