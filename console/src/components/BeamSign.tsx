import type { RoomState } from "../api/documents";
import { BEAM_WORDS } from "./words";

export type BeamState = RoomState["beam"];

/** Ring, filled circle, arrow, two bars, square, triangle: each beam state has its own shape. */
export function BeamShape({ beam }: { beam: BeamState }) {
  return (
    <svg class={`beam-shape ${beam}`} viewBox="0 0 32 32" aria-hidden="true">
      {beam === "off" ? <circle cx="16" cy="16" r="11" fill="none" stroke-width="4" /> : null}
      {beam === "on" ? <circle cx="16" cy="16" r="14" /> : null}
      {beam === "travelling" ? (
        <path d="M4 16h20M17 8l8 8-8 8" fill="none" stroke-width="4" stroke-linecap="round" />
      ) : null}
      {beam === "waiting" ? (
        <path d="M10 5v22M22 5v22" fill="none" stroke-width="6" stroke-linecap="round" />
      ) : null}
      {beam === "held" ? <rect x="4" y="4" width="24" height="24" rx="2" /> : null}
      {beam === "unknown" ? <path d="M16 3 30 28H2Z" /> : null}
    </svg>
  );
}

/** The state of a beam as shape, colour and words. */
export function BeamSign({ beam, words }: { beam: BeamState; words?: string }) {
  return (
    <div class={`beam-sign ${beam}`} role="status" aria-live="assertive">
      <BeamShape beam={beam} />
      <span>{words ?? BEAM_WORDS[beam]}</span>
    </div>
  );
}
