import createClient from "openapi-fetch";
import { noAnswer, type Problem, problemOf } from "./problem";
import type { paths } from "./schema";

/** Where a page reads its own build from; the service writes it into the document it serves. */
const BUILD_SELECTOR = 'meta[name="isoguide-page"]';
const UNSAFE = new Set(["POST", "PUT", "PATCH", "DELETE"]);

let csrfToken = "";
let pageBuild = "";
let onProblem: (problem: Problem) => void = () => {};
let onAnswer: () => void = () => {};

/** Set the token that goes with everything that changes something. */
export function setCsrfToken(token: string): void {
  csrfToken = token;
}

/** Which build of the page this is; empty before it is known. */
export function thisPage(): string {
  if (pageBuild === "" && typeof document !== "undefined") {
    pageBuild = document.querySelector<HTMLMetaElement>(BUILD_SELECTOR)?.content ?? "";
  }
  return pageBuild;
}

/** Remember the build that the service named when this page was loaded. */
export function rememberPage(build: string): void {
  if (thisPage() === "") {
    pageBuild = build;
  }
}

/** Be told of every problem (for sign-in, stale page, no answer), and of every answer. */
export function listenToProblems(problem: (found: Problem) => void, answer: () => void): void {
  onProblem = problem;
  onAnswer = answer;
}

/** Headers that every request carries which changes something. */
export function unsafeHeaders(): Record<string, string> {
  return { "X-CSRF-Token": csrfToken, "X-Isoguide-Page": thisPage() };
}

/** The typed client; ask it through {@link answered}. It never sends anything twice. */
export const client = createClient<paths>({
  baseUrl: typeof location === "undefined" ? "http://localhost" : location.origin,
  credentials: "same-origin",
  // Looked up at each request, not when the page is loaded, so that it can be put in place of.
  fetch: (request) => fetch(request),
});

client.use({
  onRequest({ request }) {
    if (UNSAFE.has(request.method)) {
      for (const [name, value] of Object.entries(unsafeHeaders())) {
        request.headers.set(name, value);
      }
    }
    return request;
  },
});

interface Result<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** A document as the client types it: tuples have lost their length. */
type Loose<T> = T extends readonly unknown[]
  ? Loose<T[number]>[]
  : T extends object
    ? { [K in keyof T]: Loose<T[K]> }
    : T;

/**
 * Return the document of an answer. The client's type forgets how long tuples are; `T` remembers, and is
 * checked against what the route gives.
 *
 * @throws {@link Problem} if the service refused, or did not answer.
 */
export async function answered<T>(request: Promise<Result<Loose<NoInfer<T>>>>): Promise<T> {
  let result: Result<unknown>;
  try {
    result = await request;
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "AbortError") {
      throw thrown;
    }
    throw told(noAnswer());
  }
  onAnswer();
  if (result.response.ok) {
    return result.data as T;
  }
  throw told(problemOf(result.response.status, result.error, result.response.headers.get("Retry-After")));
}

/** Tell whoever listens of a problem, and return it. */
export function told(problem: Problem): Problem {
  onProblem(problem);
  return problem;
}

/**
 * Fetch bytes (voxels, pixels, pictures) from an address of this service.
 *
 * @param body - Sent as JSON by POST where it is given.
 * @throws {@link Problem} if the service refused, or did not answer.
 */
export async function fetchBytes(
  address: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<ArrayBuffer> {
  const bytes = async (): Promise<Result<unknown>> => {
    const response = await fetch(address, {
      method: body === undefined ? "GET" : "POST",
      credentials: "same-origin",
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined
        ? {}
        : {
            body: JSON.stringify(body),
            headers: { "Content-Type": "application/json", ...unsafeHeaders() },
          }),
    });
    if (response.ok) {
      return { data: await response.arrayBuffer(), response };
    }
    return { error: await response.json().catch(() => undefined), response };
  };
  return (await answered<unknown>(bytes())) as ArrayBuffer;
}
