import { describe, expect, it } from "vitest";
import { hashOf, parseRoute, type Route } from "./router";

describe("addresses", () => {
  it("reads back what it writes, whatever a course is called", () => {
    const routes: Route[] = [
      { view: "worklist" },
      { view: "population" },
      { view: "course", courseId: "C0001", part: "align", number: 3 },
      { view: "course", courseId: "a/b #1 ü", part: "review", number: 0 },
    ];
    for (const route of routes) {
      expect(parseRoute(hashOf(route))).toEqual(route);
    }
  });

  it("opens the worklist where nothing is asked for", () => {
    expect(parseRoute("")).toEqual({ view: "worklist" });
    expect(parseRoute("#/")).toEqual({ view: "worklist" });
  });

  it("guesses nothing of an address that is not whole", () => {
    for (const hash of [
      "#/courses/C1",
      "#/courses/C1/align",
      "#/courses/C1/align/x",
      "#/courses/C1/align/0",
      "#/courses/C1/align/-1",
      "#/courses/C1/align/3/4",
      "#/courses/C1/fly/3",
      "#/courses/%E0%A4%A/align/3",
      "#/worklist/more",
      "#/nowhere",
    ]) {
      expect(parseRoute(hash)).toEqual({ view: "unknown", address: hash });
    }
  });
});
