import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { signSecond } from "../../api/calls";
import type { Fraction, WaitingSignature } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { isUnderWay } from "../../state/actions";
import { wallMs } from "../../state/clock";
import { takeStep } from "../../state/fraction";
import { session } from "../../state/session";
import { Button } from "../Button";
import { Dialog } from "../Dialog";
import { TextField } from "../Fields";
import { Notice, ProblemNotice } from "../Notice";
import { typedCouch, usePoseFields } from "../PoseFields";
import { either, typedWords } from "../words";
import { CouchNow, Evidence } from "./ApproveParts";
import { isOvertaken, OvertakenNotice } from "./Overtaken";
import { SignActions } from "./SignActions";
import { SignatureFields } from "./SignatureFields";
import { SignedRecord, WaitingWords } from "./SignedRecord";
import { isSamePerson, LEAST_REASON_WORDS } from "./signing";

/** What is missing of an answer to a second look, in words. */
export function missingOfAnswer(
  draft: { agree: boolean | null; reason: string; signature: { name: string; password: string } },
  waiting: WaitingSignature,
  nowMs: number,
): string[] {
  const found: string[] = [];
  if (Date.parse(waiting.expires_at) <= nowMs) {
    found.push("The first signature has expired: sign anew.");
  }
  if (draft.agree === null) {
    found.push("Say whether you agree.");
  }
  if (draft.agree === false && typedWords(draft.reason) < LEAST_REASON_WORDS) {
    found.push(`Say why not in at least ${LEAST_REASON_WORDS} words.`);
  }
  if (draft.signature.name.trim() === "" || draft.signature.password === "") {
    found.push("Sign with name and password.");
  } else if (isSamePerson(draft.signature.name, waiting.by)) {
    found.push("Another person than the first has to sign.");
  } else if (isSamePerson(draft.signature.name, waiting.not_second)) {
    found.push(`${waiting.not_second} matched by hand and cannot be the second person.`);
  }
  return found;
}

/** Answer a first signature that waits: a second person looks, agrees or not, and signs. */
export function SecondLookDialog(latest: {
  fraction: Fraction;
  waiting: WaitingSignature;
  onClose: () => void;
}) {
  const { fraction, waiting } = useRef(latest).current;
  const { onClose } = latest;
  const match = fraction.matches.at(-1);
  const who = session.value?.name ?? "";
  const draft = useSignal<{
    agree: boolean | null;
    reason: string;
    signature: { name: string; password: string };
  }>({ agree: null, reason: "", signature: { name: who === waiting.by ? "" : who, password: "" } });
  const typed = usePoseFields(fraction);
  const problem = useSignal<Problem | null>(null);
  const signed = useSignal<Fraction | null>(null);
  const missing = missingOfAnswer(draft.value, waiting, wallMs.value);
  const isBusy = isUnderWay(`second signature ${fraction.course_id}/${fraction.number}`);
  const overtaken = !isBusy && isOvertaken(fraction);
  const needsCouch = fraction.room === null && draft.value.agree === true;
  const couch = needsCouch ? typedCouch(typed.value, fraction.expected_pose) : null;
  if (needsCouch && couch === null) {
    missing.push("Read the couch and type where it stands.");
  }
  const send = async () => {
    const { agree, reason, signature } = draft.value;
    const outcome = await takeStep("second signature", () =>
      signSecond(fraction.course_id, fraction.number, {
        seen_version: fraction.version,
        ...(couch === null ? {} : { couch }),
        signature: { ...signature, name: signature.name.trim() },
        agree: agree === true,
        reason: reason.trim(),
      }),
    );
    draft.value = { ...draft.value, signature: { ...signature, password: "" } };
    if (outcome.kind === "problem") {
      problem.value = outcome.problem;
    } else if (outcome.kind === "done") {
      signed.value = outcome.value;
    }
  };
  if (signed.value !== null) {
    return <Answered fraction={signed.value} agreed={draft.value.agree === true} onClose={onClose} />;
  }
  return (
    <Dialog
      title="Second look"
      isWide
      onCancel={onClose}
      actions={
        <SignActions
          missing={missing}
          isBusy={isBusy}
          isReady={missing.length === 0 && !overtaken}
          onCancel={onClose}
          onSign={() => void send()}
        >
          {draft.value.agree === false ? "Sign that you do not agree" : "Sign that you agree"}
        </SignActions>
      }
    >
      {overtaken ? <OvertakenNotice /> : null}
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <Notice tone="warn">
        <WaitingWords waiting={waiting} />
      </Notice>
      <div class="approve-grid">
        {match === undefined ? <p>There is no match.</p> : <Evidence fraction={fraction} match={match} />}
        <div class="stack">
          <Answer draft={draft.value} onChange={(change) => (draft.value = { ...draft.value, ...change })} />
          {needsCouch && match !== undefined ? (
            <CouchNow fraction={fraction} match={match} typed={typed} />
          ) : null}
          <SignatureFields
            legend={`Second person (${either(waiting.roles)})`}
            value={draft.value.signature}
            onInput={(signature) => (draft.value = { ...draft.value, signature })}
          />
        </div>
      </div>
    </Dialog>
  );
}

/** What the service recorded. */
function Answered(props: { fraction: Fraction; agreed: boolean; onClose: () => void }) {
  const { fraction, agreed, onClose } = props;
  const last = fraction.decisions.at(-1);
  return (
    <Dialog
      title="Answered and recorded"
      onCancel={onClose}
      actions={
        <Button isLarge hasFocus onClick={onClose}>
          Close
        </Button>
      }
    >
      {agreed && last !== undefined ? (
        <SignedRecord decision={last} answered={fraction} />
      ) : (
        <Notice tone="warn">The answer was recorded; nothing is treated on the first signature.</Notice>
      )}
    </Dialog>
  );
}

/** Agree or not; nothing is chosen beforehand. */
function Answer(props: {
  draft: { agree: boolean | null; reason: string };
  onChange: (change: { agree?: boolean; reason?: string }) => void;
}) {
  const { draft, onChange } = props;
  return (
    <fieldset class="choices">
      <legend>I looked at images and numbers myself</legend>
      <label class="choice">
        <input
          type="radio"
          name="agree"
          checked={draft.agree === true}
          onChange={() => onChange({ agree: true })}
        />
        <span>and I agree with the match and what is done about it</span>
      </label>
      <label class="choice">
        <input
          type="radio"
          name="agree"
          checked={draft.agree === false}
          onChange={() => onChange({ agree: false })}
        />
        <span>and I do not agree</span>
      </label>
      <TextField label="Reason" isLong value={draft.reason} onInput={(reason) => onChange({ reason })} />
    </fieldset>
  );
}
