import type { Assessment } from "../../../api/documents";
import { asSentence } from "../../../api/problem";
import { dayAndTime } from "../../../components/format";
import { Mark } from "../../../components/Mark";
import { Notice } from "../../../components/Notice";
import { standingOf, VERDICT_WORDS } from "./verdictWords";

/** What may be done with an assessment, and what it rests on. */
export function Verdict({ assessment }: { assessment: Assessment }) {
  const standing = standingOf(assessment);
  const { title, tone } = VERDICT_WORDS[standing];
  const reasons =
    assessment.outdated_because === ""
      ? assessment.reasons
      : [assessment.outdated_because, ...assessment.reasons];
  return (
    <>
      <div class={`anatomy-verdict notice ${tone}`} data-verdict={standing}>
        <Mark tone={tone} />
        <div>
          <p class="anatomy-verdict-title">{title}</p>
          {reasons.map((reason) => (
            <p key={reason}>{asSentence(reason)}</p>
          ))}
        </div>
        <p class="small dim">
          Assessed {dayAndTime(assessment.assessed_at)} by {assessment.algorithm} {assessment.version}
        </p>
      </div>
      {assessment.alerts.map((alert) => (
        <Notice key={alert} tone="warn" isQuiet>
          {asSentence(alert)}
        </Notice>
      ))}
      {assessment.approximations.length === 0 ? null : (
        <div>
          <h3>Assumed, not seen</h3>
          <ul class="list small">
            {assessment.approximations.map((one) => (
              <li key={one}>{asSentence(one)}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}
