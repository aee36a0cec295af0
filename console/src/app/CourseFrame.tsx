import { type Signal, useSignal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import type { Course, Fraction } from "../api/documents";
import { Button } from "../components/Button";
import { Notice, ProblemNotice } from "../components/Notice";
import { course, fraction, fractionProblem, reloadFraction, showFraction } from "../state/fraction";
import { ReviewView } from "../views/review/ReviewView";
import { SetUpView } from "../views/setup/SetUpView";
import { TreatView } from "../views/treat/TreatView";
import type { Part } from "./router";

/** What every view of a fraction is given; the documents are never of another fraction. */
export interface FractionViewProps {
  course: Course;
  fraction: Fraction;
}

type FractionView = ComponentType<FractionViewProps>;

/** The align view is most of the page's weight, so it is fetched when it is first opened. */
async function loadAlign(into: Signal<{ view: FractionView | null }>, failed: Signal<string>): Promise<void> {
  try {
    into.value = { view: (await import("../views/align/AlignView")).AlignView };
  } catch {
    failed.value = "The align view could not be loaded: load the page again.";
  }
}

function LazyAlign(props: FractionViewProps) {
  const view = useSignal<{ view: FractionView | null }>({ view: null });
  const failed = useSignal("");
  useEffect(() => {
    void loadAlign(view, failed);
  }, [view, failed]);
  if (failed.value !== "") {
    return <Notice tone="bad">{failed.value}</Notice>;
  }
  const View = view.value.view;
  return View === null ? <p class="empty dim">The align view is loaded.</p> : <View {...props} />;
}

/** A view of a course: what it needs is loaded first, and kept up to date by the stream. */
export function CourseFrame(props: { courseId: string; part: Part; number: number }) {
  const { courseId, part, number } = props;
  useEffect(() => {
    void showFraction(courseId, number);
  }, [courseId, number]);
  const [ofCourse, ofFraction, problem] = [course.value, fraction.value, fractionProblem.value];
  if (problem !== null && (ofCourse === null || (number !== 0 && ofFraction === null))) {
    return (
      <div class="stack">
        <ProblemNotice problem={problem} />
        <div class="buttons">
          <Button onClick={() => void reloadFraction()}>Try again</Button>
        </div>
      </div>
    );
  }
  if (ofCourse?.course_id !== courseId) {
    return <p class="empty dim">The course is loaded.</p>;
  }
  if (part === "review") {
    return <ReviewView course={ofCourse} number={number} fraction={ofFraction} />;
  }
  if (ofFraction === null || ofFraction.course_id !== courseId || ofFraction.number !== number) {
    return <p class="empty dim">The fraction is loaded.</p>;
  }
  const shown = { course: ofCourse, fraction: ofFraction };
  if (part === "setup") {
    return <SetUpView {...shown} />;
  }
  return part === "align" ? <LazyAlign {...shown} /> : <TreatView {...shown} />;
}
