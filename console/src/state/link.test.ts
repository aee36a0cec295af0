import { describe, expect, it } from "vitest";
import { ageS } from "../components/Live";
import { type LinkFacts, linkStateAt } from "./link";

const heard = (change: Partial<LinkFacts>): LinkFacts => ({
  isConnected: true,
  lastMessageMs: 10_000,
  closedMs: 0,
  isWatching: false,
  ...change,
});

describe("the link to the service", () => {
  it("is late 300 ms and lost one second after the last message while a beam is watched", () => {
    const watching = heard({ isWatching: true });
    expect(linkStateAt(watching, 10_300)).toBe("live");
    expect(linkStateAt(watching, 10_301)).toBe("late");
    expect(linkStateAt(watching, 11_000)).toBe("late");
    expect(linkStateAt(watching, 11_001)).toBe("lost");
  });

  it("may be silent for two and a half seconds otherwise", () => {
    expect(linkStateAt(heard({}), 12_500)).toBe("live");
    expect(linkStateAt(heard({}), 12_501)).toBe("late");
    expect(linkStateAt(heard({}), 15_001)).toBe("lost");
  });

  it("is late at once and lost a second after it was closed, however fresh the last message", () => {
    const closed = heard({ isConnected: false, closedMs: 10_100 });
    expect(linkStateAt(closed, 10_150)).toBe("late");
    expect(linkStateAt(closed, 11_101)).toBe("lost");
  });

  it("is never live before the first message", () => {
    const silent = heard({ lastMessageMs: null, closedMs: 500 });
    expect(linkStateAt(silent, 600)).toBe("late");
    expect(linkStateAt(silent, 2000)).toBe("lost");
  });
});

describe("the age of a number", () => {
  it("counts from when it was heard, and never backwards", () => {
    expect(ageS(1000, 1800)).toBeCloseTo(0.8, 9);
    expect(ageS(1000, 900)).toBe(0);
  });
});
