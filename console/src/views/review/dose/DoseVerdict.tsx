import type { DayDoseRecord } from "../../../api/documents";
import { asSentence } from "../../../api/problem";
import { dayAndTime } from "../../../components/format";
import { Mark } from "../../../components/Mark";
import { Notice } from "../../../components/Notice";
import { standingOf, VERDICT_WORDS } from "./doseWords";

/** What may be done with the dose of a day, and what it rests on. */
export function DoseVerdict({ dose }: { dose: DayDoseRecord }) {
  const standing = standingOf(dose);
  const { title, tone } = VERDICT_WORDS[standing];
  const reasons = dose.outdated_because === "" ? dose.reasons : [dose.outdated_because, ...dose.reasons];
  return (
    <>
      <div class={`anatomy-verdict dose-verdict notice ${tone}`} data-verdict={standing}>
        <Mark tone={tone} />
        <div>
          <p class="anatomy-verdict-title">{title}</p>
          {reasons.map((reason) => (
            <p key={reason}>{asSentence(reason)}</p>
          ))}
        </div>
        <p class="small dim">
          Computed {dayAndTime(dose.computed_at)}: {dose.algorithm}, beam data {dose.beam_data}
        </p>
      </div>
      {dose.alerts.map((alert) => (
        <Notice key={alert} tone="warn" isQuiet>
          {asSentence(alert)}
        </Notice>
      ))}
    </>
  );
}

/** What was assumed and not known, one sentence each; nothing where there is none. */
export function Assumed({ approximations }: { approximations: readonly string[] }) {
  return approximations.length === 0 ? null : (
    <details class="dose-assumed" open>
      <summary>Assumed, not known ({approximations.length})</summary>
      <ul class="list small">
        {approximations.map((one) => (
          <li key={one}>{asSentence(one)}</li>
        ))}
      </ul>
    </details>
  );
}
