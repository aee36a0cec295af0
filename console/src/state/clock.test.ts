import { describe, expect, it } from "vitest";
import { noteServiceTime, wallMs } from "./clock";

describe("the time of day", () => {
  it("is that of the service, whatever this computer's clock says", () => {
    noteServiceTime("2031-01-01T00:00:00Z");
    expect(wallMs.value).toBe(Date.parse("2031-01-01T00:00:00Z"));
    noteServiceTime("not a time");
    expect(wallMs.value).toBe(Date.parse("2031-01-01T00:00:00Z"));
  });
});
