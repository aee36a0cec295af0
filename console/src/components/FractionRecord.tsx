import type { Fraction, JournalLine } from "../api/documents";
import { SignedRecord } from "./decision/SignedRecord";
import { dayAndTime, meterset, timeOfDay, typeset } from "./format";
import { Panel } from "./Panel";
import { Headings, TableFrame } from "./TableFrame";
import { capital } from "./words";

/** Every step of a fraction, as it was recorded. */
export function Journal({ lines }: { lines: readonly JournalLine[] }) {
  if (lines.length === 0) {
    return <p class="dim">No step has been recorded.</p>;
  }
  return (
    <TableFrame label="Journal">
      <Headings names={["At", "By", "Step", "Led to", "Details"]} />
      <tbody>
        {lines.map((line) => (
          <tr key={`${line.at} ${line.event} ${line.state_after}`}>
            <td class="nowrap">{timeOfDay(line.at)}</td>
            <td>{line.by}</td>
            <td>{capital(line.event)}</td>
            <td class="nowrap">
              {line.state_before === line.state_after ? "" : `${line.state_before} → `}
              {line.state_after}
            </td>
            <td class="wrapped">{typeset(line.detail)}</td>
          </tr>
        ))}
      </tbody>
    </TableFrame>
  );
}

function Delivered({ fraction }: { fraction: Fraction }) {
  return (
    <TableFrame label="Delivered beams">
      <Headings names={["Beam", "Planned", "Delivered"]} numbers={["Planned", "Delivered"]} />
      <tbody>
        {fraction.beams.map((beam) => (
          <tr key={beam.number}>
            <th scope="row">
              {beam.number}. {beam.name}
            </th>
            <td class="number">{meterset(beam.planned_mu)}</td>
            <td class="number strong">{meterset(beam.delivered_mu)}</td>
          </tr>
        ))}
      </tbody>
    </TableFrame>
  );
}

/** What was done in a fraction and by whom: the record of the service. */
export function FractionRecord({ fraction }: { fraction: Fraction }) {
  return (
    <section class="fraction-record" aria-label={`Record of fraction ${fraction.number}`}>
      <Panel
        title={`Record of fraction ${fraction.number}`}
        aside={
          <span class="dim small">
            {dayAndTime(fraction.started_at)} to{" "}
            {fraction.ended_at === null ? "now" : dayAndTime(fraction.ended_at)}, version {fraction.version}
          </span>
        }
      >
        <div class="columns">
          <div class="stack">
            <h3>Decisions</h3>
            {fraction.decisions.length === 0 ? <p class="dim">Nothing was decided.</p> : null}
            {fraction.decisions.map((decision, index) => (
              <SignedRecord key={`${index} ${decision.image_uid}`} decision={decision} answered={null} />
            ))}
          </div>
          <div class="stack">
            <h3>Delivered</h3>
            <Delivered fraction={fraction} />
          </div>
        </div>
        <h3>Journal</h3>
        <Journal lines={fraction.journal} />
      </Panel>
    </section>
  );
}
