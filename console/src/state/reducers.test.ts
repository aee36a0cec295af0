import { describe, expect, it } from "vitest";
import type { Fraction, Job } from "../api/documents";
import { laterFraction } from "./fraction";
import { laterJob } from "./jobs";
import { maySayWatched, type WatchFacts } from "./watch";

const fraction = (version: number, number = 3, course = "C1") =>
  ({ course_id: course, number, version }) as Fraction;
const job = (state: Job["state"], fraction_done: number) => ({ job_id: "J", state, fraction_done }) as Job;

describe("versions of a fraction", () => {
  it("go forwards only, in whatever order answers come", () => {
    expect(laterFraction(fraction(4), fraction(3)).version).toBe(4);
    expect(laterFraction(fraction(4), fraction(5)).version).toBe(5);
    expect(laterFraction(null, fraction(1)).version).toBe(1);
  });

  it("are compared within one fraction only", () => {
    expect(laterFraction(fraction(9, 3), fraction(1, 4)).number).toBe(4);
    expect(laterFraction(fraction(9, 3, "C1"), fraction(1, 3, "C2")).course_id).toBe("C2");
  });
});

describe("what is told of a job", () => {
  it("never lets work begin again that has ended", () => {
    expect(laterJob(job("done", 1), job("running", 0.9)).state).toBe("done");
    expect(laterJob(job("failed", 0.4), job("running", 0.5)).state).toBe("failed");
  });

  it("never lets work shrink", () => {
    expect(laterJob(job("running", 0.6), job("running", 0.5)).fraction_done).toBe(0.6);
    expect(laterJob(job("waiting", 0), job("running", 0.1)).state).toBe("running");
    expect(laterJob(job("running", 0.6), job("cancelled", 0.6)).state).toBe("cancelled");
  });
});

describe("the heartbeat of a watched beam", () => {
  const watching: WatchFacts = {
    isHidden: false,
    isHoldPressed: false,
    watchedBy: "ben",
    me: "ben",
    roomAgeMs: 40,
  };

  it("goes out while the one who turned the beam on can see it", () => {
    expect(maySayWatched(watching)).toBe(true);
    expect(maySayWatched({ ...watching, watchedBy: "" })).toBe(true);
  });

  it("stops when nobody can see the beam", () => {
    expect(maySayWatched({ ...watching, isHidden: true })).toBe(false);
    expect(maySayWatched({ ...watching, roomAgeMs: 1000 })).toBe(false);
    expect(maySayWatched({ ...watching, roomAgeMs: null })).toBe(false);
  });

  it("stops when hold was pressed, so that a lost request holds too", () => {
    expect(maySayWatched({ ...watching, isHoldPressed: true })).toBe(false);
  });

  it("is not sent by somebody else's page", () => {
    expect(maySayWatched({ ...watching, me: "anna" })).toBe(false);
  });
});
