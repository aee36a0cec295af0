import { expect, test } from "vitest";
import { clockAheadMs } from "./poseClock";
import { imageAge } from "./poseStanding";

const DATE = "Mon, 02 Mar 2026 09:15:00 GMT";

test("a page whose clock is ten minutes slow does not take an old image for a young one", () => {
  const pageNowMs = Date.parse("2026-03-02T09:05:00Z");
  const aheadMs = clockAheadMs(DATE, pageNowMs)!;
  expect(imageAge("2026-03-02T09:14:30Z", pageNowMs).kind).toBe("valid");
  expect(imageAge("2026-03-02T09:14:30Z", pageNowMs + aheadMs).kind).toBe("past");
});

test("what the header leaves open is counted against the image", () => {
  expect(clockAheadMs(DATE, Date.parse(DATE))).toBe(1000);
});

test("without a readable header nothing is known", () => {
  expect(clockAheadMs(null, 0)).toBeNull();
  expect(clockAheadMs("yesterday", 0)).toBeNull();
});
