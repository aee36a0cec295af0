import { useSignal } from "@preact/signals";
import { askMarks } from "../../api/calls";
import type { Course, Fraction, MarksAnswer } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { COUCH_AXES } from "../../components/axes";
import { Button } from "../../components/Button";
import { NumberField } from "../../components/Fields";
import { axisValue, lengthMm, shiftMm, typedNumber } from "../../components/format";
import { ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { PoseFields, typedCouch, usePoseFields } from "../../components/PoseFields";
import { SixTable } from "../../components/SixTable";
import { Headings, TableFrame } from "../../components/TableFrame";
import { isUnderWay, once } from "../../state/actions";
import { roomOf } from "../../state/rooms";

type TypedPlace = readonly [string, string, string];
type Place = [number, number, number];

/** Read the places that are typed in full; a half-typed one makes it null. */
export function typedPlaces(typed: Readonly<Record<string, TypedPlace>>): Record<string, Place> | null {
  const read: Record<string, Place> = {};
  for (const [name, texts] of Object.entries(typed)) {
    if (texts.every((text) => text.trim() === "")) {
      continue;
    }
    const [x, y, z] = texts.map(typedNumber);
    if (x == null || y == null || z == null) {
      return null;
    }
    read[name] = [x, y, z];
  }
  return read;
}

/** Fewer marks say nothing about a turn. */
const LEAST_MARKS = 3;

function Answer({ answer }: { answer: MarksAnswer }) {
  return (
    <div class="stack tight" role="status">
      <h3>Proposed first move (nothing is recorded by it)</h3>
      <SixTable values={answer.correction} label="Move from the marks" />
      <p>
        Couch then at{" "}
        {COUCH_AXES.filter(({ key }) => key !== "eccentric_deg" || answer.pose[key] !== 0)
          .map(({ key, short, unit }) => `${short} ${axisValue(answer.pose[key], unit)}`)
          .join(", ")}
        .
      </p>
      <p>
        Left at the marks:{" "}
        {Object.entries(answer.left_mm)
          .map(([name, left]) => `${name} ${lengthMm(left)}`)
          .join(", ")}
        ; root mean square {lengthMm(answer.rms_mm)}.
      </p>
    </div>
  );
}

/** Places of the marks in the room, and the move that they ask for. */
export function MarksPanel({ course, fraction }: { course: Course; fraction: Fraction }) {
  const typed = useSignal<Record<string, TypedPlace>>({});
  const pose = usePoseFields(fraction);
  const problem = useSignal<Problem | null>(null);
  const answer = useSignal<MarksAnswer | null>(null);
  const room = roomOf(fraction.course_id, fraction.number);
  const couch =
    fraction.room === null ? typedCouch(pose.value, course.planned_couch) : (room?.state.couch ?? null);
  const measured = typedPlaces(typed.value);
  const isReady = couch !== null && measured !== null && Object.keys(measured).length >= LEAST_MARKS;
  const ask = async () => {
    if (couch === null || measured === null) {
      return;
    }
    const outcome = await once("marks", () =>
      askMarks(fraction.course_id, fraction.number, { couch, measured_mm: measured }),
    );
    answer.value = outcome.kind === "done" ? outcome.value : null;
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
  };
  const setPlace = (name: string, axis: number, text: string) => {
    const before = typed.value[name] ?? ["", "", ""];
    const next = before.map((old, index) => (index === axis ? text : old));
    typed.value = { ...typed.value, [name]: next as unknown as TypedPlace };
    answer.value = null;
  };
  return (
    <Panel title="Marks">
      {course.marks.length === 0 ? (
        <p class="dim">The plan has no marks.</p>
      ) : (
        <>
          <TableFrame label="Marks of the plan">
            <Headings names={["Mark", "In the plan (left, posterior, superior)"]} />
            <tbody>
              {course.marks.map((mark) => (
                <tr key={mark.name}>
                  <th scope="row">{mark.name}</th>
                  <td>{mark.position_mm.map((value) => shiftMm(value)).join(", ")}</td>
                </tr>
              ))}
            </tbody>
          </TableFrame>
          <details>
            <summary>Marks were measured in the room: propose the first move</summary>
            <div class="stack">
              {course.marks.map((mark) => (
                <fieldset key={mark.name} class="pose-fields">
                  <legend>{mark.name}, from the isocentre</legend>
                  {["LAT", "LNG", "VRT"].map((axis, index) => (
                    <NumberField
                      key={axis}
                      label={axis}
                      unit="mm"
                      value={typed.value[mark.name]?.[index] ?? ""}
                      onInput={(text) => setPlace(mark.name, index, text)}
                    />
                  ))}
                </fieldset>
              ))}
              {fraction.room === null ? (
                <PoseFields typed={pose} fraction={fraction} legend="Couch while they were measured" />
              ) : null}
              {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
              <div class="buttons">
                <Button isBusy={isUnderWay("marks")} isDisabled={!isReady} onClick={() => void ask()}>
                  Propose a move
                </Button>
                <p class="dim small">
                  {isReady ? "" : `At least ${LEAST_MARKS} marks and the couch are needed.`}
                </p>
              </div>
              {answer.value === null ? null : <Answer answer={answer.value} />}
            </div>
          </details>
        </>
      )}
    </Panel>
  );
}
