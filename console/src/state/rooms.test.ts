import { beforeEach, describe, expect, it } from "vitest";
import type { RoomState } from "../api/documents";
import { Lag } from "./lag";
import { forgetLags, isNewer, motionOf, roomOf, rooms, takeRoom } from "./rooms";

const START = Date.parse("2026-11-29T10:00:00Z");

function room(sequence: number, atMs: number, change: Partial<RoomState> = {}): RoomState {
  return {
    type: "room",
    sequence,
    at: new Date(START + atMs).toISOString(),
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
    hold_reason: "",
    watched_by: "",
    ...change,
  };
}

describe("what is heard of a room", () => {
  beforeEach(forgetLags);

  it("does not look fresh when the same state is sent again", () => {
    takeRoom(room(1000, 0, { room: "A" }), 100);
    takeRoom(room(1000, 50, { room: "A" }), 150);
    takeRoom(room(999, -50, { room: "A" }), 200);
    expect(rooms.value.get("A")?.heardMs).toBe(100);
  });

  it("believes a service that was started again and counts from the beginning", () => {
    expect(isNewer(room(1000, 0), room(1, 5000))).toBe(true);
    expect(isNewer(room(1000, 0), room(1, -5000))).toBe(false);
  });

  it("counts a message that was held up from when it should have come", () => {
    takeRoom(room(1, 0, { room: "B" }), 1000);
    takeRoom(room(2, 50, { room: "B" }), 1650);
    const heardMs = rooms.value.get("B")?.heardMs ?? 0;
    expect(heardMs).toBeGreaterThan(1049);
    expect(heardMs).toBeLessThan(1052);
  });

  it("forgets the target of the patient before", () => {
    const target = (atMs: number) => ({
      position_mm: [1, 2, 3] as [number, number, number],
      at: new Date(START + atMs).toISOString(),
      source: "kV",
      quality: "good",
    });
    takeRoom(room(1, 0, { room: "C", target: target(0) }), 0);
    takeRoom(room(2, 50, { room: "C", target: target(50) }), 50);
    expect(motionOf("C").length).toBe(2);
    takeRoom(room(3, 100, { room: "C", course_id: "C2", target: target(100) }), 100);
    expect(motionOf("C").length).toBe(1);
  });

  it("is the room of that patient and fraction only", () => {
    takeRoom(room(1, 0, { room: "D", course_id: "CD", number: 4 }), 0);
    expect(roomOf("CD", 4)?.state.room).toBe("D");
    expect(roomOf("CD", 5)).toBeUndefined();
    expect(roomOf("CX", 4)).toBeUndefined();
  });
});

describe("how far messages are behind", () => {
  it("is measured against the quickest one, so clocks need not agree", () => {
    const lag = new Lag();
    expect(lag.take(1_000_000, 70)).toBe(0);
    expect(lag.take(1_000_050, 520)).toBeCloseTo(400, 0);
    expect(lag.take(1_000_500, 571)).toBeCloseTo(1, 0);
  });

  it("follows clocks that drift apart slowly instead of calling it lateness", () => {
    const lag = new Lag();
    let behind = 0;
    // 50 ms in a thousand seconds, for an hour.
    for (let second = 0; second < 3600; second += 1) {
      behind = lag.take(second * 1000, second * 1000 * 1.00005);
    }
    expect(behind).toBeLessThan(1);
  });
});
