import { useSignal } from "@preact/signals";
import type { Fraction } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { Dialog } from "../../components/Dialog";
import { PatientLine, SignActions } from "../../components/decision";
import { counted } from "../../components/format";
import { ProblemNotice } from "../../components/Notice";
import { PoseFields, typedCouch, usePoseFields } from "../../components/PoseFields";
import { SixTable } from "../../components/SixTable";
import { isUnderWay } from "../../state/actions";
import { takeStep } from "../../state/fraction";
import { sixOf } from "../../state/poseNumbers";
import type { AlignSession } from "./alignSession";
import { type HandMatchRequest, useHandMatch } from "./documents";
import type { StandingState } from "./standing";

interface UseDialogProps {
  readonly session: AlignSession;
  readonly fraction: Fraction;
  readonly standing: StandingState;
  readonly onClose: () => void;
}

/** Make the position on the screen the match: what it means, and where staff read the couch, how it stands. */
export function UseDialog({ session, fraction, standing, onClose }: UseDialogProps) {
  const typed = usePoseFields(fraction);
  const problem = useSignal<Problem | null>(null);
  const isBusy = isUnderWay(`match ${fraction.course_id}/${fraction.number}`);
  const isRead = fraction.room !== null;
  const couch = isRead ? null : typedCouch(typed.value, fraction.expected_pose);
  const missing = [
    ...standing.whyNotUse.value,
    ...(isRead || couch !== null
      ? []
      : ["Read the couch and type where it stands: it must not have moved since the image."]),
  ];
  const use = async () => {
    const request = requestOf(session, fraction, couch);
    const outcome = await takeStep("match", () => useHandMatch(fraction.course_id, fraction.number, request));
    if (outcome.kind === "done") {
      session.setMatching(false);
      onClose();
    } else if (outcome.kind === "problem") {
      problem.value = outcome.problem;
    }
  };
  const history = session.hand.history.value;
  return (
    <Dialog
      title="Use this position as the match"
      onCancel={onClose}
      actions={
        <SignActions
          missing={missing}
          isBusy={isBusy}
          isReady={missing.length === 0}
          onCancel={onClose}
          onSign={() => void use()}
        >
          Use as the match
        </SignActions>
      }
    >
      <PatientLine fraction={fraction} />
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <SixTable
        values={sixOf(session.hand.correction.value)}
        label="Correction that this position calls for"
      />
      <p>
        Into the record with it: {counted(history.movements.length, "movement")}. It is not approved by this;
        that is another step.
      </p>
      {isRead ? null : <PoseFields typed={typed} legend="The couch now" fraction={fraction} />}
    </Dialog>
  );
}

function requestOf(
  session: AlignSession,
  fraction: Fraction,
  couch: HandMatchRequest["couch"],
): HandMatchRequest {
  return {
    seen_version: fraction.version,
    ...(couch ? { couch } : {}),
    planning_from_daily: [...session.hand.pose.peek()],
    image_uid: session.key.uid,
    movements: session.hand.history.peek().movements.map(({ at, kind, correction }) => ({
      at,
      kind,
      correction: sixOf(correction),
    })),
  };
}
