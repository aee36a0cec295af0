import type { RoomState } from "../api/documents";

export const START_MS = Date.parse("2026-11-29T10:00:00Z");

export const atMs = (sinceStartMs: number): string => new Date(START_MS + sinceStartMs).toISOString();

type Target = NonNullable<RoomState["target"]>;
type Gate = NonNullable<RoomState["gate"]>;

/** A look at the target, as the service says it. */
export const targetOf = (change: Partial<Target> = {}): Target => ({
  number: 1,
  at: atMs(0),
  age_s: 0,
  source: "markers in the kV arm",
  position_mm: [1, 2, 3],
  sigma_mm: [0.1, 0.2, 0.3],
  rotation_deg: null,
  quality: 1,
  words: "all three markers agree",
  ...change,
});

/** What a gate says that lets beam pass. */
export const gateOf = (change: Partial<Gate> = {}): Gate => ({
  at: atMs(0),
  state: "beam on",
  reason: "",
  probability: 0.97,
  predicted_mm: [1, 2, 3],
  latency_s: 0.21,
  proposal_mm: null,
  holds: 0,
  duty_cycle: 0.8,
  ...change,
});

/** A state of a room in which nothing goes on. */
export const roomOfState = (
  sequence: number,
  sentMs: number,
  change: Partial<RoomState> = {},
): RoomState => ({
  type: "room",
  sequence,
  at: atMs(sentMs),
  room: "Room 1",
  course_id: "C1",
  number: 3,
  version: 1,
  state: "verified",
  reason: "",
  couch: null,
  expected_couch: null,
  differences: [],
  beam: "off",
  delivered_mu: 0,
  planned_mu: 100,
  target: null,
  gate_mm: null,
  is_in_gate: null,
  monitoring: "",
  gate: null,
  hold_reason: "",
  watched_by: "",
  ...change,
});
