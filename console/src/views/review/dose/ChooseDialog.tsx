import { useSignal } from "@preact/signals";
import { chooseCorrection } from "../../../api/calls";
import type { LadderRung } from "../../../api/documents";
import { asSentence, type Problem } from "../../../api/problem";
import { Dialog } from "../../../components/Dialog";
import { SignActions } from "../../../components/decision/SignActions";
import { SignatureFields } from "../../../components/decision/SignatureFields";
import { LEAST_REASON_WORDS } from "../../../components/decision/signing";
import { TextField } from "../../../components/Fields";
import { personName } from "../../../components/format";
import { Notice, ProblemNotice } from "../../../components/Notice";
import { either, typedWords } from "../../../components/words";
import { isUnderWay, once } from "../../../state/actions";
import { session } from "../../../state/session";
import type { LadderProps } from "./LadderSection";

/** What keeps a choice from being signed, in words. */
export function missingOfChoice(draft: { reason: string; name: string; password: string }): string[] {
  const found: string[] = [];
  if (typedWords(draft.reason) < LEAST_REASON_WORDS) {
    found.push(`Say why in at least ${LEAST_REASON_WORDS} words.`);
  }
  if (draft.name.trim() === "" || draft.password === "") {
    found.push("Sign with name and password.");
  }
  return found;
}

/** Sign that a correction was chosen for planning: a mark in the audit, and nothing else. */
export function ChooseDialog(
  props: LadderProps & { readonly rung: LadderRung; readonly onClose: () => void },
) {
  const { fraction, uid, dose, rung, onClose, onChosen } = props;
  const draft = useSignal({ reason: "", name: session.peek()?.name ?? "", password: "" });
  const problem = useSignal<Problem | null>(null);
  const action = `choose ${fraction.course_id}/${fraction.number}/${uid}`;
  const missing = missingOfChoice(draft.value);
  const sign = async () => {
    const { reason, name, password } = draft.value;
    const outcome = await once(action, () =>
      chooseCorrection(fraction.course_id, fraction.number, uid, {
        rung: rung.rung,
        plan_sha256: rung.plan_sha256,
        reason: reason.trim(),
        signature: { name: name.trim(), password },
      }),
    );
    // The password is kept no longer than one try.
    draft.value = { ...draft.value, password: "" };
    if (outcome.kind === "problem") {
      problem.value = outcome.problem;
    } else if (outcome.kind === "done") {
      onChosen();
      onClose();
    }
  };
  return (
    <Dialog
      title={`Choose for planning: ${rung.rung}`}
      onCancel={onClose}
      actions={
        <SignActions
          missing={missing}
          isBusy={isUnderWay(action)}
          isReady={missing.length === 0}
          onCancel={onClose}
          onSign={() => void sign()}
        >
          Sign
        </SignActions>
      }
    >
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <p>
        <b>{personName(fraction.patient.name)}</b>, {fraction.patient.patient_id}, fraction {fraction.number}
      </p>
      <Notice tone="info" isQuiet>
        This marks the correction for planning and stands in the audit. Nothing is sent, nothing is treated,
        and the plan stays unapproved.
      </Notice>
      <ul class="list">
        {rung.changes.map((change) => (
          <li key={change}>{asSentence(change)}</li>
        ))}
      </ul>
      <TextField
        label="Why"
        isLong
        hasFocus
        value={draft.value.reason}
        onInput={(reason) => {
          draft.value = { ...draft.value, reason };
        }}
      />
      <SignatureFields
        legend={`Signature (${either(dose.may_choose)})`}
        value={{ name: draft.value.name, password: draft.value.password }}
        onInput={(signature) => {
          draft.value = { ...draft.value, ...signature };
        }}
      />
    </Dialog>
  );
}
