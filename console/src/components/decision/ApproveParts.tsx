import type { Signal } from "@preact/signals";
import type { Action, Fraction, ImageLine, Match } from "../../api/documents";
import { wallMs } from "../../state/clock";
import { COUCH_AXES } from "../axes";
import { Button } from "../Button";
import { CheckField, TextField } from "../Fields";
import { axisValue, dayAndTime, lengthMm, remaining } from "../format";
import { Mark } from "../Mark";
import { PoseFields, poseAsTyped, type TypedPose } from "../PoseFields";
import { SixTable } from "../SixTable";
import { ACTION_WORDS, capital } from "../words";
import { checklistOf } from "./checklist";
import { PatientLine } from "./PatientLine";
import { imageLeftS, LEAST_REASON_WORDS, type SigningDraft, signersWords, treatsOnMatch } from "./signing";
import { Proposal, Verdict } from "./VerdictPanel";

function ImageFacts({ fraction, image }: { fraction: Fraction; image: ImageLine | undefined }) {
  const leftS = imageLeftS(fraction, wallMs.value);
  return (
    <dl class="facts">
      <dt>Image</dt>
      <dd>
        {image?.model ?? "image"}, taken {dayAndTime(image?.acquired_at)}
      </dd>
      <dt>Valid</dt>
      <dd>
        {leftS === null ? "as long as the fraction" : null}
        {leftS !== null && leftS > 0 ? `for ${remaining(leftS)} more` : null}
        {leftS !== null && leftS <= 0 ? <b class="bad-text">no longer: it is too old</b> : null}
      </dd>
    </dl>
  );
}

/** Where the couch goes by the match, absolute readings. */
function CouchGoesTo({ match }: { match: Match }) {
  const pose = match.pose;
  if (pose === null) {
    return null;
  }
  return (
    <p class="small">
      Couch would stand at{" "}
      {COUCH_AXES.filter(({ key }) => key !== "eccentric_deg" || pose.eccentric_deg !== 0)
        .map(({ key, short, unit }) => `${short} ${axisValue(pose[key], unit)}`)
        .join(", ")}
      .
    </p>
  );
}

/** Patient, image, verdict and numbers. */
export function Evidence({ fraction, match }: { fraction: Fraction; match: Match }) {
  const image = fraction.images.find(({ uid }) => uid === match.image_uid);
  return (
    <div class="stack">
      <PatientLine fraction={fraction} />
      <ImageFacts fraction={fraction} image={image} />
      <Verdict match={match} />
      <SixTable values={match.correction} deviation={match.deviation} label="Correction that is signed" />
      <p class="small">
        Left at the target {lengthMm(match.residual_mm)};{" "}
        {match.is_by_hand ? "matched by hand" : match.algorithm}.
      </p>
      <CouchGoesTo match={match} />
      {fraction.decision === null ? null : <Proposal decision={fraction.decision} />}
    </div>
  );
}

/** What is done: one of the actions that the protocol knows, with its reason where it needs one. */
export function WhatIsDone({ fraction, draft }: { fraction: Fraction; draft: Signal<SigningDraft> }) {
  const chosen = fraction.signing.find(({ action }) => action === draft.value.action);
  const choose = (action: Action) => {
    draft.value = { ...draft.value, action, asksSecond: false };
  };
  return (
    <fieldset class="choices">
      <legend>What is done</legend>
      {fraction.signing.map((option) => (
        <label key={option.action} class={`choice${option.barred_because === "" ? "" : " barred"}`}>
          <input
            type="radio"
            name="action"
            checked={option.action === draft.value.action}
            disabled={option.barred_because !== ""}
            onChange={() => choose(option.action)}
          />
          <span>
            <b>{ACTION_WORDS[option.action]}</b>
            {option.is_proposed ? <span class="proposed">protocol</span> : null}
            <br />
            <span class="dim small">
              {option.barred_because === ""
                ? signersWords(option)
                : `Not possible: ${option.barred_because}.`}
            </span>
          </span>
        </label>
      ))}
      <TextField
        label={
          chosen?.needs_reason ? `Reason (at least ${LEAST_REASON_WORDS} words)` : "Reason (if there is one)"
        }
        isLong
        value={draft.value.reason}
        onInput={(reason) => {
          draft.value = { ...draft.value, reason };
        }}
      />
    </fieldset>
  );
}

/** What was looked at, ticked line by line; for an action that treats nothing there is nothing to tick. */
export function WhatWasSeen(props: {
  fraction: Fraction;
  match: Match;
  draft: Signal<SigningDraft>;
  seen: readonly { words: string; wasSeen: boolean }[];
}) {
  const { fraction, match, draft, seen } = props;
  if (draft.value.action === null || !treatsOnMatch(draft.value.action)) {
    return null;
  }
  const image = fraction.images.find(({ uid }) => uid === match.image_uid);
  const tick = (line: string, isTicked: boolean) => {
    const ticked = new Set(draft.value.ticked);
    if (isTicked) {
      ticked.add(line);
    } else {
      ticked.delete(line);
    }
    draft.value = { ...draft.value, ticked };
  };
  return (
    <fieldset>
      <legend>What was looked at</legend>
      {checklistOf(fraction, image).map((line) => (
        <CheckField
          key={line}
          label={line}
          isChecked={draft.value.ticked.has(line)}
          onChange={(isTicked) => tick(line, isTicked)}
        />
      ))}
      {seen.map(({ words, wasSeen }) => (
        <p key={words} class="seen">
          <Mark tone={wasSeen ? "good" : "warn"} label={wasSeen ? "done" : "not done"} />
          <span>{capital(words)}</span>
        </p>
      ))}
    </fieldset>
  );
}

/** Where staff read the couch now: it has to be where it was at the image. */
export function CouchNow(props: { fraction: Fraction; match: Match; typed: Signal<TypedPose> }) {
  const { fraction, match, typed } = props;
  const image = fraction.images.find(({ uid }) => uid === match.image_uid);
  return (
    <div class="stack tight">
      <PoseFields typed={typed} fraction={fraction} legend="Couch as it reads now" />
      {image === undefined ? null : (
        <div class="buttons">
          <Button
            onClick={() => {
              typed.value = poseAsTyped(image.couch);
            }}
          >
            I read the couch: it stands as at the image
          </Button>
        </div>
      )}
    </div>
  );
}
