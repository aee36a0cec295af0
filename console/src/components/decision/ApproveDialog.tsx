import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { approve } from "../../api/calls";
import type { ApproveRequest, Fraction, Match } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { isUnderWay } from "../../state/actions";
import { wallMs } from "../../state/clock";
import { takeStep } from "../../state/fraction";
import { session } from "../../state/session";
import { Button } from "../Button";
import { Dialog } from "../Dialog";
import { Notice, ProblemNotice } from "../Notice";
import { type TypedPose, typedCouch, usePoseFields } from "../PoseFields";
import { CouchNow, Evidence, WhatIsDone, WhatWasSeen } from "./ApproveParts";
import { checklistOf } from "./checklist";
import { isOvertaken, OvertakenNotice } from "./Overtaken";
import { SignActions } from "./SignActions";
import { Signatures } from "./Signatures";
import { SignedRecord, WaitingWords } from "./SignedRecord";
import {
  imageLeftS,
  missingForSignature,
  needsSecond,
  proposedAction,
  type SigningDraft,
  treatsOnMatch,
} from "./signing";

export interface ApproveDialogProps {
  fraction: Fraction;
  match: Match;
  /** Place of the match among those of the fraction. */
  matchIndex: number;
  /** What the page saw that was looked at, shown beside what is ticked by hand. */
  seen?: readonly { words: string; wasSeen: boolean }[];
  onClose: () => void;
  onSigned?: (fraction: Fraction) => void;
}

const emptyDraft = (fraction: Fraction): SigningDraft => ({
  action: proposedAction(fraction.signing),
  reason: "",
  first: { name: session.peek()?.name ?? "", password: "" },
  second: { name: "", password: "" },
  asksSecond: false,
  ticked: new Set(),
});

/** True where the couch has to be read by staff before something is treated on the match. */
const needsCouch = (fraction: Fraction, draft: SigningDraft): boolean =>
  fraction.room === null && draft.action !== null && treatsOnMatch(draft.action);

function requestOf(props: ApproveDialogProps, draft: SigningDraft, typed: TypedPose): ApproveRequest {
  const { fraction, match, matchIndex } = props;
  const couch = needsCouch(fraction, draft) ? typedCouch(typed, fraction.expected_pose) : null;
  return {
    seen_version: fraction.version,
    ...(couch === null ? {} : { couch }),
    action: draft.action ?? "stop",
    reason: draft.reason.trim(),
    image_uid: match.image_uid,
    match_index: matchIndex,
    signatures: signaturesOf(fraction, draft),
    ask_second: draft.asksSecond,
  };
}

function signaturesOf(fraction: Fraction, draft: SigningDraft): ApproveRequest["signatures"] {
  const option = fraction.signing.find(({ action }) => action === draft.action);
  const first = { ...draft.first, name: draft.first.name.trim() };
  const second = { ...draft.second, name: draft.second.name.trim() };
  return needsSecond(option) && !draft.asksSecond ? [first, second] : [first];
}

/** What keeps the dialog from being signed, in words. */
function missingOf(props: ApproveDialogProps, draft: SigningDraft, typed: TypedPose): string[] {
  const { fraction, match } = props;
  const image = fraction.images.find(({ uid }) => uid === match.image_uid);
  const option = fraction.signing.find(({ action }) => action === draft.action);
  const missing = missingForSignature(draft, option, checklistOf(fraction, image));
  if (needsCouch(fraction, draft) && typedCouch(typed, fraction.expected_pose) === null) {
    missing.push("Read the couch and type where it stands.");
  }
  const leftS = imageLeftS(fraction, wallMs.value);
  if (draft.action !== null && treatsOnMatch(draft.action) && leftS !== null && leftS <= 0) {
    missing.push("The image is too old to treat on: take another one.");
  }
  return missing;
}

interface Parts {
  draft: Signal<SigningDraft>;
  typed: Signal<TypedPose>;
  problem: Signal<Problem | null>;
  signed: Signal<Fraction | null>;
}

async function sign(props: ApproveDialogProps, { draft, typed, problem, signed }: Parts): Promise<void> {
  const request = requestOf(props, draft.value, typed.value);
  const outcome = await takeStep("approve", () =>
    approve(props.fraction.course_id, props.fraction.number, request),
  );
  if (outcome.kind === "busy") {
    return;
  }
  // Passwords are kept no longer than one try.
  const { first, second } = draft.value;
  draft.value = {
    ...draft.value,
    first: { ...first, password: "" },
    second: { ...second, password: "" },
  };
  if (outcome.kind === "problem") {
    problem.value = outcome.problem;
    return;
  }
  problem.value = null;
  signed.value = outcome.value;
  props.onSigned?.(outcome.value);
}

/** Sign what is done about a match: patient, numbers, image, what was looked at, who signs. */
export function ApproveDialog(latest: ApproveDialogProps) {
  // What was opened is what is signed: a later version of the fraction bars the dialog instead of changing it.
  const props = {
    ...latest,
    ...useRef({ fraction: latest.fraction, match: latest.match, matchIndex: latest.matchIndex }).current,
  };
  const { fraction, match, onClose } = props;
  const parts: Parts = {
    draft: useSignal(emptyDraft(fraction)),
    typed: usePoseFields(fraction),
    problem: useSignal<Problem | null>(null),
    signed: useSignal<Fraction | null>(null),
  };
  const { draft, problem, signed } = parts;
  if (signed.value !== null) {
    return <SignedDialog fraction={signed.value} onClose={onClose} />;
  }
  const isBusy = isUnderWay(`approve ${fraction.course_id}/${fraction.number}`);
  const overtaken = !isBusy && isOvertaken(fraction);
  const missing = missingOf(props, draft.value, parts.typed.value);
  const isReady = missing.length === 0 && !overtaken;
  return (
    <Dialog
      title="Decide and sign"
      isWide
      onCancel={onClose}
      actions={
        <SignActions
          missing={missing}
          isBusy={isBusy}
          isReady={isReady}
          onCancel={onClose}
          onSign={() => void sign(props, parts)}
        >
          {draft.value.asksSecond ? "Sign and ask for a second look" : "Sign"}
        </SignActions>
      }
    >
      {overtaken ? <OvertakenNotice /> : null}
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <div class="approve-grid">
        <Evidence fraction={fraction} match={match} />
        <div class="stack">
          <WhatIsDone fraction={fraction} draft={draft} />
          <WhatWasSeen fraction={fraction} match={match} draft={draft} seen={latest.seen ?? []} />
        </div>
        <div class="stack">
          {needsCouch(fraction, draft.value) ? (
            <CouchNow fraction={fraction} match={match} typed={parts.typed} />
          ) : null}
          <Signatures fraction={fraction} draft={draft} />
        </div>
      </div>
    </Dialog>
  );
}

/** What the service recorded. */
function SignedDialog({ fraction, onClose }: { fraction: Fraction; onClose: () => void }) {
  const decision = fraction.decisions.at(-1);
  const waiting = fraction.waiting_signature;
  return (
    <Dialog
      title={waiting === null ? "Signed and recorded" : "Signed, waiting for the second look"}
      onCancel={onClose}
      actions={
        <Button isLarge hasFocus onClick={onClose}>
          Close
        </Button>
      }
    >
      {waiting !== null ? (
        <Notice tone="warn">
          <WaitingWords waiting={waiting} />
        </Notice>
      ) : null}
      {waiting === null && decision !== undefined ? (
        <SignedRecord decision={decision} answered={fraction} />
      ) : null}
      {waiting === null && decision === undefined ? (
        <Notice tone="bad">The service returned no decision: look at the fraction before you go on.</Notice>
      ) : null}
      <p>Next: {fraction.next_steps.join("; ") || "nothing"}.</p>
    </Dialog>
  );
}
