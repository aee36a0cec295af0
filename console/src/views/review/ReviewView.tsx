import { readCourseReview } from "../../api/calls";
import type { Course, CourseReview, Fraction } from "../../api/documents";
import { asSentence } from "../../api/problem";
import { hashOf } from "../../app/router";
import { Chip } from "../../components/Chip";
import { FractionRecord } from "../../components/FractionRecord";
import { day, ofTotal } from "../../components/format";
import { Notice, ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { capital, stateTone, stateWords } from "../../components/words";
import { assessmentsEnded } from "../../state/jobs";
import { useResource } from "../../state/resource";
import { CourseAnatomyPanel } from "./anatomy/CourseAnatomyPanel";
import { DayPanels } from "./day/DayPanels";
import "../../components/viewer/tools.css";
import "../../components/viewer/viewer.css";
import "./anatomy/anatomy.css";
import "./dose/dose.css";
import { CourseCharts } from "./CourseCharts";
import { AxesTable, DosesTable, FractionTable } from "./CourseTables";
import { CourseDosePanel } from "./dose/CourseDosePanel";
import { FractionPictures } from "./FractionPictures";

/** What the review says, in its own words. */
function InWords({ review }: { review: CourseReview }) {
  return (
    <Panel title="What the review says">
      {review.signals.length === 0 ? (
        <Notice tone="good" isQuiet>
          No test and no chart gives a signal.
        </Notice>
      ) : (
        review.signals.map((signal) => (
          <Notice key={signal} tone="warn" isQuiet>
            {asSentence(signal)}
          </Notice>
        ))
      )}
      {review.in_words.map((sentence) => (
        <p key={sentence}>{asSentence(sentence)}</p>
      ))}
      {review.not_available.map((sentence) => (
        <p key={sentence} class="dim">
          {asSentence(sentence)}
        </p>
      ))}
    </Panel>
  );
}

/** The fractions to choose from. */
function FractionList({ course, number }: { course: Course; number: number }) {
  return (
    <Panel title="Fractions">
      {course.fractions.length === 0 ? <p class="dim">None has been begun.</p> : null}
      <ul class="picker">
        {course.fractions.map((line) => (
          <li key={line.number}>
            <a
              class="picker-item"
              aria-current={line.number === number ? "true" : undefined}
              href={hashOf({
                view: "course",
                courseId: course.course_id,
                part: "review",
                number: line.number,
              })}
            >
              <span>
                <b>{ofTotal(line.number, course.fractions_planned)}</b>
                <br />
                <span class="dim small">{day(line.started_at)}</span>
              </span>
              <Chip tone={stateTone(line.state)}>{stateWords(line.state)}</Chip>
            </a>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function CourseFacts({ course }: { course: Course }) {
  return (
    <Panel title="Course">
      <dl class="facts">
        <dt>Protocol</dt>
        <dd>
          {course.protocol_name} version {course.protocol_version}
        </dd>
        <dt>Target</dt>
        <dd>{course.target || "none is named"}</dd>
        <dt>Planned</dt>
        <dd>
          {course.fractions_planned ?? "number not known"} fractions
          {course.dose_per_fraction_gy === null ? "" : ` of ${course.dose_per_fraction_gy} Gy`}
        </dd>
        <dt>Position</dt>
        <dd>{course.patient_position}</dd>
        <dt>Status</dt>
        <dd>{course.status}</dd>
      </dl>
      <details>
        <summary>The protocol in sentences</summary>
        <ul class="list">
          {course.protocol_sentences.map((sentence) => (
            <li key={sentence}>{capital(sentence)}</li>
          ))}
        </ul>
      </details>
    </Panel>
  );
}

/** The course as a whole, and one of its fractions. */
export function ReviewView(props: { course: Course; number: number; fraction: Fraction | null }) {
  const { course, number, fraction } = props;
  // Anew when a fraction of the course got another version.
  const versions = course.fractions.map(({ number: one, version }) => `${one}.${version}`).join(" ");
  // And when an assessment of one of its images has ended.
  const { resource } = useResource(
    `review ${course.course_id} ${versions} ${assessmentsEnded(course.course_id)}`,
    () => readCourseReview(course.course_id),
  );
  const review = resource.value;
  const isShown = fraction !== null && fraction.number === number;
  return (
    <>
      <div class="view-head">
        <h1>Review</h1>
      </div>
      <div class="with-list">
        <div class="stack">
          <FractionList course={course} number={number} />
          <CourseFacts course={course} />
        </div>
        <div class="stack">
          {resource.problem === null ? null : <ProblemNotice problem={resource.problem} />}
          {isShown ? <FractionRecord fraction={fraction} /> : null}
          {isShown ? <DayPanels key={fraction.number} fraction={fraction} /> : null}
          {isShown ? <FractionPictures fraction={fraction} /> : null}
          {review === null ? null : (
            <>
              <InWords review={review} />
              {review.anatomy === null ? null : <CourseAnatomyPanel anatomy={review.anatomy} />}
              {review.dose === null ? null : <CourseDosePanel dose={review.dose} />}
              <CourseCharts review={review} />
              <FractionTable review={review} />
              <AxesTable review={review} />
              <DosesTable review={review} />
            </>
          )}
          {review === null && resource.problem === null ? (
            <p class="dim">The review of the course is made.</p>
          ) : null}
        </div>
      </div>
    </>
  );
}
