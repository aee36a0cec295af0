import type { Fraction } from "../../api/documents";
import { dayAndTime, remaining } from "../../components/format";
import { Mark } from "../../components/Mark";
import { Panel } from "../../components/Panel";
import { SixTable } from "../../components/SixTable";
import { actionWords } from "../../components/words";
import { wallMs } from "../../state/clock";

/** How long something is still valid, in words. */
function Until({ iso, words }: { iso: string | null; words: string }) {
  if (iso === null) {
    return null;
  }
  const leftS = (Date.parse(iso) - wallMs.value) / 1000;
  return (
    <p class="seen">
      <Mark tone={leftS <= 0 ? "bad" : leftS < 60 ? "warn" : "info"} />
      <span>
        {words} {leftS <= 0 ? <b>has expired</b> : <>is valid for {remaining(leftS)} more</>}
      </span>
    </p>
  );
}

/** What was approved, by whom, and how long it holds. */
export function OrderPanel({ fraction }: { fraction: Fraction }) {
  const newest = fraction.decisions.at(-1);
  const decision = newest?.action === "correct" || newest?.action === "no correction" ? newest : undefined;
  return (
    <Panel title="Approved order">
      {decision === undefined ? (
        <p class="dim">Nothing has been approved in this fraction.</p>
      ) : (
        <p>
          <b>{actionWords(decision.action)}</b>, signed by <b>{decision.by}</b> ({decision.role})
          {decision.second === "" ? "" : `, second look by ${decision.second}`}
          {decision.is_override
            ? `, although the protocol says '${decision.proposed}': ${decision.reason}`
            : ""}
        </p>
      )}
      {fraction.correction === null ? null : (
        <SixTable values={fraction.correction} label="What the approved order does" />
      )}
      <Until iso={fraction.approval_expires_at} words="The approval" />
      <Until iso={fraction.image_valid_until} words="The image" />
      {fraction.images.length === 0 ? null : (
        <p class="dim small">Newest image: {dayAndTime(fraction.images.at(-1)?.acquired_at)}</p>
      )}
    </Panel>
  );
}
