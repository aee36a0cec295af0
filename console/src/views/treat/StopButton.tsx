import { useSignal } from "@preact/signals";
import { stopFraction } from "../../api/calls";
import type { Fraction } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { Button } from "../../components/Button";
import { Dialog } from "../../components/Dialog";
import { PatientLine } from "../../components/decision";
import { TextField } from "../../components/Fields";
import { Notice, ProblemNotice } from "../../components/Notice";
import { isUnderWay } from "../../state/actions";
import { takeStep } from "../../state/fraction";
import { isBeamUnderWay, roomOf } from "../../state/rooms";
import { holdNow } from "./hold";

/** End the fraction for good, with a reason; a beam that is on is held first, from here too. */
function StopDialog({ fraction, onClose }: { fraction: Fraction; onClose: () => void }) {
  const reason = useSignal("");
  const problem = useSignal<Problem | null>(null);
  const beam = roomOf(fraction.course_id, fraction.number)?.state.beam;
  const name = `${fraction.course_id}/${fraction.number}`;
  const stop = async () => {
    const outcome = await takeStep("stop", (seen) =>
      stopFraction(seen.course_id, seen.number, reason.value.trim()),
    );
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
    if (outcome.kind === "done") {
      onClose();
    }
  };
  return (
    <Dialog
      title="Stop this fraction?"
      tone="danger"
      onCancel={onClose}
      actions={
        <>
          {isBeamUnderWay(beam) ? (
            <Button tone="hold" isLarge onClick={() => void holdNow(fraction.course_id, fraction.number)}>
              HOLD the beam now
            </Button>
          ) : null}
          <Button isLarge onClick={onClose}>
            Do not stop
          </Button>
          <Button
            tone="danger"
            isLarge
            isDeliberate
            isBusy={isUnderWay(`stop ${name}`)}
            isDisabled={reason.value.trim() === ""}
            onClick={() => void stop()}
          >
            Stop the fraction
          </Button>
        </>
      }
    >
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <PatientLine fraction={fraction} />
      <Notice tone="warn" isQuiet>
        A stopped fraction cannot be taken up again; what was delivered stays recorded.
      </Notice>
      <TextField
        label="Reason"
        hasFocus
        isLong
        value={reason.value}
        onInput={(text) => {
          reason.value = text;
        }}
      />
    </Dialog>
  );
}

/** Always in reach while a fraction goes on. */
export function StopButton({ fraction }: { fraction: Fraction }) {
  const isOpen = useSignal(false);
  if (!fraction.possible.includes("stop")) {
    return null;
  }
  return (
    <>
      <Button
        tone="danger"
        isLarge
        isDeliberate
        onClick={() => {
          isOpen.value = true;
        }}
      >
        Stop the fraction
      </Button>
      {isOpen.value ? (
        <StopDialog
          fraction={fraction}
          onClose={() => {
            isOpen.value = false;
          }}
        />
      ) : null}
    </>
  );
}
