import { expect, test } from "vitest";
import { verdictOf } from "./verdict";

test("a match in which no check found a fault is accepted", () => {
  expect(verdictOf({ verdict: "accept", needs_person: [] })).toMatchObject({ tone: "good" });
});

test("a match that a person has to look at is never shown as settled, though the images agree", () => {
  const found = verdictOf({ verdict: "accept", needs_person: ["the correction is 10.3 mm"] });
  expect(found).toEqual({ tone: "warn", words: "A person has to look" });
});

test("a match for review asks for a person, and one without an answer says that there is none", () => {
  expect(verdictOf({ verdict: "review", needs_person: [] }).tone).toBe("warn");
  expect(verdictOf({ verdict: "not available", needs_person: [] })).toEqual({
    tone: "bad",
    words: "There is no match",
  });
});
