import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { assessAnatomy, readAnatomy } from "../../../api/calls";
import type { Anatomy, Course, Fraction, ImageLine } from "../../../api/documents";
import { asSentence, type Problem } from "../../../api/problem";
import { Button } from "../../../components/Button";
import { SelectField } from "../../../components/Fields";
import { dayAndTime } from "../../../components/format";
import { JobProgress } from "../../../components/JobProgress";
import { ProblemNotice } from "../../../components/Notice";
import { Panel } from "../../../components/Panel";
import { isUnderWay, once } from "../../../state/actions";
import { dayJobOf, isOver, takeJob } from "../../../state/jobs";
import { useResource } from "../../../state/resource";
import { DosePanels } from "../dose/DosePanel";
import { DeformationDesk } from "./DeformationDesk";
import { FigureTable } from "./FigureTable";
import { StructureTable } from "./StructureTable";
import { Verdict } from "./Verdict";

/** The anatomy and the dose of the day as the images of a fraction show it: the newest one first. */
export function DayPanels({ course, fraction }: { course: Course; fraction: Fraction }) {
  const volumes = fraction.images.filter(({ kind }) => kind === "volume");
  const kept = volumes.filter(({ is_kept }) => is_kept);
  const chosen = useSignal("");
  const image = kept.find(({ uid }) => uid === chosen.value) ?? kept.at(-1);
  if (volumes.length === 0) {
    return null;
  }
  if (image === undefined) {
    return (
      <Panel title="Anatomy of the day">
        <p class="dim">No image of this fraction is in the image store, so there is nothing to assess.</p>
      </Panel>
    );
  }
  return (
    <>
      <Panel
        title="Anatomy of the day"
        aside={
          kept.length < 2 ? null : (
            <SelectField
              label="Image"
              value={image.uid}
              options={kept.map(({ uid, acquired_at }) => ({ value: uid, words: dayAndTime(acquired_at) }))}
              onChange={(uid) => {
                chosen.value = uid;
              }}
            />
          )
        }
      >
        <ImageAnatomy key={image.uid} course={course} fraction={fraction} image={image} />
      </Panel>
      <DosePanels key={`dose ${image.uid}`} fraction={fraction} image={image} />
    </>
  );
}

interface ImageProps {
  readonly course: Course;
  readonly fraction: Fraction;
  readonly image: ImageLine;
}

function ImageAnatomy({ course, fraction, image }: ImageProps) {
  const { course_id, number, version } = fraction;
  // Anew when the fraction got another version: a match that was changed takes the assessment its worth.
  const { resource, reload } = useResource(`anatomy ${course_id}/${number}/${image.uid} ${version}`, () =>
    readAnatomy(course_id, number, image.uid),
  );
  const job = dayJobOf(image.uid, "anatomy");
  const ended = job !== undefined && isOver(job) ? job.job_id : "";
  useEffect(() => {
    if (ended !== "") {
      void reload();
    }
  }, [ended, reload]);
  const anatomy = resource.value;
  return (
    <>
      {resource.problem === null ? null : <ProblemNotice problem={resource.problem} />}
      {anatomy === null ? (
        <p class="empty dim">The assessment is loaded.</p>
      ) : (
        <Assess fraction={fraction} image={image} anatomy={anatomy} />
      )}
      {anatomy?.assessment ? <Verdict assessment={anatomy.assessment} /> : null}
      {anatomy?.assessment?.structures.length ? <StructureTable assessment={anatomy.assessment} /> : null}
      {anatomy?.pictures ? (
        <DeformationDesk
          key={anatomy.pictures.plan.sha256}
          course={course}
          fraction={fraction}
          uid={image.uid}
          anatomy={anatomy}
        />
      ) : null}
      {anatomy?.assessment?.figures.length ? <FigureTable assessment={anatomy.assessment} /> : null}
    </>
  );
}

/** Begin the assessment, follow it, and say why it cannot be begun. */
function Assess({ fraction, image, anatomy }: Omit<ImageProps, "course"> & { readonly anatomy: Anatomy }) {
  const { course_id, number } = fraction;
  const problem = useSignal<Problem | null>(null);
  const name = `assess ${course_id}/${number}/${image.uid}`;
  const job = dayJobOf(image.uid, "anatomy");
  const isRunning = job !== undefined && !isOver(job);
  const assess = async () => {
    const outcome = await once(name, () => assessAnatomy(course_id, number, image.uid));
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
    if (outcome.kind === "done") {
      takeJob(outcome.value);
    }
  };
  const why = anatomy.not_possible_because;
  const hint = why === "" ? anatomy.no_pictures_because : why;
  return (
    <>
      {job !== undefined && job.state !== "done" ? <JobProgress job={job} /> : null}
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      {isRunning ? null : (
        <div class="buttons">
          <Button
            tone={anatomy.assessment === null && why === "" ? "primary" : "plain"}
            isBusy={isUnderWay(name)}
            isDisabled={why !== ""}
            why={why}
            onClick={() => void assess()}
          >
            {anatomy.assessment === null ? "Assess the anatomy" : "Assess again"}
          </Button>
          <p class="dim small">{asSentence(hint)}</p>
        </div>
      )}
    </>
  );
}
