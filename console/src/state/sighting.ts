import type { RoomState } from "../api/documents";
import { type HeardRoom, limitMsOf } from "./rooms";

/** A look at the target, or a decision of the gate, that is older says nothing about now, s. */
export const SAMPLE_LIMIT_S = 1;

type Target = NonNullable<RoomState["target"]>;

/** What may be shown of the target now. */
export type SightingNow =
  | { kind: "nothing watches" }
  /** Nothing new arrives; `since` is when the newest frame was exposed. */
  | { kind: "no data"; since: string }
  | { kind: "not seen"; ageS: number; target: Target }
  | {
      kind: "seen";
      ageS: number;
      target: Target;
      positionMm: [number, number, number];
      sigmaMm: [number, number, number] | null;
    };

/** Seconds since a room was heard of, never below zero. */
const heardS = (room: HeardRoom, nowMs: number): number => Math.max(0, nowMs - room.heardMs) / 1000;

/** True where what a room said may still be shown. */
export const isHeard = (room: HeardRoom, nowMs: number): boolean =>
  heardS(room, nowMs) * 1000 <= limitMsOf(room);

/**
 * Say what may be shown of the target: the age counts from the exposure, however often a frame is sent again.
 *
 * @param nowMs - The steady clock.
 */
export function sightingNow(room: HeardRoom, nowMs: number): SightingNow {
  const { target } = room.state;
  if (target === null) {
    return { kind: "nothing watches" };
  }
  const ageS = target.age_s + heardS(room, nowMs);
  // A frame from the future is as wrong as an old one: the clocks disagree.
  if (!isHeard(room, nowMs) || !(Math.abs(ageS) <= SAMPLE_LIMIT_S)) {
    return { kind: "no data", since: target.at };
  }
  const { position_mm: positionMm, sigma_mm: sigmaMm } = target;
  return positionMm === null
    ? { kind: "not seen", ageS, target }
    : { kind: "seen", ageS, target, positionMm, sigmaMm };
}

/** Seconds since the gate decided; null where none works. */
export function decisionAgeS(room: HeardRoom, nowMs: number): number | null {
  const { gate, at } = room.state;
  return gate === null ? null : (Date.parse(at) - Date.parse(gate.at)) / 1000 + heardS(room, nowMs);
}
