import type { Assessment, StructureOfDay } from "../../../api/documents";
import { percent, plain, signed } from "../../../components/format";
import { TableFrame } from "../../../components/TableFrame";
import { sidesWords } from "../../align/ultrasound";
import { Band, markOf } from "../day/DayVerdict";
import { standingOf } from "../day/standing";

/** A structure of which the day's image shows this share is shown whole: nodes are coarse. */
const WHOLLY_SEEN = 0.995;
const COLUMNS = ["Planned", "Today ± SD", "Change", "Centre has moved", "Extent LR × AP × HF"] as const;

/** The target and the organs as planned and as they are today. */
export function StructureTable({ assessment }: { assessment: Assessment }) {
  const standing = standingOf(assessment);
  const hasDrawn = assessment.structures.some(({ dice }) => dice !== null);
  return (
    <TableFrame label="Structures" frame={markOf(standing)}>
      <thead>
        <tr>
          <th scope="col">Structure</th>
          {COLUMNS.map((name) => (
            <th key={name} scope="col" class={name.startsWith("Centre") ? "" : "number"}>
              {name}
            </th>
          ))}
          <th scope="col" class="number">
            <abbr title="95th percentile of the distance of the surface from where it was planned">
              Surface 95 %
            </abbr>
          </th>
          {hasDrawn ? (
            <th scope="col" class="number">
              <abbr title="overlap with what was drawn on the day's image, and mean distance">Drawn</abbr>
            </th>
          ) : null}
        </tr>
      </thead>
      <tbody>
        <Band standing={standing} columns={COLUMNS.length + (hasDrawn ? 3 : 2)} />
        {assessment.structures.map((one) => (
          <Row key={one.name} one={one} hasDrawn={hasDrawn} />
        ))}
      </tbody>
    </TableFrame>
  );
}

function Row({ one, hasDrawn }: { one: StructureOfDay; hasDrawn: boolean }) {
  return (
    <tr>
      <th scope="row">
        {one.name}
        {one.is_target ? <span class="dim small"> target</span> : null}
        {one.seen_fraction < WHOLLY_SEEN ? (
          <p class="warn-text small">{percent(one.seen_fraction)} of it seen</p>
        ) : null}
      </th>
      <td class="number nowrap">{plain(one.planned_volume_ml, 1)} ml</td>
      <td class="number nowrap">
        {plain(one.volume_ml, 1)} ± {plain(one.volume_sigma_ml, 1)} ml
      </td>
      <td class="number nowrap">
        <b>{signed(one.volume_change_percent, 1)} %</b>
      </td>
      <td class="nowrap">
        <b>{plain(Math.hypot(...one.shift_mm), 1)} mm</b>{" "}
        <span class="dim">{sidesWords(one.shift_mm, 1)}</span>
      </td>
      <td class="number nowrap">
        {sizes(one.extent_mm)} mm
        <br />
        <span class="dim small">planned {sizes(one.planned_extent_mm)}</span>
      </td>
      <td class="number nowrap">
        {plain(one.surface_p95_mm, 1)} mm
        <br />
        <span class="dim small">mean {signed(one.surface_mean_mm, 1)}</span>
      </td>
      {hasDrawn ? (
        <td class="number nowrap">
          {plain(one.dice, 2)}
          <br />
          <span class="dim small">{plain(one.mean_distance_mm, 1)} mm</span>
        </td>
      ) : null}
    </tr>
  );
}

const sizes = (mm: readonly number[]): string => mm.map((one) => plain(one, 0)).join(" × ");
