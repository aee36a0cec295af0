import { describe, expect, it } from "vitest";
import type { HeardRoom } from "./rooms";
import { decisionAgeS, sightingNow } from "./sighting";
import { atMs, gateOf, roomOfState, targetOf } from "./test_rooms";

const heard = (change: Parameters<typeof roomOfState>[2], heardMs = 1000): HeardRoom => ({
  state: roomOfState(1, 0, change),
  heardMs,
});

describe("what may be shown of the target", () => {
  it("is where it was seen, with its age since the exposure", () => {
    const now = sightingNow(heard({ target: targetOf({ age_s: 0.3 }), beam: "on" }), 1200);
    expect(now).toMatchObject({ kind: "seen", positionMm: [1, 2, 3] });
    expect(now.kind === "seen" && now.ageS).toBeCloseTo(0.5, 9);
  });

  it("is nothing once the frame is a second old, however fresh the messages are", () => {
    const old = heard({ target: targetOf({ age_s: 1.01, at: atMs(-1010) }), beam: "on" });
    expect(sightingNow(old, 1000)).toEqual({ kind: "no data", since: atMs(-1010) });
    const ageing = heard({ target: targetOf({ age_s: 0.9 }) });
    expect(sightingNow(ageing, 1050).kind).toBe("seen");
    expect(sightingNow(ageing, 1150).kind).toBe("no data");
  });

  it("is nothing once no message comes, however fresh its frame was", () => {
    const beam = heard({ target: targetOf({ age_s: 0 }), beam: "on" });
    expect(sightingNow(beam, 1290).kind).toBe("seen");
    expect(sightingNow(beam, 1310).kind).toBe("no data");
  });

  it("is nothing for a frame from the future or of no time: the clocks disagree", () => {
    expect(sightingNow(heard({ target: targetOf({ age_s: -5 }) }), 1000).kind).toBe("no data");
    expect(sightingNow(heard({ target: targetOf({ age_s: Number.NaN }) }), 1000).kind).toBe("no data");
  });

  it("is the reason where the target was not seen", () => {
    const target = targetOf({ position_mm: null, sigma_mm: null, words: "two markers overlap" });
    expect(sightingNow(heard({ target }), 1000)).toMatchObject({ kind: "not seen", target });
  });

  it("is nothing where nothing watches", () => {
    expect(sightingNow(heard({}), 1000)).toEqual({ kind: "nothing watches" });
  });
});

describe("the age of a decision of the gate", () => {
  it("counts from when it was made", () => {
    expect(decisionAgeS(heard({ gate: gateOf({ at: atMs(-200) }) }), 1100)).toBeCloseTo(0.3, 9);
    expect(decisionAgeS(heard({}), 1100)).toBeNull();
  });
});
