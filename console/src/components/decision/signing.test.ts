import { describe, expect, it } from "vitest";
import type { Fraction, SigningOption, WaitingSignature } from "../../api/documents";
import { checklistOf } from "./checklist";
import { missingOfAnswer } from "./SecondLookDialog";
import {
  imageLeftS,
  missingForSignature,
  proposedAction,
  type SigningDraft,
  signersWords,
  treatsOnMatch,
} from "./signing";

const option = (change: Partial<SigningOption> = {}): SigningOption => ({
  action: "correct",
  is_proposed: true,
  first_roles: ["therapist", "physicist"],
  second_roles: null,
  needs_reason: false,
  barred_because: "",
  not_second: "",
  ...change,
});

const draft = (change: Partial<SigningDraft> = {}): SigningDraft => ({
  action: "correct",
  reason: "",
  first: { name: "anna", password: "secret" },
  second: { name: "", password: "" },
  asksSecond: false,
  ticked: new Set(["looked"]),
  ...change,
});

const CHECKLIST = ["looked"];

describe("a signature under a decision", () => {
  it("can be given when everything that is treated on was looked at", () => {
    expect(missingForSignature(draft(), option(), CHECKLIST)).toEqual([]);
    expect(missingForSignature(draft({ ticked: new Set() }), option(), CHECKLIST)).toHaveLength(1);
  });

  it("needs no checklist where nothing is treated", () => {
    const again = option({ action: "image again", first_roles: [] });
    expect(
      missingForSignature(draft({ action: "image again", ticked: new Set() }), again, CHECKLIST),
    ).toEqual([]);
    expect(treatsOnMatch("stop")).toBe(false);
    expect(treatsOnMatch("no correction")).toBe(true);
  });

  it("is not given to what nobody may choose", () => {
    const [why] = missingForSignature(
      draft(),
      option({ barred_because: "the couch cannot make it" }),
      CHECKLIST,
    );
    expect(why).toContain("the couch cannot make it");
    expect(missingForSignature(draft({ action: null }), undefined, CHECKLIST)).toHaveLength(1);
  });

  it("needs a reason of three words to do otherwise than the protocol says", () => {
    const other = option({ needs_reason: true });
    expect(missingForSignature(draft({ reason: "rectum full" }), other, CHECKLIST)).toHaveLength(1);
    expect(missingForSignature(draft({ reason: "rectum fuller today" }), other, CHECKLIST)).toEqual([]);
  });

  it("needs two different people for a second look, unless the second is asked elsewhere", () => {
    const two = option({ second_roles: ["physicist"] });
    expect(missingForSignature(draft(), two, CHECKLIST)).toHaveLength(1);
    const same = draft({ second: { name: "ANNA ", password: "secret" } });
    expect(missingForSignature(same, two, CHECKLIST)[0]).toContain("another one");
    expect(missingForSignature(draft({ second: { name: "ben", password: "x" } }), two, CHECKLIST)).toEqual(
      [],
    );
    expect(missingForSignature(draft({ asksSecond: true }), two, CHECKLIST)).toEqual([]);
    const byHand = option({ second_roles: ["physicist"], not_second: "ben" });
    const matcher = draft({ second: { name: "Ben", password: "x" } });
    expect(missingForSignature(matcher, byHand, CHECKLIST)[0]).toContain("matched by hand");
  });

  it("is never given without a password", () => {
    expect(
      missingForSignature(draft({ first: { name: "anna", password: "" } }), option(), CHECKLIST),
    ).toHaveLength(1);
  });

  it("begins with what the protocol says, and with nothing where that is barred", () => {
    expect(proposedAction([option({ is_proposed: false }), option({ action: "no correction" })])).toBe(
      "no correction",
    );
    expect(proposedAction([option({ barred_because: "no" })])).toBeNull();
    expect(proposedAction([option({ action: "second look" })])).toBeNull();
  });

  it("says who signs", () => {
    expect(signersWords(option())).toBe("One person signs: therapist or physicist.");
    expect(signersWords(option({ first_roles: [], second_roles: ["physicist", "oncologist"] }))).toBe(
      "Two people sign: anybody, and as a second person physicist or oncologist.",
    );
  });
});

describe("the image that is signed on", () => {
  const fraction = {
    patient: { patient_id: "4711", birth_date: "19520317", name: "MUSTERMANN^ERIKA" },
    image_valid_until: "2026-11-29T10:10:00Z",
  } as Fraction;

  it("gets too old", () => {
    const until = Date.parse("2026-11-29T10:10:00Z");
    expect(imageLeftS(fraction, until - 90_000)).toBe(90);
    expect(imageLeftS(fraction, until + 1000)).toBe(-1);
    expect(imageLeftS({ ...fraction, image_valid_until: null }, until)).toBeNull();
  });

  it("is checked against the patient with all identifiers", () => {
    const [patient] = checklistOf(fraction, undefined);
    expect(patient).toMatch(/MUSTERMANN, ERIKA, ID 4711, born 17.Mar.1952/);
  });
});

describe("the answer to a second look", () => {
  const waiting = { by: "anna", not_second: "carl", expires_at: "2026-11-29T10:10:00Z" } as WaitingSignature;
  const before = Date.parse("2026-11-29T10:09:00Z");
  const answer = { agree: true, reason: "", signature: { name: "ben", password: "x" } };

  it("is a choice that nobody made beforehand", () => {
    expect(missingOfAnswer({ ...answer, agree: null }, waiting, before)).toHaveLength(1);
    expect(missingOfAnswer(answer, waiting, before)).toEqual([]);
  });

  it("says why not", () => {
    expect(missingOfAnswer({ ...answer, agree: false, reason: "no" }, waiting, before)).toHaveLength(1);
    expect(missingOfAnswer({ ...answer, agree: false, reason: "bone is off" }, waiting, before)).toEqual([]);
  });

  it("comes from another person, and in time", () => {
    const same = { ...answer, signature: { name: "Anna", password: "x" } };
    expect(missingOfAnswer(same, waiting, before)).toHaveLength(1);
    const matcher = { ...answer, signature: { name: "carl", password: "x" } };
    expect(missingOfAnswer(matcher, waiting, before)).toHaveLength(1);
    expect(missingOfAnswer(answer, waiting, before + 120_000)[0]).toContain("expired");
  });
});
