import type { AxisDifference } from "./axes";
import { axisValue, lengthMm, sizeDeg } from "./format";
import { Mark } from "./Mark";

/** A bar reaches so many tolerances to each side. */
const REACH = 3;

/** Where a difference lies on its bar, 0 to 100; held at the ends. */
export function barPlace(apart: number, tolerance: number): number {
  const share = tolerance > 0 ? apart / (tolerance * REACH) : Math.sign(apart);
  return 50 + 50 * Math.min(1, Math.max(-1, share));
}

/** The difference on a line, with the tolerance as a box about zero. */
function Bar({ difference }: { difference: AxisDifference }) {
  const { apart, tolerance, isInTolerance } = difference;
  if (apart === null || tolerance === null) {
    return <span class="dim">–</span>;
  }
  const half = 50 / REACH;
  const place = barPlace(apart, tolerance);
  return (
    <svg
      class={`bar${isInTolerance ? "" : " beyond"}`}
      viewBox="0 0 100 14"
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <rect x={50 - half} y="1" width={2 * half} height="12" class="bar-tolerance" />
      <path d="M50 0v14" class="bar-zero" />
      <rect x={Math.min(50, place)} y="4.5" width={Math.abs(place - 50)} height="5" class="bar-value" />
      <rect x={place - 1} y="1.5" width="2" height="11" class="bar-value" />
    </svg>
  );
}

function State({ difference }: { difference: AxisDifference }) {
  const { isInTolerance, apart } = difference;
  if (apart === null) {
    return <span class="dim">not read</span>;
  }
  if (isInTolerance === null) {
    return <span class="dim">compare</span>;
  }
  return (
    <span class="seen">
      <Mark tone={isInTolerance ? "good" : "bad"} />
      {isInTolerance ? "in place" : "beyond"}
    </span>
  );
}

/** Where the couch has to stand against where it stands, axis by axis. */
export function CouchTable(props: {
  differences: readonly AxisDifference[];
  label: string;
  expectedWords?: string;
  readWords?: string;
}) {
  const heads = [props.expectedWords ?? "Expected", props.readWords ?? "Read", "Difference", "Tolerance"];
  return (
    <div class="table-frame">
      <table class="table couch-table" aria-label={props.label}>
        <thead>
          <tr>
            <th scope="col">Axis</th>
            {heads.map((head) => (
              <th key={head} scope="col" class="number">
                {head}
              </th>
            ))}
            <th scope="col">
              <span class="visually-hidden">Bar</span>
            </th>
            <th scope="col">Is</th>
          </tr>
        </thead>
        <tbody>
          {props.differences.map((one) => (
            <tr key={one.axis.key} class={one.isInTolerance === false ? "beyond" : ""}>
              <th scope="row">
                <abbr title={`${one.axis.name}, + ${one.axis.positive}`}>{one.axis.short}</abbr>
              </th>
              <td class="number">{axisValue(one.expected, one.axis.unit)}</td>
              <td class="number">{axisValue(one.read, one.axis.unit)}</td>
              <td class="number strong">{axisValue(one.apart, one.axis.unit)}</td>
              <td class="number dim">
                {one.tolerance === null
                  ? "none"
                  : `±${one.axis.unit === "mm" ? lengthMm(one.tolerance) : sizeDeg(one.tolerance)}`}
              </td>
              <td class="bar-cell">
                <Bar difference={one} />
              </td>
              <td class="nowrap">
                <State difference={one} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
