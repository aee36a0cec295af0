import type { CourseReview, FractionRecord, Six } from "../../api/documents";
import { SIX_AXES } from "../../components/axes";
import { axisValue, day, estimate, meterset, NOT_AVAILABLE, plain, signed } from "../../components/format";
import { Panel } from "../../components/Panel";
import { Headings, TableFrame } from "../../components/TableFrame";
import { capital, stateWords } from "../../components/words";

/** The six numbers with their signs in one cell; their units stand in the head of the column. */
function SixCell({ six }: { six: Six | null }) {
  if (six === null) {
    return <span class="dim">{NOT_AVAILABLE}</span>;
  }
  return (
    <span class="six-cell">
      {SIX_AXES.map(({ key, unit }) => (
        <span key={key}>
          {signed(six[key], 1)}
          {unit === "°" ? "°" : ""}
        </span>
      ))}
    </span>
  );
}

function FractionRow({ line }: { line: FractionRecord }) {
  return (
    <tr>
      <th scope="row" class="number">
        {line.number}
      </th>
      <td class="nowrap">
        {day(line.at)}
        <br />
        <span class="dim small">{stateWords(line.state)}</span>
      </td>
      <td>
        <SixCell six={line.measured} />
      </td>
      <td>
        <SixCell six={line.applied} />
      </td>
      <td>
        <SixCell six={line.residual} />
      </td>
      <td>
        {line.action === "" ? <span class="dim">none</span> : capital(line.action)}
        {line.rule === "" ? null : <p class="dim small">{line.rule}</p>}
        {line.overrides.map((override) => (
          <p key={override} class="warn-text small">
            Override: {override}
          </p>
        ))}
      </td>
      <td class="number">{line.images}</td>
      <td class="number">{meterset(line.delivered_mu)}</td>
    </tr>
  );
}

/** Each fraction: what was measured, done, left, decided and given. */
export function FractionTable({ review }: { review: CourseReview }) {
  const axes = SIX_AXES.map(({ short }) => short).join(", ");
  return (
    <Panel
      title="Fractions in numbers"
      aside={<span class="dim small">six numbers: {axes}, in mm and °</span>}
    >
      <TableFrame label="Fractions in numbers">
        <Headings
          names={["No.", "Day", "Called for", "Couch moved", "Left", "Decision", "Images", "Delivered"]}
          numbers={["No.", "Images", "Delivered"]}
        />
        <tbody>
          {review.fractions.map((line) => (
            <FractionRow key={line.number} line={line} />
          ))}
        </tbody>
      </TableFrame>
    </Panel>
  );
}

type AxisRecord = CourseReview["axes"][number];

function AxisRow({ record }: { record: AxisRecord }) {
  const axis = SIX_AXES.find(({ key }) => key === record.axis);
  const unit = axis?.unit ?? "mm";
  const change = record.change;
  return (
    <tr>
      <th scope="row">{axis?.name ?? record.axis}</th>
      <td class="number">{estimate(record.mean, unit)}</td>
      <td class="number">{estimate(record.deviation, unit, false)}</td>
      <td class="number">{estimate(record.trend?.slope, unit)}</td>
      <td class="number">{plain(record.drifts?.adjusted, 3)}</td>
      <td>
        {change === null
          ? NOT_AVAILABLE
          : `from fraction ${change.from_fraction}: ${axisValue(change.before, unit)} to ${axisValue(change.after, unit)}`}
      </td>
    </tr>
  );
}

const OF_AXES = ["Mean", "Spread (SD)", "Trend per fraction", "p of a drift, adjusted"];

/** Mean, spread and trend of each axis with 95 % intervals. */
export function AxesTable({ review }: { review: CourseReview }) {
  return (
    <Panel title="Axes" aside={<span class="dim small">value (95 % interval)</span>}>
      <TableFrame label="Axes">
        <Headings names={["Axis", ...OF_AXES, "Likeliest change"]} numbers={OF_AXES} />
        <tbody>
          {review.axes.map((record) => (
            <AxisRow key={record.axis} record={record} />
          ))}
        </tbody>
      </TableFrame>
    </Panel>
  );
}

const OF_DOSES = ["Exposures", "Per exposure", "Total"];

/** Imaging dose per metric. */
export function DosesTable({ review }: { review: CourseReview }) {
  return (
    <Panel title="Imaging dose">
      {review.doses.length === 0 ? (
        <p class="dim">No exposure said what it cost.</p>
      ) : (
        <TableFrame label="Imaging dose per metric">
          <Headings names={["Metric", ...OF_DOSES]} numbers={OF_DOSES} />
          <tbody>
            {review.doses.map((dose) => (
              <tr key={dose.metric}>
                <th scope="row">{dose.metric}</th>
                <td class="number">{dose.exposures}</td>
                <td class="number">{plain(dose.per_exposure, 2)}</td>
                <td class="number">{plain(dose.total, 2)}</td>
              </tr>
            ))}
          </tbody>
        </TableFrame>
      )}
    </Panel>
  );
}
