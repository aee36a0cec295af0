import type { Fraction } from "../../api/documents";
import { Button } from "../../components/Button";
import { Dialog } from "../../components/Dialog";
import { PatientLine } from "../../components/decision";
import { meterset } from "../../components/format";
import { Notice } from "../../components/Notice";
import { roomOf } from "../../state/rooms";

/** Asked once more before there is a beam: Enter does not confirm it, and it can become impossible meanwhile. */
export function BeamDialog(props: {
  fraction: Fraction;
  step: "beam on" | "resume";
  why: readonly string[];
  onClose: () => void;
  onConfirm: (step: "beam on" | "resume") => void;
}) {
  const { fraction, step, why, onClose, onConfirm } = props;
  const { delivered_mu: delivered, planned_mu: planned } =
    roomOf(fraction.course_id, fraction.number)?.state ?? fraction;
  return (
    <Dialog
      title={step === "resume" ? "Resume the beam?" : "Turn the beam on?"}
      tone="danger"
      onCancel={onClose}
      actions={
        <>
          <Button isLarge hasFocus onClick={onClose}>
            Cancel
          </Button>
          <Button
            tone="danger"
            isLarge
            isDeliberate
            isDisabled={why.length > 0}
            onClick={() => onConfirm(step)}
          >
            {step === "resume" ? "Resume the beam" : "Beam on"}
          </Button>
        </>
      }
    >
      <PatientLine fraction={fraction} />
      <p>
        {meterset(delivered)} of {meterset(planned)} are delivered so far. You watch the beam on this page: it
        is held when the page is closed, hidden, or loses its link. Press H to hold.
      </p>
      {why.map((reason) => (
        <Notice key={reason} tone="bad">
          {reason}
        </Notice>
      ))}
    </Dialog>
  );
}
