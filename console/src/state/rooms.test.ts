import { beforeEach, describe, expect, it } from "vitest";
import { Lag } from "./lag";
import { forgetLags, isNewer, pastOf, roomOf, rooms, takeRoom } from "./rooms";
import { atMs, gateOf, roomOfState as room, targetOf } from "./test_rooms";

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
    const target = (sinceMs: number) => targetOf({ at: atMs(sinceMs) });
    takeRoom(room(1, 0, { room: "C", target: target(0) }), 0);
    takeRoom(room(2, 50, { room: "C", target: target(50) }), 50);
    expect(pastOf("C").motion.length).toBe(2);
    takeRoom(room(3, 100, { room: "C", course_id: "C2", target: target(100) }), 100);
    expect(pastOf("C").motion.length).toBe(1);
    expect(pastOf("C").beam.all).toHaveLength(1);
  });

  it("keeps when the gate held, and nothing of a gate that has ended", () => {
    const said = (sequence: number, state: "hold" | "beam on", watched_by = "anna") =>
      room(sequence, sequence * 50, { room: "E", watched_by, gate: gateOf({ state }) });
    takeRoom(said(1, "hold"), 50);
    takeRoom(said(2, "hold"), 100);
    takeRoom(said(3, "beam on"), 150);
    takeRoom(said(4, "hold", ""), 200);
    expect(pastOf("E").gate.all.map(({ kind }) => kind)).toEqual(["hold", "beam on"]);
  });

  it("takes a frame that is sent again for one frame", () => {
    const target = targetOf({ at: atMs(0) });
    takeRoom(room(1, 50, { room: "F", target }), 50);
    takeRoom(room(2, 100, { room: "F", target: { ...target, age_s: 0.1 } }), 100);
    expect(pastOf("F").motion.length).toBe(1);
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
