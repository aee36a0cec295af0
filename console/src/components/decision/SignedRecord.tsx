import type { Fraction, SignedDecision, WaitingSignature } from "../../api/documents";
import { dayAndTime, timeOfDay } from "../format";
import { Mark } from "../Mark";
import { actionWords, either } from "../words";

/**
 * A decision as the service recorded it, not as the page sent it.
 *
 * @param answered - What the signature was answered with: its newest step is shown; null for an older decision.
 */
export function SignedRecord(props: { decision: SignedDecision; answered: Fraction | null }) {
  const { decision, answered } = props;
  const line = answered?.journal.at(-1);
  return (
    <div class="record" role="status">
      <p class="verdict-line">
        <Mark tone={decision.is_override ? "warn" : "good"} label="Signed" />
        <b>
          Signed: {actionWords(decision.action)}
          {decision.is_override ? `, although the protocol says: ${actionWords(decision.proposed)}` : ""}
        </b>
      </p>
      <dl class="facts">
        <dt>By</dt>
        <dd>
          {decision.by} ({decision.role})
        </dd>
        {decision.second === "" ? null : (
          <>
            <dt>Second look</dt>
            <dd>{decision.second}</dd>
          </>
        )}
        <dt>Rule</dt>
        <dd>{decision.rule}</dd>
        {decision.reason === "" ? null : (
          <>
            <dt>Reason</dt>
            <dd>{decision.reason}</dd>
          </>
        )}
        <dt>Image</dt>
        <dd class="mono">{decision.image_uid}</dd>
        {answered === null || line === undefined ? null : (
          <>
            <dt>In the record</dt>
            <dd>
              {dayAndTime(line.at)}: {line.event}, version {answered.version}
            </dd>
          </>
        )}
      </dl>
    </div>
  );
}

/** A first signature that waits for a second person. */
export function WaitingWords({ waiting }: { waiting: WaitingSignature }) {
  return (
    <>
      <b>
        {waiting.by} ({waiting.role}) asks for a second look
      </b>
      : {actionWords(waiting.action).toLowerCase()}
      {waiting.reason === "" ? "" : `, because: ${waiting.reason}`}. Asked at {timeOfDay(waiting.asked_at)},
      valid until {timeOfDay(waiting.expires_at)}; {either(waiting.roles)} may answer.
    </>
  );
}
