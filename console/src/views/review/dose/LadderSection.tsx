import { useSignal } from "@preact/signals";
import type { DayDose, Fraction, Ladder, LadderRung } from "../../../api/documents";
import { asSentence } from "../../../api/problem";
import { Button } from "../../../components/Button";
import { Chip } from "../../../components/Chip";
import { dayAndTime, plain } from "../../../components/format";
import { Mark } from "../../../components/Mark";
import { Notice } from "../../../components/Notice";
import { TableFrame } from "../../../components/TableFrame";
import { capital } from "../../../components/words";
import { Assumed } from "../day/DayVerdict";
import { ChooseDialog } from "./ChooseDialog";
import { GoalOfDay, Met } from "./DoseTables";
import { DvhChart } from "./DvhChart";
import { canBeChosen, curvesOf, figureRows, goalRows, rungWords, withEffect } from "./ladder";

export interface LadderProps {
  readonly fraction: Fraction;
  readonly uid: string;
  readonly dose: DayDose;
  readonly ladder: Ladder;
  /** A correction was marked: what is shown is read again. */
  readonly onChosen: () => void;
}

/** The ladder of corrections: what each would do to the dose of the day, and what was chosen for planning. */
export function LadderSection(props: LadderProps) {
  const { dose, ladder } = props;
  const looked = useSignal("");
  const choosing = useSignal<LadderRung | null>(null);
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const rung = ladder.rungs.find((one) => one.rung === looked.value);
  const curves = curvesOf(rung);
  return (
    <>
      <Chosen dose={dose} />
      <p class="small dim">
        Worked out {dayAndTime(ladder.computed_at)} on the dose above. Nothing is sent or treated by itself: a
        plan is fetched as a file marked UNAPPROVED, and has to be checked and approved where plans are. “As
        the patient lies” is as the image shows him, before the couch moves.
      </p>
      {ladder.no_plans_because === "" ? null : (
        <Notice tone="warn" isQuiet>
          For looking only: {ladder.no_plans_because}.
        </Notice>
      )}
      <EffectTable ladder={ladder} />
      <ul class="rungs">
        {ladder.rungs.map((one) => (
          <Rung
            key={one.rung}
            rung={one}
            canChoose={canBeChosen(ladder, one)}
            isLookedAt={one.rung === looked.value}
            isChosen={dose.choice?.rung === one.rung && dose.choice.is_shown}
            onLook={() => {
              looked.value = one.rung === looked.value ? "" : one.rung;
            }}
            onChoose={() => {
              choosing.value = one;
            }}
          />
        ))}
      </ul>
      {rung === undefined || curves === null ? null : (
        <DvhChart
          key={rung.rung}
          histograms={ladder.histograms}
          hidden={hidden}
          dayWords="as the dose of the day above"
          further={{ words: rung.rung, curves }}
        />
      )}
      <Assumed approximations={ladder.approximations} />
      {choosing.value === null ? null : (
        <ChooseDialog
          {...props}
          rung={choosing.value}
          onClose={() => {
            choosing.value = null;
          }}
        />
      )}
    </>
  );
}

/** Which rung somebody signed for; a mark for a plan that is not shown any more says so. */
export function Chosen({ dose }: { dose: DayDose }) {
  const { choice } = dose;
  if (choice === null) {
    return null;
  }
  return (
    <Notice tone={choice.is_shown ? "good" : "warn"} isQuiet>
      <b>Chosen for planning: {choice.rung}</b>, signed by {choice.by} {dayAndTime(choice.signed_at)}:{" "}
      {asSentence(choice.reason)}
      {choice.is_shown
        ? null
        : " The plan that was chosen is not among those shown now: what is shown was worked out anew, or not at all."}
    </Notice>
  );
}

/** One figure a row, one rung a column, the planned dose first. */
function EffectTable({ ladder }: { ladder: Ladder }) {
  const rungs = withEffect(ladder);
  if (rungs.length === 0) {
    return null;
  }
  return (
    <TableFrame label="What each correction would do" table="effect small">
      <thead>
        <tr>
          <th scope="col">One fraction, Gy (against plan)</th>
          <th scope="col" class="number">
            As planned
          </th>
          {rungs.map(({ rung }) => (
            <th key={rung} scope="col" class="number">
              {capital(rung)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {figureRows(ladder).map(({ words, plannedGy, rungsGy }) => (
          <tr key={words}>
            <th scope="row">{words}</th>
            <td class="number nowrap">{plain(plannedGy, 2)}</td>
            {rungsGy.map((valueGy, at) => (
              <td key={rungs[at]?.rung} class="number nowrap">
                {rungWords(valueGy, plannedGy)}
              </td>
            ))}
          </tr>
        ))}
        {goalRows(ladder).map(({ goal, planned, rungs: goals }) => (
          <tr key={goal}>
            <th scope="row">{goal}</th>
            <td class="number nowrap">
              <GoalOfDay goal={planned} />
            </td>
            {goals.map((one, at) => (
              <td key={rungs[at]?.rung} class="number nowrap">
                {one === null ? <Met isMet={null} /> : <GoalOfDay goal={one} />}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </TableFrame>
  );
}

function Rung(props: {
  readonly rung: LadderRung;
  readonly canChoose: boolean;
  readonly isLookedAt: boolean;
  readonly isChosen: boolean;
  readonly onLook: () => void;
  readonly onChoose: () => void;
}) {
  const { rung, canChoose, isLookedAt, isChosen, onLook, onChoose } = props;
  return (
    <li class={`rung${rung.is_available ? "" : " not-available"}`} data-rung={rung.rung}>
      <p class="rung-name">
        <Mark
          tone={rung.is_available ? "good" : "warn"}
          label={rung.is_available ? "available" : "not available"}
        />
        <b>{capital(rung.rung)}</b>
        {rung.is_available ? null : <Chip tone="warn">not available</Chip>}
        {isChosen ? <Chip tone="good">chosen for planning</Chip> : null}
      </p>
      <div>
        {rung.reasons.map((reason) => (
          <p key={reason} class="warn-text small">
            {asSentence(reason)}
          </p>
        ))}
        {rung.changes.map((change) => (
          <p key={change} class="small">
            {asSentence(change)}
          </p>
        ))}
      </div>
      <div class="buttons">
        {curvesOf(rung) === null ? null : (
          <Button onClick={onLook}>{isLookedAt ? "Hide its DVH" : "Show its DVH"}</Button>
        )}
        {rung.plan_address === null ? null : (
          <a class="button plain" href={rung.plan_address} download>
            RTPLAN (UNAPPROVED)
          </a>
        )}
        {canChoose ? <Button onClick={onChoose}>Choose for planning…</Button> : null}
      </div>
    </li>
  );
}
