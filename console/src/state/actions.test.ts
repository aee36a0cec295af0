import { describe, expect, it, vi } from "vitest";
import { Problem } from "../api/problem";
import { isUnderWay, once } from "./actions";

describe("an action", () => {
  it("is sent once by a double click", async () => {
    let finish = (_value: string) => {};
    const act = vi.fn(
      () =>
        new Promise<string>((resolve) => {
          finish = resolve;
        }),
    );
    const first = once("approve C1/3", act);
    const second = await once("approve C1/3", act);
    expect(second).toEqual({ kind: "busy" });
    expect(isUnderWay("approve C1/3")).toBe(true);
    finish("signed");
    expect(await first).toEqual({ kind: "done", value: "signed" });
    expect(act).toHaveBeenCalledTimes(1);
    expect(isUnderWay("approve C1/3")).toBe(false);
  });

  it("does not keep another one waiting", async () => {
    const never = once("approve C1/3 b", () => new Promise(() => {}));
    expect(await once("hold C1/3", async () => 1)).toEqual({ kind: "done", value: 1 });
    expect(never).toBeInstanceOf(Promise);
  });

  it("can be tried again by the user after it failed, and is not by itself", async () => {
    const act = vi.fn(async () => {
      throw new Problem("refused", 409, "The couch is not in place.");
    });
    const outcome = await once("couch C1/3", act);
    expect(outcome).toMatchObject({ kind: "problem", problem: { kind: "refused" } });
    expect(act).toHaveBeenCalledTimes(1);
    await once("couch C1/3", act);
    expect(act).toHaveBeenCalledTimes(2);
  });
});
