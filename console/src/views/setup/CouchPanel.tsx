import { type Signal, useSignal } from "@preact/signals";
import { setUp } from "../../api/calls";
import type { CouchPose, Course, Fraction } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { couchDifferences } from "../../components/axes";
import { Button } from "../../components/Button";
import { CouchTable } from "../../components/CouchTable";
import { Live } from "../../components/Live";
import { Notice, ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import {
  PoseFields,
  type TypedPose,
  typedCouch,
  typedSoFar,
  usePoseFields,
} from "../../components/PoseFields";
import { SixTable } from "../../components/SixTable";
import { isUnderWay } from "../../state/actions";
import { takeStep } from "../../state/fraction";
import { QUIET_LIMIT_MS, roomOf } from "../../state/rooms";

/** What the couch is compared with, and in which words. */
function expectation(course: Course, fraction: Fraction): { pose: CouchPose | null; words: string } {
  if (fraction.expected_pose !== null) {
    return { pose: fraction.expected_pose, words: "Expected" };
  }
  return course.first_couch !== null
    ? { pose: course.first_couch, words: "First set-up" }
    : { pose: course.planned_couch, words: "Planned" };
}

const toleranceOf = (fraction: Fraction) =>
  fraction.expected_pose === null ? null : { mm: fraction.tolerance_mm, deg: fraction.tolerance_deg };

/** The couch as the connected room reads it. */
function RoomCouch({ course, fraction }: { course: Course; fraction: Fraction }) {
  const room = roomOf(fraction.course_id, fraction.number);
  const { pose, words } = expectation(course, fraction);
  return (
    <Live heardMs={room?.heardMs ?? null} limitMs={QUIET_LIMIT_MS}>
      <CouchTable
        label="Couch expected and read"
        expectedWords={words}
        differences={couchDifferences(pose, room?.state.couch ?? null, toleranceOf(fraction))}
      />
    </Live>
  );
}

/** The couch as staff read and type it, compared while it is typed. */
function TypedCouch(props: {
  course: Course;
  fraction: Fraction;
  typed: Signal<TypedPose>;
  onMarks: Signal<TypedPose>;
}) {
  const { course, fraction, typed, onMarks } = props;
  const { pose, words } = expectation(course, fraction);
  const hasCorrection = fraction.systematic_correction !== null;
  return (
    <>
      {hasCorrection ? (
        <PoseFields typed={onMarks} fraction={fraction} legend="1. Couch with the patient on the marks" />
      ) : null}
      {hasCorrection ? <h3>2. Couch after the systematic correction</h3> : null}
      <CouchTable
        label="Couch expected and as it reads now"
        expectedWords={words}
        readWords="Reads now"
        typed={typed}
        differences={couchDifferences(pose, typedSoFar(typed.value), toleranceOf(fraction))}
      />
    </>
  );
}

interface Readings {
  couch: CouchPose | null;
  onMarks: CouchPose | null;
}

/** What is missing before the set-up can be recorded, in words; empty where nothing is. */
function missingWords(fraction: Fraction, { couch, onMarks }: Readings): string {
  if (!fraction.possible.includes("set-up")) {
    return "The set-up is recorded; it can be done anew only after 'set up again' is signed.";
  }
  if (fraction.room !== null) {
    return "";
  }
  if (fraction.systematic_correction !== null && onMarks === null) {
    return "Read the couch with the patient on the marks.";
  }
  return couch === null ? "Read the couch and type every drive." : "";
}

/** The couch at set-up, and the step that records it. */
export function CouchPanel({ course, fraction }: { course: Course; fraction: Fraction }) {
  const typed = usePoseFields(fraction);
  const onMarks = usePoseFields(fraction);
  const problem = useSignal<Problem | null>(null);
  const isPossible = fraction.possible.includes("set-up");
  const read = (fields: Signal<TypedPose>) =>
    fraction.room === null ? typedCouch(fields.value, course.planned_couch) : null;
  const readings = { couch: read(typed), onMarks: read(onMarks) };
  const missing = missingWords(fraction, readings);
  const record = async () => {
    const { couch } = readings;
    const marked = fraction.systematic_correction === null ? null : readings.onMarks;
    const outcome = await takeStep("set-up", (seen) =>
      setUp(seen.course_id, seen.number, {
        seen_version: seen.version,
        ...(couch === null ? {} : { couch }),
        ...(marked === null ? {} : { on_marks: marked }),
      }),
    );
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
  };
  return (
    <Panel title="Couch at set-up" isActive={isPossible}>
      {fraction.systematic_correction === null ? null : (
        <>
          <Notice tone="warn" isQuiet>
            A systematic correction is made at this set-up: move the couch from the marks by these values
            before it is read the second time.
          </Notice>
          <SixTable values={fraction.systematic_correction} label="Systematic correction" />
        </>
      )}
      {fraction.room !== null ? (
        <RoomCouch course={course} fraction={fraction} />
      ) : isPossible ? (
        <TypedCouch course={course} fraction={fraction} typed={typed} onMarks={onMarks} />
      ) : (
        <CouchTable
          label="Couch expected and at set-up"
          readWords="At set-up"
          expectedWords={expectation(course, fraction).words}
          differences={couchDifferences(
            expectation(course, fraction).pose,
            fraction.set_up_pose,
            toleranceOf(fraction),
          )}
        />
      )}
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <div class="buttons">
        <Button
          tone={isPossible ? "primary" : "plain"}
          isLarge
          isBusy={isUnderWay(`set-up ${fraction.course_id}/${fraction.number}`)}
          isDisabled={missing !== ""}
          onClick={() => void record()}
        >
          The patient lies on the marks: record the set-up
        </Button>
        <p class="dim small">{missing}</p>
      </div>
    </Panel>
  );
}
