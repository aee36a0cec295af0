import type { ComponentChildren } from "preact";
import { asSentence } from "../../../api/problem";
import { Mark } from "../../../components/Mark";
import { Notice } from "../../../components/Notice";
import { type DayRecord, type Standing, standingOf, VERDICT_WORDS } from "./standing";

/** What may be done with what was found out about a day, and why; ``children`` say how it was made. */
export function DayVerdict({ record, children }: { record: DayRecord; children: ComponentChildren }) {
  const standing = standingOf(record);
  const { title, tone } = VERDICT_WORDS[standing];
  const reasons =
    record.outdated_because === "" ? record.reasons : [record.outdated_because, ...record.reasons];
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
        <p class="small dim">{children}</p>
      </div>
      {record.alerts.map((alert) => (
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

/** A line across a table that nobody may decide by. */
export function Band({ standing, columns }: { standing: Standing; columns: number }) {
  return standing === "for decision" ? null : (
    <tr>
      <td class="anatomy-band" colSpan={columns}>
        {VERDICT_WORDS[standing].title}
      </td>
    </tr>
  );
}

/** The class of a table that nobody may decide by. */
export const markOf = (standing: Standing): string => (standing === "for decision" ? "" : "anatomy-marked");
