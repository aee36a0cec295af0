import { type Signal, useSignal } from "@preact/signals";
import { computeDayDose, readDayDose, workOutCorrections } from "../../../api/calls";
import type { DayDose, DoseRequest } from "../../../api/documents";
import { asSentence } from "../../../api/problem";
import { SelectField } from "../../../components/Fields";
import { dayAndTime } from "../../../components/format";
import { Notice, ProblemNotice } from "../../../components/Notice";
import { Panel } from "../../../components/Panel";
import { Assumed, DayVerdict } from "../day/DayVerdict";
import { DayOf, DayWork, type ImageProps, keyOf, useDayResource } from "../day/dayWork";
import { OnceOpened } from "../day/OnceOpened";
import { standingOf } from "../day/standing";
import { GoalTable, StructureDoseTable } from "./DoseTables";
import { DoseViews } from "./DoseViews";
import { DvhChart } from "./DvhChart";
import { openDose } from "./doseState";
import { prescribedWords, whyNotBegun } from "./doseWords";
import { Chosen, LadderSection } from "./LadderSection";

interface ShownProps {
  readonly of: ImageProps;
  readonly dose: DayDose;
}

/** The dose of the day, and the corrections of its beams. */
export function DosePanels(of: ImageProps) {
  const { course_id, number } = of.fraction;
  const { resource, reload } = useDayResource(of, ["dose", "anatomy", "corrections"], () =>
    readDayDose(course_id, number, of.image.uid),
  );
  const dose = resource.value;
  const problem = resource.problem === null ? null : <ProblemNotice problem={resource.problem} />;
  if (dose === null) {
    return <Panel title="Dose of the day">{problem ?? <p class="empty dim">The dose is loaded.</p>}</Panel>;
  }
  return (
    <>
      <Panel title="Dose of the day" aside={<DayOf {...of} />}>
        {problem}
        <Compute of={of} dose={dose} />
        <Found of={of} dose={dose} />
      </Panel>
      <Panel title="Corrections of the beams" aside={<DayOf {...of} />}>
        <Corrections of={of} dose={dose} onChosen={() => void reload()} />
      </Panel>
    </>
  );
}

/** What is known of the dose: verdict, goals, doses, histograms, isodoses. */
function Found({ of, dose }: ShownProps) {
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const { dose: record, pictures } = dose;
  if (record === null) {
    return null;
  }
  return (
    <>
      <DayVerdict record={record}>
        Computed {dayAndTime(record.computed_at)}: {record.algorithm}, beam data {record.beam_data}
      </DayVerdict>
      {dose.target === null ? null : <Prescribed target={dose.target} />}
      {record.goals.length === 0 ? (
        <p class="dim">The protocol of this course states no goals of the dose.</p>
      ) : (
        <GoalTable dose={record} />
      )}
      {record.structures.length === 0 ? null : <StructureDoseTable dose={record} />}
      {dose.histograms === null ? null : (
        <DvhChart histograms={dose.histograms} hidden={hidden} dayWords="today" />
      )}
      {pictures === null ? null : (
        <OnceOpened
          key={pictures.dose.volume.sha256}
          words="Look at the isodoses"
          open={() => openDose(keyOf(of), pictures)}
        >
          {(state) => <DoseViews state={state} fraction={of.fraction} standing={standingOf(record)} />}
        </OnceOpened>
      )}
      <Assumed approximations={record.approximations} />
    </>
  );
}

/** What is prescribed beside what the plan gives; a warning where they do not belong together. */
function Prescribed({ target }: { target: NonNullable<DayDose["target"]> }) {
  const { words, isFar } = prescribedWords(target);
  return isFar ? <Notice tone="warn">{asSentence(words)}</Notice> : <p class="small">{asSentence(words)}</p>;
}

/** With which beam data and algorithm the dose is computed. */
function Compute({ of, dose }: ShownProps) {
  const { course_id, number } = of.fraction;
  const machine = useSignal("");
  const algorithm = useSignal("");
  return (
    <DayWork
      of={of}
      part="dose"
      ask={() => computeDayDose(course_id, number, of.image.uid, requestOf(machine.peek(), algorithm.peek()))}
      words={dose.dose === null ? "Compute the dose" : "Compute again"}
      why={whyNotBegun(dose, machine.value)}
      hint={dose.no_pictures_because}
      isFirst={dose.dose === null}
    >
      {dose.not_possible_because === "" ? (
        <Choices dose={dose} machine={machine} algorithm={algorithm} />
      ) : null}
    </DayWork>
  );
}

function requestOf(machine: string, algorithm: string): DoseRequest {
  return {
    beam_data: machine === "" ? null : machine,
    algorithm: algorithm === "" ? null : (algorithm as NonNullable<DoseRequest["algorithm"]>),
  };
}

/** With which beam data, and by which algorithm. */
function Choices(props: {
  readonly dose: DayDose;
  readonly machine: Signal<string>;
  readonly algorithm: Signal<string>;
}) {
  const { dose, machine, algorithm } = props;
  const problem = dose.beam_data_problem;
  return (
    <>
      {problem === "" ? null : (
        <Notice tone="warn" isQuiet>
          {asSentence(problem)}
        </Notice>
      )}
      <div class="dose-choices">
        <SelectField
          label="Beam data"
          value={machine.value}
          options={[
            { value: "", words: problem === "" ? "those of the plan's machine" : "choose…" },
            ...dose.machines.map((one) => ({ value: one, words: one })),
          ]}
          onChange={(value) => {
            machine.value = value;
          }}
        />
        <SelectField
          label="Algorithm"
          value={algorithm.value}
          options={[
            { value: "", words: `as the protocol says: ${dose.protocol_algorithm ?? "not known"}` },
            { value: "pencil beam", words: "pencil beam" },
            { value: "collapsed cone", words: "collapsed cone" },
          ]}
          onChange={(value) => {
            algorithm.value = value;
          }}
        />
      </div>
    </>
  );
}

/** The ladder of corrections, worked out when somebody asks. */
function Corrections({ of, dose, onChosen }: ShownProps & { readonly onChosen: () => void }) {
  const { fraction, image } = of;
  const { course_id, number } = fraction;
  return (
    <>
      <DayWork
        of={of}
        part="corrections"
        ask={() => workOutCorrections(course_id, number, image.uid)}
        words={dose.ladder === null ? "Work out the corrections" : "Work out again"}
        why={dose.not_climbed_because}
        hint={dose.no_ladder_because}
        isFirst={dose.ladder === null}
      />
      {dose.ladder === null ? (
        <Chosen dose={dose} />
      ) : (
        <LadderSection
          key={dose.ladder.computed_at}
          fraction={fraction}
          uid={image.uid}
          dose={dose}
          ladder={dose.ladder}
          onChosen={onChosen}
        />
      )}
    </>
  );
}
