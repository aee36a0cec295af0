import type { Six } from "../api/documents";
import { SIX_AXES } from "./axes";
import { axisValue, deviation } from "./format";

/** The six numbers of a correction, each with its sign, unit and standard deviation. */
export function SixTable(props: { values: Six | null; deviation?: Six | null; label: string }) {
  const hasDeviation = props.deviation !== undefined;
  return (
    <table class="table six-table" aria-label={props.label}>
      <thead>
        <tr>
          <th scope="col">Axis</th>
          <th scope="col" class="number">
            Couch moves
          </th>
          {hasDeviation ? (
            <th scope="col" class="number">
              Uncertainty (1 SD)
            </th>
          ) : null}
        </tr>
      </thead>
      <tbody>
        {SIX_AXES.map((axis) => (
          <tr key={axis.key}>
            <th scope="row">
              <abbr title={`${axis.name}, + ${axis.positive}`}>{axis.short}</abbr>
            </th>
            <td class="number strong">{axisValue(props.values?.[axis.key], axis.unit)}</td>
            {hasDeviation ? (
              <td class="number">{deviation(props.deviation?.[axis.key], axis.unit)}</td>
            ) : null}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
