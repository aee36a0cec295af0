import type { DayDoseRecord, DoseGoal, StructureDose } from "../../../api/documents";
import { plain } from "../../../components/format";
import { Mark } from "../../../components/Mark";
import { TableFrame } from "../../../components/TableFrame";
import { Band, markOf } from "../day/DayVerdict";
import { standingOf } from "../day/standing";
import { besidePlan, goalSign, goalValue } from "./doseWords";

/** The goals of the course: as planned, and if every fraction were like this one. */
export function GoalTable({ dose }: { dose: DayDoseRecord }) {
  const standing = standingOf(dose);
  return (
    <TableFrame label="Goals" frame={markOf(standing)}>
      <thead>
        <tr>
          <th scope="col">Goal of the course</th>
          <th scope="col">As planned</th>
          <th scope="col">If every fraction were like this one</th>
        </tr>
      </thead>
      <tbody>
        <Band standing={standing} columns={3} />
        {dose.goals.map((goal) => (
          <tr key={goal.goal}>
            <th scope="row">{goal.goal}</th>
            <td class="nowrap">
              <Met isMet={goal.was_met_in_plan} />
            </td>
            <td class="nowrap">
              <GoalOfDay goal={goal} />
            </td>
          </tr>
        ))}
      </tbody>
    </TableFrame>
  );
}

/** Whether a goal is met: a sign and its word. */
export function Met({ isMet }: { isMet: boolean | null }) {
  const { tone, words } = goalSign(isMet);
  return (
    <span class="anatomy-limit">
      <Mark tone={tone} label={words} />
      {words}
    </span>
  );
}

/** Whether a goal is met, and by which value. */
export function GoalOfDay({ goal }: { goal: Pick<DoseGoal, "is_met" | "value" | "unit"> }) {
  const { tone, words } = goalSign(goal.is_met);
  return (
    <span class="anatomy-limit">
      <Mark tone={tone} label={words} />
      {words}, {goalValue(goal)}
    </span>
  );
}

const COLUMNS = ["Volume today", "D95%", "Mean", "D2%"] as const;

/** The doses of one fraction to target and organs beside those planned, and what was added up so far. */
export function StructureDoseTable({ dose }: { dose: DayDoseRecord }) {
  const standing = standingOf(dose);
  const hasSum = dose.structures.some(({ accumulated_mean_gy }) => accumulated_mean_gy !== null);
  return (
    <TableFrame label="Doses of the structures" frame={markOf(standing)}>
      <thead>
        <tr>
          <th scope="col">One fraction: today (against plan)</th>
          {COLUMNS.map((name) => (
            <th key={name} scope="col" class="number">
              {name}
            </th>
          ))}
          {hasSum ? (
            <th scope="col" class="number">
              Added up over {dose.fractions_so_far}: D95%, mean ± SD
            </th>
          ) : null}
        </tr>
      </thead>
      <tbody>
        <Band standing={standing} columns={COLUMNS.length + (hasSum ? 2 : 1)} />
        {dose.structures.map((one) => (
          <StructureRow key={one.name} one={one} hasSum={hasSum} />
        ))}
      </tbody>
    </TableFrame>
  );
}

function StructureRow({ one, hasSum }: { one: StructureDose; hasSum: boolean }) {
  return (
    <tr>
      <th scope="row">
        {one.name}
        {one.is_target ? <span class="dim small"> target</span> : null}
      </th>
      <td class="number nowrap">{plain(one.volume_ml, 1)} ml</td>
      <td class="number nowrap">{besidePlan(one.d95_gy, one.planned_d95_gy)}</td>
      <td class="number nowrap">{besidePlan(one.mean_gy, one.planned_mean_gy)}</td>
      <td class="number nowrap">{besidePlan(one.d2_gy, one.planned_d2_gy)}</td>
      {hasSum ? (
        <td class="number nowrap">
          {one.accumulated_mean_gy === null
            ? "—"
            : `${plain(one.accumulated_d95_gy, 1)} Gy, ${plain(one.accumulated_mean_gy, 1)} ± ${plain(one.accumulated_sigma_gy, 1)} Gy`}
        </td>
      ) : null}
    </tr>
  );
}
