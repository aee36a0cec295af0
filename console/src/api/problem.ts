import { capital } from "../components/words";
import type { ProblemDocument } from "./documents";

/** Why something was not done. `message` is the sentence to show; decide by `kind`, never by the words. */
export class Problem extends Error {
  readonly kind: string;
  /** Status of HTTP; 0 where no answer came. */
  readonly status: number;
  readonly retryAfterS: number | null;

  constructor(kind: string, status: number, sentence: string, retryAfterS: number | null = null) {
    super(sentence);
    this.name = "Problem";
    this.kind = kind;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }

  /** True where nobody knows whether the service did it: the answer was lost on the way. */
  get isUnknownOutcome(): boolean {
    return this.kind === "no answer";
  }
}

/** The service does not answer at all. */
export function noAnswer(): Problem {
  return new Problem("no answer", 0, "The service does not answer.");
}

const isDocument = (value: unknown): value is ProblemDocument =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as ProblemDocument).kind === "string" &&
  typeof (value as ProblemDocument).detail === "string";

/** Turn what came instead of an answer into a problem. */
export function problemOf(status: number, body: unknown, retryAfter: string | null = null): Problem {
  const waitS = retryAfter === null ? null : Number.parseFloat(retryAfter);
  const known = waitS !== null && Number.isFinite(waitS) ? waitS : null;
  if (isDocument(body)) {
    return new Problem(body.kind, status, asSentence(body.detail), known);
  }
  if (status === 401) {
    return new Problem("not signed in", status, "Nobody is signed in, or the session has ended: sign in.");
  }
  return new Problem(
    "mistake",
    status,
    `The service answered with status ${status} and no sentence: report it.`,
    known,
  );
}

/** Begin with a capital letter and end with a full stop. */
export function asSentence(words: string): string {
  const text = capital(words.trim());
  if (text === "") {
    return "";
  }
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Whatever was thrown, as a problem. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) {
    return thrown;
  }
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  return new Problem("mistake", 0, `This page made a mistake (${words}): load it again and report it.`);
}
