import { describe, expect, it } from "vitest";
import {
  birthDate,
  dayAndTime,
  deviation,
  estimate,
  lengthMm,
  meterset,
  ofTotal,
  percent,
  personName,
  remaining,
  shiftMm,
  signed,
  timeOfDay,
  turnDeg,
  typedNumber,
  typeset,
} from "./format";

const NBSP = "\u00a0";

describe("numbers for people", () => {
  it("says the sign of a shift with a true minus, and its unit", () => {
    expect(shiftMm(1.23)).toBe(`+1.2${NBSP}mm`);
    expect(shiftMm(-3.06)).toBe(`−3.1${NBSP}mm`);
    expect(turnDeg(-0.42)).toBe("−0.4°");
  });

  it("gives a rounded zero no sign, whichever side it came from", () => {
    expect(shiftMm(-0.04)).toBe(`0.0${NBSP}mm`);
    expect(shiftMm(0.04)).toBe(`0.0${NBSP}mm`);
    expect(turnDeg(-0)).toBe("0.0°");
  });

  it("never writes a number that is none", () => {
    for (const write of [shiftMm, turnDeg, lengthMm, meterset, percent, remaining]) {
      for (const none of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(write(none)).toBe("not available");
      }
    }
    expect(estimate(null, "mm")).toBe("not available");
    expect(deviation(undefined, "°")).toBe("not available");
  });

  it("writes an estimate with the ends of its interval", () => {
    expect(estimate({ value: 1.2, low: -0.84, high: 3.24 }, "mm")).toBe(`+1.2${NBSP}mm (−0.8 to +3.2)`);
    expect(estimate({ value: 1.2, low: 0.84, high: 3.24 }, "°", false)).toBe("1.2° (0.8 to 3.2)");
  });

  it("never calls a small uncertainty zero", () => {
    expect(deviation(0.31, "mm")).toBe(`±0.3${NBSP}mm`);
    expect(deviation(0.044, "mm")).toBe(`±0.04${NBSP}mm`);
    expect(deviation(0.001, "°")).toBe(`<${NBSP}±0.01°`);
  });

  it("keeps a large reading in full", () => {
    expect(shiftMm(-1234.56)).toBe(`−1234.6${NBSP}mm`);
    expect(signed(0.06, 1)).toBe("+0.1");
  });

  it("counts down to nothing and not below", () => {
    expect(remaining(245.9)).toBe(`4${NBSP}min 05${NBSP}s`);
    expect(remaining(59.2)).toBe(`59${NBSP}s`);
    expect(remaining(-3)).toBe(`0${NBSP}s`);
  });

  it("counts fractions, also where nobody planned how many", () => {
    expect(ofTotal(5, 20)).toBe("5 of 20");
    expect(ofTotal(5, null)).toBe("5");
  });
});

describe("people and times", () => {
  it("reads names and birth dates as DICOM writes them", () => {
    expect(personName("MUSTERMANN^ERIKA")).toBe("MUSTERMANN, ERIKA");
    expect(personName("LI^WEI^^Dr")).toBe("LI, WEI");
    expect(personName("")).toBe("not available");
    expect(birthDate("19520317")).toBe(`17${NBSP}Mar${NBSP}1952`);
    expect(birthDate("")).toBe("not available");
    expect(birthDate("19521317")).toBe("19521317");
  });

  it("names the zone of a time", () => {
    expect(timeOfDay("2026-11-29T10:12:03Z")).toMatch(/^\d\d:\d\d:\d\d \S+/);
    expect(dayAndTime("2026-11-29T10:12:03Z")).toMatch(/Nov 2026/);
    expect(timeOfDay("soon")).toBe("not available");
    expect(timeOfDay(null)).toBe("not available");
  });
});

describe("sentences of the service", () => {
  it("get true minus signs before their numbers, and names and dates keep their hyphens", () => {
    expect(typeset("lateral -7.33, at 2026-11-30 (-2 mm of PTV-1, plan '-3')")).toBe(
      "lateral −7.33, at 2026-11-30 (−2 mm of PTV-1, plan '-3')",
    );
  });
});

describe("numbers that somebody types", () => {
  it("takes a point, a comma, and any minus", () => {
    expect(typedNumber(" -3.5 ")).toBe(-3.5);
    expect(typedNumber("−3,5")).toBe(-3.5);
    expect(typedNumber("+12")).toBe(12);
    expect(typedNumber(".5")).toBe(0.5);
  });

  it("refuses what could be read in two ways, and what is no number", () => {
    for (const text of ["", " ", "-", "1.2.3", "1,234.5", "1e3", "12 mm", "0x10", "NaN"]) {
      expect(typedNumber(text)).toBeNull();
    }
  });
});
