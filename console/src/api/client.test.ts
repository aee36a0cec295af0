import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { holdBeam, readFraction, setUp } from "./calls";
import { fetchBytes, listenToProblems, rememberPage, setCsrfToken } from "./client";
import { asProblem, type Problem } from "./problem";

const PROBLEM = {
  type: "about:blank",
  title: "",
  status: 409,
  detail: "the couch stands elsewhere",
  kind: "position",
};

function answering(status: number, body: unknown, headers: Record<string, string> = {}) {
  const asked: Request[] = [];
  vi.stubGlobal("fetch", async (input: Request | string, init?: RequestInit) => {
    asked.push(input instanceof Request ? input : new Request(`http://localhost${input}`, init));
    return new Response(JSON.stringify(body), {
      status,
      headers: { "Content-Type": "application/problem+json", ...headers },
    });
  });
  return asked;
}

const problemOfCall = async (call: Promise<unknown>): Promise<Problem> =>
  call.then(
    () => {
      throw new Error("it was answered");
    },
    (thrown) => asProblem(thrown),
  );

describe("asking the service", () => {
  const problems: Problem[] = [];

  beforeEach(() => {
    problems.length = 0;
    setCsrfToken("token-1");
    rememberPage("build-1");
    listenToProblems(
      (problem) => problems.push(problem),
      () => {},
    );
  });

  afterEach(() => vi.unstubAllGlobals());

  it("sends token and build with what changes something, and with nothing else", async () => {
    const asked = answering(200, {});
    await setUp("C1", 3, { seen_version: 4 });
    await readFraction("C1", 3);
    expect(asked[0]?.headers.get("X-CSRF-Token")).toBe("token-1");
    expect(asked[0]?.headers.get("X-Isoguide-Page")).toBe("build-1");
    expect(await asked[0]?.json()).toEqual({ seen_version: 4 });
    expect(asked[1]?.headers.get("X-CSRF-Token")).toBeNull();
  });

  it("keeps a course id in its place in the address", async () => {
    const asked = answering(200, {});
    await readFraction("a/b", 3);
    expect(asked[0]?.url).toMatch(/\/api\/courses\/a%2Fb\/fractions\/3$/);
  });

  it("turns a refusal into its sentence and kind", async () => {
    answering(409, PROBLEM);
    const problem = await problemOfCall(setUp("C1", 3, { seen_version: 4 }));
    expect(problem).toMatchObject({ kind: "position", status: 409, message: "The couch stands elsewhere." });
    expect(problems).toEqual([problem]);
  });

  it("says how long to wait", async () => {
    answering(429, { ...PROBLEM, kind: "too many" }, { "Retry-After": "8" });
    expect((await problemOfCall(readFraction("C1", 3))).retryAfterS).toBe(8);
  });

  it("sends a step once when no answer comes, and says that the outcome is not known", async () => {
    const send = vi.fn(async () => {
      throw new TypeError("Failed to fetch");
    });
    vi.stubGlobal("fetch", send);
    const problem = await problemOfCall(setUp("C1", 3, { seen_version: 4 }));
    expect(problem.isUnknownOutcome).toBe(true);
    expect(send).toHaveBeenCalledTimes(1);
  });

  it("counts a hold that is not answered in time as not answered", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new DOMException("timed out", "TimeoutError");
    });
    expect((await problemOfCall(holdBeam("C1", 3, "by hand"))).kind).toBe("no answer");
  });

  it("makes a problem of an answer that is no document", async () => {
    answering(502, "<html>");
    expect(await problemOfCall(readFraction("C1", 3))).toMatchObject({ kind: "mistake", status: 502 });
  });

  it("fetches bytes, and refuses them with the service's sentence", async () => {
    const asked = answering(404, { ...PROBLEM, kind: "not found", detail: "there is no image" });
    const problem = await problemOfCall(fetchBytes("/api/x", { a: 1 }));
    expect(problem).toMatchObject({ kind: "not found", message: "There is no image." });
    expect(asked[0]?.method).toBe("POST");
    expect(asked[0]?.headers.get("X-CSRF-Token")).toBe("token-1");
  });
});
