import { describe, expect, it } from "vitest";
import type { BeamLine, Fraction, RoomState } from "../../api/documents";
import type { HeardRoom } from "../../state/rooms";
import { distanceMm, whyNoBeam } from "./beam";
import { deliveriesOf, deliveryProblem, isMoreThanPlanned, withMeterset } from "./deliveries";
import { meansHold } from "./hold";

const fraction = { possible: ["beam on", "image", "stop"] } as unknown as Fraction;
const room = (change: Partial<RoomState> = {}): HeardRoom => ({
  heardMs: 0,
  state: { differences: [], beam: "off", is_in_gate: true, ...change } as RoomState,
});
const facts = { fraction, step: "beam on", room: room(), isFresh: true, link: "live" } as const;

describe("turning the beam on", () => {
  it("may be asked for when the room is heard of and everything is in place", () => {
    expect(whyNoBeam(facts)).toEqual([]);
    expect(whyNoBeam({ ...facts, room: room({ is_in_gate: null }) })).toEqual([]);
  });

  it("may not where the step is not possible", () => {
    expect(whyNoBeam({ ...facts, step: "resume" })).toEqual(["The beam is not held."]);
  });

  it("may not where a held beam goes on only after a new image", () => {
    const held = { possible: ["image", "stop"], state: "held" } as unknown as Fraction;
    expect(whyNoBeam({ ...facts, fraction: held })).toEqual(["The beam goes on only after a new image."]);
  });

  it("may not while nobody could watch the beam", () => {
    for (const blind of [
      { link: "late" },
      { link: "lost" },
      { isFresh: false },
      { room: undefined },
    ] as const) {
      expect(whyNoBeam({ ...facts, ...blind })[0]).toContain("nobody could watch");
    }
  });

  it("may not with the couch or the target elsewhere, or a machine that says nothing", () => {
    const off = { axis: "vertical", expected: 0, read: 5, unit: "mm", is_in_tolerance: false } as const;
    expect(whyNoBeam({ ...facts, room: room({ differences: [off] }) })[0]).toContain("vertical");
    expect(whyNoBeam({ ...facts, room: room({ is_in_gate: false }) })[0]).toContain("gate");
    expect(whyNoBeam({ ...facts, room: room({ beam: "unknown" }) })).toHaveLength(1);
  });

  it("measures how far the target is", () => {
    expect(distanceMm([2, -3, 6])).toBe(7);
  });
});

describe("the key that holds", () => {
  const press = (change: object) =>
    meansHold({
      key: "h",
      ctrlKey: false,
      altKey: false,
      metaKey: false,
      target: { tagName: "MAIN" },
      ...change,
    });

  it("is H, large or small, outside of a field", () => {
    expect(press({})).toBe(true);
    expect(press({ key: "H", target: null })).toBe(true);
    expect(press({ target: { tagName: "BUTTON" } })).toBe(true);
  });

  it("is a letter in a field, and something else with a modifier", () => {
    expect(press({ target: { tagName: "INPUT" } })).toBe(false);
    expect(press({ target: { tagName: "textarea" } })).toBe(false);
    expect(press({ ctrlKey: true })).toBe(false);
    expect(press({ key: "j" })).toBe(false);
  });
});

describe("what staff read of the machine", () => {
  const beams: BeamLine[] = [
    { number: 1, name: "ARC1", planned_mu: 312.4, delivered_mu: 0 },
    { number: 2, name: "ARC2", planned_mu: 298.1, delivered_mu: 298.1 },
  ];

  it("is sent for the beams that were begun", () => {
    expect(deliveriesOf(beams, { 1: { mu: "312,4", ended: "NORMAL" } })).toEqual([
      { beam_number: 1, delivered_mu: 312.4, ended: "NORMAL" },
    ]);
  });

  it("is not sent while nothing or nonsense is typed", () => {
    expect(deliveriesOf(beams, {})).toBeNull();
    expect(deliveriesOf(beams, { 1: { mu: "", ended: "NORMAL" } })).toBeNull();
    expect(
      deliveriesOf(beams, { 1: { mu: "100", ended: "NORMAL" }, 2: { mu: "-1", ended: "NORMAL" } }),
    ).toBeNull();
    expect(deliveryProblem({ mu: "-1", ended: "NORMAL" })).not.toBe("");
  });

  it("ended normally where all was given, and has to be said where not", () => {
    const [first] = beams as [BeamLine, BeamLine];
    expect(withMeterset(first, { mu: "", ended: "" }, "312.4").ended).toBe("NORMAL");
    expect(withMeterset(first, { mu: "312.4", ended: "NORMAL" }, "31").ended).toBe("");
    expect(withMeterset(first, { mu: "31", ended: "OPERATOR" }, "32").ended).toBe("OPERATOR");
    expect(deliveriesOf(beams, { 1: { mu: "31", ended: "" } })).toBeNull();
  });

  it("is asked about twice when it is more than the plan has left", () => {
    const [first, second] = beams as [BeamLine, BeamLine];
    expect(isMoreThanPlanned(first, { mu: "312.4", ended: "NORMAL" })).toBe(false);
    expect(isMoreThanPlanned(second, { mu: "1", ended: "NORMAL" })).toBe(true);
  });
});
