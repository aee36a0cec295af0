import type { Signal } from "@preact/signals";
import type { AxisDifference } from "./axes";
import { axisValue, lengthMm, sizeDeg } from "./format";
import { Mark } from "./Mark";
import { axisProblem, type TypedPose } from "./PoseFields";
import { TableFrame } from "./TableFrame";

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
    return null;
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
      <path d="M0 7h100" class="bar-track" />
      <path d="M50 0v14" class="bar-zero" />
      <rect x={Math.min(50, place)} y="4.5" width={Math.abs(place - 50)} height="5" class="bar-value" />
      <rect x={place - 1} y="1.5" width="2" height="11" class="bar-value" />
    </svg>
  );
}

function State({ difference }: { difference: AxisDifference }) {
  const { isInTolerance, apart } = difference;
  if (apart === null) {
    return null;
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

/** A drive that staff read and type. */
function Entry({ axis, typed }: { axis: AxisDifference["axis"]; typed: Signal<TypedPose> }) {
  const text = typed.value[axis.key];
  const isWrong = text.trim() !== "" && axisProblem(text, axis.unit) !== "";
  return (
    <div class="with-unit">
      <input
        class="input number"
        type="text"
        inputMode="decimal"
        autocomplete="off"
        spellcheck={false}
        aria-label={`${axis.name} as read, ${axis.unit === "mm" ? "mm" : "degrees"}`}
        aria-invalid={isWrong}
        title={isWrong ? axisProblem(text, axis.unit) : undefined}
        value={text}
        onInput={(event) => {
          typed.value = { ...typed.value, [axis.key]: event.currentTarget.value };
        }}
      />
      <span class="unit">{axis.unit}</span>
    </div>
  );
}

function Row({ difference, typed }: { difference: AxisDifference; typed: Signal<TypedPose> | undefined }) {
  const { axis, expected, read, apart, isInTolerance } = difference;
  return (
    <tr class={isInTolerance === false ? "beyond" : ""}>
      <th scope="row">
        <abbr title={`${axis.name}, + ${axis.positive}`}>{axis.short}</abbr>
      </th>
      <td class="number">
        {expected === null ? <span class="dim">none</span> : axisValue(expected, axis.unit)}
      </td>
      {typed === undefined ? (
        <td class="number">
          {read === null ? <span class="dim">not read</span> : axisValue(read, axis.unit)}
        </td>
      ) : (
        <td class="entry">
          <Entry axis={axis} typed={typed} />
        </td>
      )}
      <td class="number strong">{apart === null ? "" : axisValue(apart, axis.unit)}</td>
      <td class="bar-cell">
        <Bar difference={difference} />
      </td>
      <td class="nowrap">
        <State difference={difference} />
      </td>
    </tr>
  );
}

/** The tolerance in words; the same for all shifts, and for all turns. */
function toleranceWords(differences: readonly AxisDifference[]): string {
  if (differences.every(({ expected }) => expected === null)) {
    return "There is nothing to compare with.";
  }
  const of = (unit: "mm" | "°") => differences.find(({ axis }) => axis.unit === unit)?.tolerance ?? null;
  const [mm, deg] = [of("mm"), of("°")];
  return mm === null || deg === null
    ? "No tolerance is set for this comparison: it is for the eye."
    : `In place within ±${lengthMm(mm)} and ±${sizeDeg(deg)} of each axis.`;
}

/**
 * Where the couch has to stand against where it stands, axis by axis.
 *
 * @param typed - Fields for a reading that staff type, in place of one that a room gives.
 */
export function CouchTable(props: {
  differences: readonly AxisDifference[];
  label: string;
  expectedWords?: string;
  readWords?: string;
  typed?: Signal<TypedPose>;
}) {
  return (
    <div class="stack tight">
      <TableFrame label={props.label} table="couch-table">
        <thead>
          <tr>
            <th scope="col">Axis</th>
            <th scope="col" class="number">
              {props.expectedWords ?? "Expected"}
            </th>
            <th scope="col" class={props.typed === undefined ? "number" : ""}>
              {props.readWords ?? "Read"}
            </th>
            <th scope="col" class="number">
              Difference
            </th>
            <th scope="col">
              <span class="visually-hidden">Bar</span>
            </th>
            <th scope="col">
              <span class="visually-hidden">State</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {props.differences.map((one) => (
            <Row key={one.axis.key} difference={one} typed={props.typed} />
          ))}
        </tbody>
      </TableFrame>
      <p class="dim small">{toleranceWords(props.differences)}</p>
    </div>
  );
}
