import { describe, expect, it } from "vitest";
import type { CourseReview } from "../api/documents";
import { emptyDevices, enteredAccessories, isAsExpected } from "../components/accessories";
import { niceEnds } from "../components/seriesScale";
import { compareProtocols } from "./protocols/compare";
import { seriesOf, signalsOf } from "./review/series";
import { saidOf } from "./setup/ImagePanel";
import { typedPlaces } from "./setup/MarksPanel";

describe("devices on the couch", () => {
  const expected = { kind: "KNEE_SUPPORT", label: "Combifix 2", index: "H1" };

  it("are those of the simulation, whatever the case and the spaces", () => {
    expect(isAsExpected({ expected, label: "combifix  2", index: "h1 " })).toBe(true);
    expect(isAsExpected({ expected, label: "Combifix 2", index: "H2" })).toBe(false);
    expect(isAsExpected({ expected, label: "", index: "" })).toBe(false);
  });

  it("are sent as they were entered, and one that is not there is left out", () => {
    expect(enteredAccessories([{ expected, label: " Other ", index: "" }])).toEqual([
      { kind: "KNEE_SUPPORT", label: "Other", index: "" },
    ]);
    expect(enteredAccessories(emptyDevices([expected]))).toEqual([]);
  });
});

describe("measured marks", () => {
  it("are used where all three numbers are typed", () => {
    expect(typedPlaces({ right: ["1", "-2,5", "3"], left: ["", " ", ""] })).toEqual({ right: [1, -2.5, 3] });
  });

  it("stop everything where one is half typed", () => {
    expect(typedPlaces({ right: ["1", "", "3"] })).toBeNull();
    expect(typedPlaces({ right: ["1", "x", "3"] })).toBeNull();
  });
});

describe("what staff say of an image", () => {
  const nothing = { isocentre: ["", "", ""], dose: "", metric: "", source: "" } as const;

  it("is left out where nothing is said", () => {
    expect(saidOf(nothing)).toEqual({});
  });

  it("keeps its numbers, and refuses an isocentre of two", () => {
    expect(saidOf({ ...nothing, isocentre: ["0", "-1", "2"], dose: "4.5", metric: "CTDIw mGy" })).toEqual({
      machine_isocentre_mm: [0, -1, 2],
      dose_value: 4.5,
      dose_metric: "CTDIw mGy",
    });
    expect(saidOf({ ...nothing, isocentre: ["0", "", "2"] })).toBeNull();
    expect(saidOf({ ...nothing, dose: "much" })).toBeNull();
  });
});

describe("two versions of a protocol", () => {
  const value = (key: string, is: string, source = "") => ({ key, value: is, source });

  it("differ by what was changed, added and removed, and by sources", () => {
    const found = compareProtocols(
      { values: [value("a", "1"), value("b", "2", "TG-1"), value("c", "3"), value("d", "4")] },
      { values: [value("a", "1"), value("b", "2", "TG-2"), value("c", "5"), value("e", "6")] },
    );
    expect(found.map(({ key, kind }) => [key, kind])).toEqual([
      ["a", "same"],
      ["b", "source changed"],
      ["c", "changed"],
      ["e", "added"],
      ["d", "removed"],
    ]);
    expect(found[2]).toMatchObject({ before: "3", after: "5" });
    expect(found[4]).toMatchObject({ before: "4", after: null });
  });
});

describe("the charts of a course", () => {
  const six = (lateral_mm: number) => ({
    lateral_mm,
    longitudinal_mm: 0,
    vertical_mm: 0,
    pitch_deg: 0,
    roll_deg: 0,
    yaw_deg: 0,
  });
  const review = {
    fractions: [
      { number: 1, measured: six(-3), deviation: six(0.3), residual: null },
      { number: 2, measured: null, deviation: null, residual: six(0.4) },
    ],
    axes: [
      {
        axis: "lateral_mm",
        charts: { individuals_signals: [7], range_signals: [], ewma_signals: [9, 7], cusum_signals: [8] },
      },
    ],
  } as unknown as CourseReview;

  it("leave a fraction without an image empty instead of zero", () => {
    const { measured, residual } = seriesOf(review, "lateral_mm");
    expect(measured).toEqual([
      { number: 1, value: -3, deviation: 0.3 },
      { number: 2, value: null, deviation: null },
    ]);
    expect(residual.map(({ value }) => value)).toEqual([null, 0.4]);
  });

  it("name each signalled fraction once", () => {
    expect(signalsOf(review, "lateral_mm")).toEqual([7, 8, 9]);
    expect(signalsOf(review, "roll_deg")).toEqual([]);
  });

  it("end on round numbers that hold everything", () => {
    expect(niceEnds([-3.2, 4.1], 2)).toEqual({ low: -5, high: 5, step: 2.5 });
    expect(niceEnds([], 2)).toEqual({ low: -2, high: 2, step: 1 });
    expect(niceEnds([0.2, -0.3], 1)).toEqual({ low: -1, high: 1, step: 0.5 });
  });
});
