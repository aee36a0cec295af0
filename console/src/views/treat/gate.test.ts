import { describe, expect, it } from "vitest";
import type { HeardRoom } from "../../state/rooms";
import { atMs, gateOf, roomOfState } from "../../state/test_rooms";
import { chance, type Gate, gateNow, shiftBackMm } from "./gate";

const heard = (gate: Partial<Gate>, watchedBy = "anna"): HeardRoom => ({
  state: roomOfState(1, 0, { gate: gateOf(gate), watched_by: watchedBy, beam: "on" }),
  heardMs: 1000,
});

describe("the sign of the gate", () => {
  it("says what the gate says while it decides", () => {
    for (const state of ["armed", "beam on", "hold", "re-align", "stopped"] as const) {
      expect(gateNow(heard({ state }), 1100)).toMatchObject({ word: state, isLive: true, hasEnded: false });
    }
  });

  it("is not known once the gate of a watched beam is silent, though messages come", () => {
    expect(gateNow(heard({ at: atMs(-1100) }), 1000)).toMatchObject({ word: "not known", isLive: false });
  });

  it("is not known once no message comes", () => {
    expect(gateNow(heard({}), 1400)).toMatchObject({ word: "not known", isLive: false });
  });

  it("keeps the last word of a gate that has ended, and none of its numbers", () => {
    const ended = heard({ state: "re-align", at: atMs(-60_000) }, "");
    expect(gateNow(ended, 1100)).toMatchObject({ word: "re-align", isLive: false, hasEnded: true });
  });

  it("never says that there is beam once the gate has ended", () => {
    for (const state of ["armed", "beam on", "hold"] as const) {
      expect(gateNow(heard({ state }, ""), 1100)).toMatchObject({ word: "stopped", isLive: false });
    }
  });

  it("says why, and that the target is inside where there is nothing to say", () => {
    const reason = "the target has left the gate";
    expect(gateNow(heard({ state: "hold", reason }), 1100)?.reason).toBe("The target has left the gate.");
    expect(gateNow(heard({}), 1100)?.reason).toBe("The target is inside the gate.");
  });

  it("is not there where none has worked", () => {
    const room: HeardRoom = { state: roomOfState(1, 0), heardMs: 1000 };
    expect(gateNow(room, 1000)).toBeNull();
  });
});

describe("how likely the target is inside", () => {
  it("is never called certain", () => {
    expect([1, 0.9951, 0.97, 0.004, 0].map(chance)).toEqual([
      ">\u00a099\u00a0%",
      ">\u00a099\u00a0%",
      "97\u00a0%",
      "<\u00a01\u00a0%",
      "<\u00a01\u00a0%",
    ]);
  });
});

describe("a target that has settled elsewhere", () => {
  it("is brought back by the opposite shift", () => {
    expect(shiftBackMm([4.1, -2, 0])).toEqual([-4.1, 2, 0]);
  });
});
