import { describe, expect, it } from "vitest";
import type { HeardRoom } from "../../state/rooms";
import { atMs, gateOf, roomOfState } from "../../state/test_rooms";
import { type Gate, gateNow, shiftBackMm } from "./gate";

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

  it("is not there where none has worked", () => {
    const room: HeardRoom = { state: roomOfState(1, 0), heardMs: 1000 };
    expect(gateNow(room, 1000)).toBeNull();
  });
});

describe("a target that has settled elsewhere", () => {
  it("is brought back by the opposite shift", () => {
    expect(shiftBackMm([4.1, -2, 0])).toEqual([-4.1, 2, 0]);
  });
});
