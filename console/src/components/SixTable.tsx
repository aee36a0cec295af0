import type { Six } from "../api/documents";
import { SIX_AXES } from "./axes";
import { axisValue, deviation } from "./format";

/** The six numbers of a correction, each with its name, sign, unit and standard deviation. */
export function SixTable(props: { values: Six | null; deviation?: Six | null; label: string }) {
  const hasDeviation = props.deviation !== undefined;
  return (
    <dl class="six-grid" aria-label={props.label}>
      {SIX_AXES.map((axis) => (
        <div key={axis.key}>
          <dt class="dim small">
            <abbr title={`${axis.name}, + ${axis.positive}`}>{axis.short}</abbr>
            {hasDeviation ? (
              <span title="standard deviation">{deviation(props.deviation?.[axis.key], axis.unit)}</span>
            ) : null}
          </dt>
          <dd>{axisValue(props.values?.[axis.key], axis.unit)}</dd>
        </div>
      ))}
    </dl>
  );
}
