import { type ReadonlySignal, signal } from "@preact/signals";
import { type Asking, readCourse, readFraction } from "../api/calls";
import type { Course, Fraction, FractionChanged, SecondLookAsked } from "../api/documents";
import { asProblem, type Problem } from "../api/problem";
import { type Outcome, once } from "./actions";
import { say } from "./notices";

const openCourse = signal<Course | null>(null);
const openFraction = signal<Fraction | null>(null);
const openProblem = signal<Problem | null>(null);

/** The course and the fraction that the page shows; null while they are loaded. */
export const course: ReadonlySignal<Course | null> = openCourse;
export const fraction: ReadonlySignal<Fraction | null> = openFraction;
/** Why they could not be loaded. */
export const fractionProblem: ReadonlySignal<Problem | null> = openProblem;

let wanted: { courseId: string; number: number } | null = null;

/** Choose between two versions of one fraction: the later one, whatever order the answers come in. */
export function laterFraction(before: Fraction | null, next: Fraction): Fraction {
  const isSame = before !== null && before.course_id === next.course_id && before.number === next.number;
  return isSame && before.version > next.version ? before : next;
}

/** Take what a step answered with; a fraction that is no longer shown is left alone. */
export function takeFraction(next: Fraction): void {
  if (wanted?.courseId === next.course_id && wanted.number === next.number) {
    openFraction.value = laterFraction(openFraction.peek(), next);
  }
}

/** Show a fraction: load it, and its course. */
export async function showFraction(courseId: string, number: number): Promise<void> {
  if (wanted?.courseId !== courseId) {
    openCourse.value = null;
  }
  if (wanted?.courseId !== courseId || wanted.number !== number) {
    openFraction.value = null;
  }
  wanted = { courseId, number };
  await reloadFraction("user");
}

/** Load what is shown anew. */
export async function reloadFraction(asking: Asking = "page"): Promise<void> {
  const asked = wanted;
  if (asked === null) {
    return;
  }
  try {
    const [ofCourse, ofFraction] = await Promise.all([
      readCourse(asked.courseId, asking),
      asked.number === 0 ? null : readFraction(asked.courseId, asked.number, asking),
    ]);
    if (wanted === asked) {
      openProblem.value = null;
      openCourse.value = ofCourse;
      if (ofFraction !== null) {
        takeFraction(ofFraction);
      }
    }
  } catch (thrown) {
    if (wanted === asked) {
      openProblem.value = asProblem(thrown);
    }
  }
}

/** Forget what was shown. */
export function closeFraction(): void {
  wanted = null;
  openCourse.value = null;
  openFraction.value = null;
  openProblem.value = null;
}

/** The stream says that a fraction has a new version. */
export function noteFractionChanged(changed: FractionChanged): void {
  const line = openCourse.peek()?.fractions.find(({ number }) => number === changed.number);
  const known = Math.min(openFraction.peek()?.version ?? 0, line?.version ?? 0);
  if (wanted?.courseId === changed.course_id && (changed.version > known || line === undefined)) {
    void reloadFraction();
  }
}

/** The stream says that a second look was asked, answered, or has expired. */
export function noteSecondLook(asked: SecondLookAsked): void {
  if (isOfShown(asked)) {
    void reloadFraction();
  }
}

const isOfShown = (one: { course_id: string; number: number }): boolean =>
  wanted?.courseId === one.course_id && wanted.number === one.number;

/** Who changed a fraction last, in words: from its journal. */
export function lastChangeWords(now: Fraction): string {
  const last = now.journal.at(-1);
  return last === undefined ? "somebody else" : `${last.by || "the service"} (${last.event})`;
}

/**
 * Take a step of the shown fraction: once, with the version that the user saw, and never again by itself.
 *
 * A step that somebody else overtook loads the fraction anew and says who it was; the user decides again.
 *
 * @param name - Of the step, such as `approve`.
 * @param send - Sends it, given the version that the user saw.
 */
export async function takeStep(
  name: string,
  send: (seen: Fraction) => Promise<Fraction>,
): Promise<Outcome<Fraction>> {
  const seen = openFraction.peek();
  if (seen === null) {
    return { kind: "busy" };
  }
  const outcome = await once(`${name} ${seen.course_id}/${seen.number}`, () => send(seen));
  if (outcome.kind === "done") {
    takeFraction(outcome.value);
  } else if (outcome.kind === "problem") {
    await afterStepProblem(outcome.problem, seen);
  }
  return outcome;
}

/** A step failed: load the fraction anew, and say who overtook it or that nobody knows whether it was done. */
export async function afterStepProblem(problem: Problem, seen: Fraction): Promise<void> {
  if (problem.status === 401 || problem.kind === "stale page") {
    return;
  }
  await reloadFraction();
  const now = openFraction.peek();
  if (problem.kind === "conflict" && now !== null) {
    const isLoaded = now.version !== seen.version;
    say(
      "warn",
      isLoaded
        ? `Fraction ${now.number} was changed meanwhile by ${lastChangeWords(now)}: nothing of yours was done. Look at it as it is now and decide again.`
        : "The fraction was changed meanwhile by somebody else: nothing of yours was done. Load the page again.",
    );
  }
  if (problem.isUnknownOutcome) {
    say(
      "bad",
      `No answer came to your last step, so it is not known whether it was done. The page shows fraction ${seen.number} as it was last heard of: look at its state before you repeat anything.`,
    );
  }
}
