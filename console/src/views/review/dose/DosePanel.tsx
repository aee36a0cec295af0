import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { computeDayDose, readDayDose, workOutCorrections } from "../../../api/calls";
import type { DayDose, DoseRequest, Fraction, ImageLine, Job } from "../../../api/documents";
import { asSentence, type Problem } from "../../../api/problem";
import { Button } from "../../../components/Button";
import { SelectField } from "../../../components/Fields";
import { JobProgress } from "../../../components/JobProgress";
import { Notice, ProblemNotice } from "../../../components/Notice";
import { Panel } from "../../../components/Panel";
import { isUnderWay, once } from "../../../state/actions";
import { type DayPart, dayJobOf, isOver, takeJob } from "../../../state/jobs";
import { useResource } from "../../../state/resource";
import { DoseDesk } from "./DoseDesk";
import { GoalTable, StructureDoseTable } from "./DoseTables";
import { Assumed, DoseVerdict } from "./DoseVerdict";
import { DvhChart } from "./DvhChart";
import { whyNotBegun } from "./doseWords";
import { Chosen, LadderSection } from "./LadderSection";

interface ImageProps {
  readonly fraction: Fraction;
  readonly image: ImageLine;
}

interface ShownProps extends ImageProps {
  readonly dose: DayDose;
}

const PARTS: readonly DayPart[] = ["anatomy", "dose", "corrections"];

/** The dose of the day, and the corrections of its beams. */
export function DosePanels({ fraction, image }: ImageProps) {
  const { course_id, number, version } = fraction;
  // Anew when the fraction got another version: what was decided since may take the dose its worth.
  const { resource, reload } = useResource(`dose ${course_id}/${number}/${image.uid} ${version}`, () =>
    readDayDose(course_id, number, image.uid),
  );
  const chosen = useSignal<DayDose | null>(null);
  const ended = PARTS.map((part) => endedJob(dayJobOf(image.uid, part))).join(" ");
  useEffect(() => {
    if (ended.trim() !== "") {
      chosen.value = null;
      void reload();
    }
  }, [ended, reload, chosen]);
  const dose = chosen.value ?? resource.value;
  if (dose === null) {
    return (
      <Panel title="Dose of the day">
        {resource.problem === null ? (
          <p class="empty dim">The dose is loaded.</p>
        ) : (
          <ProblemNotice problem={resource.problem} />
        )}
      </Panel>
    );
  }
  const shown = { fraction, image, dose };
  return (
    <>
      <Panel title="Dose of the day">
        {resource.problem === null ? null : <ProblemNotice problem={resource.problem} />}
        <Compute {...shown} />
        <Found {...shown} />
      </Panel>
      <Panel title="Corrections of the beams">
        <Corrections
          {...shown}
          onChosen={(next) => {
            chosen.value = next;
          }}
        />
      </Panel>
    </>
  );
}

const endedJob = (job: Job | undefined): string => (job !== undefined && isOver(job) ? job.job_id : "");

/** What is known of the dose: verdict, goals, doses, histograms, isodoses. */
function Found({ fraction, image, dose }: ShownProps) {
  const hidden = useSignal<ReadonlySet<string>>(new Set());
  const record = dose.dose;
  if (record === null) {
    return null;
  }
  return (
    <>
      <DoseVerdict dose={record} />
      {record.goals.length === 0 ? (
        <p class="dim">The protocol of this course states no goals of the dose.</p>
      ) : (
        <GoalTable dose={record} />
      )}
      {record.structures.length === 0 ? null : <StructureDoseTable dose={record} />}
      {dose.histograms === null ? null : (
        <DvhChart histograms={dose.histograms} hidden={hidden} dayWords="today" />
      )}
      {dose.pictures === null ? null : (
        <DoseDesk
          key={dose.pictures.dose.volume.sha256}
          fraction={fraction}
          uid={image.uid}
          dose={record}
          pictures={dose.pictures}
        />
      )}
      <Assumed approximations={record.approximations} />
    </>
  );
}

/** Long work on a part of the day: how it is begun, how far it is, and why it was not begun. */
function useDayWork(uid: string, part: DayPart, name: string, ask: () => Promise<Job>) {
  const problem = useSignal<Problem | null>(null);
  const job = dayJobOf(uid, part);
  const begin = async () => {
    const outcome = await once(name, ask);
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
    if (outcome.kind === "done") {
      takeJob(outcome.value);
    }
  };
  return {
    begin: () => void begin(),
    isBusy: isUnderWay(name),
    isRunning: job !== undefined && !isOver(job),
    said: (
      <>
        {job !== undefined && job.state !== "done" ? <JobProgress job={job} /> : null}
        {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      </>
    ),
  };
}

/** Begin the computation, follow it, and say why it cannot be begun. */
function Compute({ fraction, image, dose }: ShownProps) {
  const { course_id, number } = fraction;
  const machine = useSignal("");
  const algorithm = useSignal("");
  const work = useDayWork(image.uid, "dose", `dose ${course_id}/${number}/${image.uid}`, () =>
    computeDayDose(course_id, number, image.uid, requestOf(machine.peek(), algorithm.peek())),
  );
  if (work.isRunning) {
    return work.said;
  }
  const why = whyNotBegun(dose, machine.value);
  return (
    <>
      {work.said}
      {dose.not_possible_because === "" ? (
        <Choices dose={dose} machine={machine} algorithm={algorithm} />
      ) : null}
      <div class="buttons">
        <Button
          tone={dose.dose === null && why === "" ? "primary" : "plain"}
          isBusy={work.isBusy}
          isDisabled={why !== ""}
          why={why}
          onClick={work.begin}
        >
          {dose.dose === null ? "Compute the dose" : "Compute again"}
        </Button>
        <p class="dim small">{asSentence(why || dose.no_pictures_because)}</p>
      </div>
    </>
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
            { value: "", words: "as the protocol says" },
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
function Corrections(props: ShownProps & { readonly onChosen: (dose: DayDose) => void }) {
  const { fraction, image, dose, onChosen } = props;
  const { course_id, number } = fraction;
  const name = `corrections ${course_id}/${number}/${image.uid}`;
  const work = useDayWork(image.uid, "corrections", name, () =>
    workOutCorrections(course_id, number, image.uid),
  );
  const why = dose.not_climbed_because;
  return (
    <>
      {work.said}
      {work.isRunning ? null : (
        <div class="buttons">
          <Button isBusy={work.isBusy} isDisabled={why !== ""} why={why} onClick={work.begin}>
            {dose.ladder === null ? "Work out the corrections" : "Work out again"}
          </Button>
          <p class="dim small">{asSentence(why || dose.no_ladder_because)}</p>
        </div>
      )}
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
