import { useSignal } from "@preact/signals";
import { moveCouch } from "../../api/calls";
import type { Fraction } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { type AxisDifference, couchDifferences, type PartialPose } from "../../components/axes";
import { Button } from "../../components/Button";
import { CouchTable } from "../../components/CouchTable";
import { Live } from "../../components/Live";
import { ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { typedCouch, typedSoFar, usePoseFields } from "../../components/PoseFields";
import { isUnderWay } from "../../state/actions";
import { takeStep } from "../../state/fraction";
import { limitMsOf, roomOf } from "../../state/rooms";

const compare = (fraction: Fraction, read: PartialPose | null): AxisDifference[] =>
  couchDifferences(fraction.order_pose ?? fraction.expected_pose, read, {
    mm: fraction.tolerance_mm,
    deg: fraction.tolerance_deg,
  });

const heading = (fraction: Fraction): string => (fraction.order_pose === null ? "Expected" : "Order");

/** Drive the couch of a connected room and read it back. */
function RoomCouch({ fraction }: { fraction: Fraction }) {
  const problem = useSignal<Problem | null>(null);
  const room = roomOf(fraction.course_id, fraction.number);
  const isPossible = fraction.possible.includes("couch");
  const move = async () => {
    const outcome = await takeStep("couch", (seen) =>
      moveCouch(seen.course_id, seen.number, { seen_version: seen.version }),
    );
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
  };
  return (
    <>
      <Live heardMs={room?.heardMs ?? null} limitMs={room === undefined ? 0 : limitMsOf(room)}>
        <CouchTable
          label="Couch expected and read back"
          expectedWords={heading(fraction)}
          readWords="Reads now"
          differences={compare(fraction, room?.state.couch ?? null)}
        />
      </Live>
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <div class="buttons">
        <Button
          tone={isPossible ? "primary" : "plain"}
          isLarge
          isDeliberate
          isBusy={isUnderWay(`couch ${fraction.course_id}/${fraction.number}`)}
          isDisabled={!isPossible}
          onClick={() => void move()}
        >
          Move the couch by the order and read it back
        </Button>
        {isPossible ? null : <p class="dim small">There is no order that is waiting to be carried out.</p>}
      </div>
    </>
  );
}

/** The couch that staff drove, as it reads. */
function StaffCouch({ fraction }: { fraction: Fraction }) {
  const problem = useSignal<Problem | null>(null);
  const typed = usePoseFields(fraction);
  const isPossible = fraction.possible.includes("couch");
  const couch = typedCouch(typed.value, fraction.order_pose);
  const record = async () => {
    if (couch === null) {
      return;
    }
    const outcome = await takeStep("couch", (seen) =>
      moveCouch(seen.course_id, seen.number, { seen_version: seen.version, couch }),
    );
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
  };
  return (
    <>
      <CouchTable
        label="Couch expected and as it reads after it was driven"
        expectedWords={heading(fraction)}
        readWords="Reads now"
        {...(isPossible ? { typed } : {})}
        differences={compare(fraction, isPossible ? typedSoFar(typed.value) : null)}
      />
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <div class="buttons">
        <Button
          tone={isPossible ? "primary" : "plain"}
          isLarge
          isDeliberate
          isBusy={isUnderWay(`couch ${fraction.course_id}/${fraction.number}`)}
          isDisabled={!isPossible || couch === null}
          onClick={() => void record()}
        >
          Record this reading
        </Button>
        <p class="dim small">
          {isPossible
            ? couch === null
              ? "Drive the couch to the order, then read and type every drive."
              : ""
            : "There is no order that is waiting to be carried out."}
        </p>
      </div>
    </>
  );
}

/** Where the couch has to stand, and where it stands. */
export function CouchPanel({ fraction }: { fraction: Fraction }) {
  return (
    <Panel title="Couch" isActive={fraction.possible.includes("couch")}>
      {fraction.room === null ? <StaffCouch fraction={fraction} /> : <RoomCouch fraction={fraction} />}
    </Panel>
  );
}
