import type { DayDoseRecord, DoseGoal, StructureDose } from "../../../api/documents";
import { plain } from "../../../components/format";
import { Mark } from "../../../components/Mark";
import { besidePlan, goalSign, goalValue, type Standing, standingOf, VERDICT_WORDS } from "./doseWords";

/** A line across a table that nobody may decide by. */
function Band({ standing, columns }: { standing: Standing; columns: number }) {
  return standing === "for decision" ? null : (
    <tr>
      <td class="anatomy-band" colSpan={columns}>
        {VERDICT_WORDS[standing].title}
      </td>
    </tr>
  );
}

const marked = (standing: Standing): string => (standing === "for decision" ? "" : " anatomy-marked");

/** The goals of the course: as planned, and if every fraction were like this one. */
export function GoalTable({ dose }: { dose: DayDoseRecord }) {
  const standing = standingOf(dose);
  return (
    <section
      class={`table-frame${marked(standing)}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the page is scrolled by keys
      tabIndex={0}
      aria-label="Goals"
    >
      <table class="table">
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
      </table>
    </section>
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
    <section
      class={`table-frame${marked(standing)}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the page is scrolled by keys
      tabIndex={0}
      aria-label="Doses of the structures"
    >
      <table class="table">
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
      </table>
    </section>
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
