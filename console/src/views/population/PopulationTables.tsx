import type { Estimate, PopulationReview } from "../../api/documents";
import { SIX_AXES } from "../../components/axes";
import { axisValue, counted, estimate, lengthMm, percent, plain } from "../../components/format";
import { Panel } from "../../components/Panel";
import { Headings, TableFrame } from "../../components/TableFrame";
import { capital } from "../../components/words";

type Group = PopulationReview["groups"][number];

const axisName = (key: string): string => SIX_AXES.find((axis) => axis.key === key)?.name ?? key;
const axisUnit = (key: string): "mm" | "°" => SIX_AXES.find((axis) => axis.key === key)?.unit ?? "mm";

/** Headings of a table whose columns after the first hold numbers. */
function Heads({ names, first }: { names: readonly string[]; first: string }) {
  return <Headings names={[first, ...names]} numbers={names} />;
}

/** M, Σ and σ of each axis of a group. */
function AxesOfGroup({ group }: { group: Group }) {
  return (
    <TableFrame label="Axes of the group">
      <Heads first="Axis" names={["M (mean)", "Σ (systematic)", "σ (random)"]} />
      <tbody>
        {group.axes.map((axis) => (
          <tr key={axis.axis}>
            <th scope="row">{axisName(axis.axis)}</th>
            <td class="number">{estimate(axis.mean, axisUnit(axis.axis))}</td>
            <td class="number">{estimate(axis.systematic, axisUnit(axis.axis), false)}</td>
            <td class="number">{estimate(axis.random, axisUnit(axis.axis), false)}</td>
          </tr>
        ))}
      </tbody>
    </TableFrame>
  );
}

/** What each recipe asks for. */
function Margins({ margins }: { margins: Group["margins"] }) {
  return (
    <TableFrame label="Margins">
      <Heads first="Margin recipe" names={["LAT", "LNG", "VRT"]} />
      <tbody>
        {margins.map((margin) => (
          <tr key={margin.name}>
            <th scope="row">
              {margin.name} <span class="dim">{margin.formula}</span>
              <p class="dim small light">
                {capital(margin.assumes)}. {margin.source}.
              </p>
            </th>
            {margin.mm.map((value, index) => (
              <td key={`${index} ${value.value}`} class="number">
                {estimate(value, "mm", false)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </TableFrame>
  );
}

/** One group: its errors, lengths and margins. */
export function GroupPanel({ group }: { group: Group }) {
  const { lengths } = group;
  return (
    <Panel
      title={`${capital(group.name)}: errors ${group.position}`}
      aside={
        <span class="dim small">
          {counted(group.patients, "patient")}, {counted(group.measurements, "measurement")}; value (95 %
          interval)
        </span>
      }
    >
      {group.not_available === "" ? null : <p class="dim">{capital(group.not_available)}</p>}
      <AxesOfGroup group={group} />
      {lengths === null ? null : (
        <p>
          Length of the shift: mean {lengthMm(lengths.mean_mm)}, median {lengthMm(lengths.median_mm)}, 95 %
          within {lengthMm(lengths.p95_mm)}, largest {lengthMm(lengths.largest_mm)}.
        </p>
      )}
      {group.margins.length === 0 ? null : <Margins margins={group.margins} />}
    </Panel>
  );
}

/** Patients who stand out or drift. */
export function Outliers({ review }: { review: PopulationReview }) {
  return (
    <Panel title="Patients who stand out">
      {review.outliers.length === 0 && review.drifts.length === 0 ? (
        <p class="dim">
          Nobody stands out, and nobody drifts ({counted(review.drifts_tested, "drift")} tested).
        </p>
      ) : (
        <TableFrame label="Patients who stand out">
          <Heads first="Patient" names={["Axis", "By", "Value", "Score or adjusted p"]} />
          <tbody>
            {review.outliers.map((one) => (
              <tr key={`${one.course_id} ${one.axis} ${one.by}`}>
                <th scope="row">
                  {one.patient} <span class="dim small">{one.course_id}</span>
                </th>
                <td class="number">{axisName(one.axis)}</td>
                <td class="number">{one.by}</td>
                <td class="number">{axisValue(one.value, axisUnit(one.axis))}</td>
                <td class="number">z {plain(one.score, 1)}</td>
              </tr>
            ))}
            {review.drifts.map((one) => (
              <tr key={`drift ${one.course_id} ${one.axis}`}>
                <th scope="row">
                  {one.patient} <span class="dim small">{one.course_id}</span>
                </th>
                <td class="number">{axisName(one.axis)}</td>
                <td class="number">drift per fraction</td>
                <td class="number">{axisValue(one.per_fraction, axisUnit(one.axis), 2)}</td>
                <td class="number">p {plain(one.adjusted, 3)}</td>
              </tr>
            ))}
          </tbody>
        </TableFrame>
      )}
    </Panel>
  );
}

const lengthOf = (value: Estimate | undefined): string => estimate(value, "mm", false);

/** What other schemes of imaging would have left. */
export function Schemes({ review }: { review: PopulationReview }) {
  if (review.schemes.length === 0) {
    return null;
  }
  return (
    <Panel title="What other schemes would have left">
      <TableFrame label="Other schemes">
        <Heads first="Scheme" names={["Images a patient", "Σ LAT", "Σ LNG", "Σ VRT", "95 % within"]} />
        <tbody>
          {review.schemes.map((scheme) => (
            <tr key={scheme.name}>
              <th scope="row">{scheme.name}</th>
              <td class="number">{plain(scheme.images_per_patient, 1)}</td>
              {[0, 1, 2].map((axis) => (
                <td key={axis} class="number">
                  {lengthOf(scheme.axes[axis]?.systematic)}
                </td>
              ))}
              <td class="number">{lengthMm(scheme.lengths?.p95_mm)}</td>
            </tr>
          ))}
        </tbody>
      </TableFrame>
    </Panel>
  );
}

const rate = (value: Estimate | null): string =>
  value === null
    ? "not available"
    : `${percent(value.value)} (${percent(value.low)} to ${percent(value.high)})`;

/** How the fractions were conducted. */
export function Conduct({ review }: { review: PopulationReview }) {
  return (
    <Panel title="Conduct">
      <TableFrame label="Conduct">
        <Heads
          first="Group"
          names={["Fractions", "Images", "Imaged", "Imaged again", "Overridden", "Stopped"]}
        />
        <tbody>
          {review.groups
            .filter((group, index, all) => all.findIndex(({ name }) => name === group.name) === index)
            .map(({ name, conduct }) => (
              <tr key={name}>
                <th scope="row">{capital(name)}</th>
                <td class="number">{conduct.fractions}</td>
                <td class="number">{conduct.images}</td>
                <td class="number">{rate(conduct.imaged)}</td>
                <td class="number">{rate(conduct.imaged_again)}</td>
                <td class="number">{rate(conduct.overridden)}</td>
                <td class="number">{rate(conduct.stopped)}</td>
              </tr>
            ))}
        </tbody>
      </TableFrame>
    </Panel>
  );
}
