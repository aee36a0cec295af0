import { describe, expect, it } from "vitest";
import type { CouchPose } from "../api/documents";
import { couchDifferences, wrapDeg } from "./axes";
import { barPlace } from "./CouchTable";
import { COUCH_AT_ZERO } from "./words";

const couch = (change: Partial<CouchPose>): CouchPose => ({ ...COUCH_AT_ZERO, ...change });
const TOLERANCE = { mm: 2, deg: 1 };

describe("the couch against where it has to stand", () => {
  it("says read minus expected, and which axis is beyond", () => {
    const found = couchDifferences(couch({ lateral_mm: 1.2 }), couch({ lateral_mm: -1.1 }), TOLERANCE);
    expect(found[0]).toMatchObject({ apart: -2.3, isInTolerance: false });
    expect(found.slice(1).every(({ isInTolerance }) => isInTolerance)).toBe(true);
  });

  it("compares a turn the short way round", () => {
    const found = couchDifferences(couch({ support_deg: 359.8 }), couch({ support_deg: 0.3 }), TOLERANCE);
    const turn = found.find(({ axis }) => axis.key === "support_deg");
    expect(turn?.apart).toBeCloseTo(0.5, 9);
    expect(turn?.isInTolerance).toBe(true);
    expect(wrapDeg(180)).toBe(180);
    expect(wrapDeg(-190)).toBe(170);
  });

  it("says nothing of an axis that nobody read", () => {
    const [lateral] = couchDifferences(couch({}), { lateral_mm: null }, TOLERANCE);
    expect(lateral).toMatchObject({ read: null, apart: null, isInTolerance: null });
  });

  it("claims no tolerance where none is set", () => {
    const [lateral] = couchDifferences(couch({}), couch({ lateral_mm: 50 }), null);
    expect(lateral).toMatchObject({ apart: 50, tolerance: null, isInTolerance: null });
  });

  it("shows the table top's own rotation only where there is one", () => {
    const keys = (pose: CouchPose) => couchDifferences(pose, pose, null).map(({ axis }) => axis.key);
    expect(keys(couch({}))).not.toContain("eccentric_deg");
    expect(keys(couch({ eccentric_deg: 3 }))).toContain("eccentric_deg");
  });
});

describe("the bar of a difference", () => {
  it("has zero in the middle, one tolerance a sixth of its width away, and ends", () => {
    expect(barPlace(0, 2)).toBe(50);
    expect(barPlace(2, 2)).toBeCloseTo(50 + 50 / 3, 9);
    expect(barPlace(-100, 2)).toBe(0);
    expect(barPlace(100, 2)).toBe(100);
  });
});
