import { describe, expect, test } from "vitest";
import { IDENTITY, translation } from "../geometry/rigid";
import { imageAge, minutesSeconds, type Standing, whyNotApprove, whyNotUse } from "./poseStanding";

const NOW = Date.parse("2026-03-02T09:15:00Z");

describe("the age of the image", () => {
  test("counts by the service's clock, with its time zone", () => {
    expect(imageAge("2026-03-02T10:20:00+01:00", NOW)).toEqual({ kind: "valid", leftS: 300 });
  });

  test("below three minutes it runs down where everybody sees it", () => {
    expect(imageAge("2026-03-02T09:18:00Z", NOW)).toEqual({ kind: "valid", leftS: 180 });
    expect(imageAge("2026-03-02T09:17:59Z", NOW)).toEqual({ kind: "ending", leftS: 179 });
  });

  test("at the very moment it is past", () => {
    expect(imageAge("2026-03-02T09:15:00Z", NOW)).toEqual({ kind: "past", sinceS: -0 });
  });

  test("a date that nobody can read is past, and no date is no limit", () => {
    expect(imageAge("soon", NOW).kind).toBe("past");
    expect(imageAge(null, NOW).kind).toBe("unlimited");
  });

  test("minutes and seconds never say more than is left", () => {
    expect([minutesSeconds(125.9), minutesSeconds(59.99), minutesSeconds(-3)]).toEqual([
      "2:05",
      "0:59",
      "0:00",
    ]);
  });
});

const GOOD: Standing = {
  age: { kind: "valid", leftS: 600 },
  shown: IDENTITY,
  matched: IDENTITY,
  shownImageUid: "1.2.3",
  matchedImageUid: "1.2.3",
  possible: ["approve", "match", "image", "stop"],
  isSeen: true,
  isConnected: true,
};

describe("approving", () => {
  test("is open when the screen shows the match that counts", () => {
    expect(whyNotApprove(GOOD)).toEqual([]);
  });

  test.each([
    ["a hand pose was not used yet", { shown: translation([0.1, 0, 0]) }, "not the one the service has"],
    ["the image is past", { age: { kind: "past", sinceS: 1 } }, "too old"],
    ["the pictures are not there", { isSeen: false }, "nobody has seen"],
    ["a newer image counts", { matchedImageUid: "1.2.4" }, "another image"],
    ["there is no match", { matchedImageUid: null, matched: null }, "no match"],
    ["the service is silent", { isConnected: false }, "does not answer"],
    ["the state does not allow it", { possible: ["match"] }, "not at the step"],
  ] as const)("is barred with a reason when %s", (_, change, words) => {
    const reasons = whyNotApprove({ ...GOOD, ...change });
    expect(reasons).toHaveLength(1);
    expect(reasons[0]).toContain(words);
  });

  test("names every reason, not only the first", () => {
    expect(whyNotApprove({ ...GOOD, isSeen: false, age: { kind: "past", sinceS: 5 } })).toHaveLength(2);
  });
});

describe("using the position", () => {
  const handed: Standing = { ...GOOD, shown: translation([1, 0, 0]) };

  test("is open for a new pose, and for a first one where the engine gave none", () => {
    expect(whyNotUse(handed)).toEqual([]);
    expect(whyNotUse({ ...handed, matched: null })).toEqual([]);
  });

  test.each([
    ["it is the match already", { shown: IDENTITY }],
    ["it belongs to an older image", { matchedImageUid: "1.2.4" }],
    ["the image is past", { age: { kind: "past", sinceS: 1 } }],
    ["the state takes none", { possible: ["approve"] }],
    ["the pictures are not there", { isSeen: false }],
    ["the service is silent", { isConnected: false }],
  ] as const)("is barred when %s", (_, change) => {
    expect(whyNotUse({ ...handed, ...change })).toHaveLength(1);
  });
});
