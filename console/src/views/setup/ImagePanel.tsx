import { type Signal, useSignal } from "@preact/signals";
import { takeImage } from "../../api/calls";
import type { CouchPose, Fraction, ImageRequest, Job } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { hashOf } from "../../app/router";
import { Button } from "../../components/Button";
import { NumberField, TextField } from "../../components/Fields";
import { counted, typedNumber } from "../../components/format";
import { JobProgress } from "../../components/JobProgress";
import { ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { PoseFields, typedCouch, usePoseFields } from "../../components/PoseFields";
import { isUnderWay, once } from "../../state/actions";
import { afterStepProblem } from "../../state/fraction";
import { isOver, jobOf, jobs, takeJob } from "../../state/jobs";
import { ImageSource, type Source } from "./ImageSource";

/** What staff say of an image beside its files, as typed; empty where the files say it. */
interface Said {
  isocentre: readonly [string, string, string];
  dose: string;
  metric: string;
  source: string;
}

const NOTHING_SAID: Said = { isocentre: ["", "", ""], dose: "", metric: "", source: "" };

/** Turn what was typed into a part of the request; null where something is no number. */
export function saidOf(said: Said): Partial<ImageRequest> | null {
  const optional = (text: string) => (text.trim() === "" ? undefined : typedNumber(text));
  const [dose, source] = [optional(said.dose), optional(said.source)];
  const places = said.isocentre.map(optional);
  const isSaid = places.some((place) => place !== undefined);
  const isWhole = places.every((place) => typeof place === "number");
  if (dose === null || source === null || (isSaid && !isWhole)) {
    return null;
  }
  return {
    ...(isSaid ? { machine_isocentre_mm: places as [number, number, number] } : {}),
    ...(dose === undefined ? {} : { dose_value: dose, dose_metric: said.metric.trim() || null }),
    ...(source === undefined ? {} : { source_from_gantry_deg: source }),
  };
}

function SaidFields({ said }: { said: Signal<Said> }) {
  const set = (change: Partial<Said>) => {
    said.value = { ...said.value, ...change };
  };
  return (
    <details>
      <summary>What the files do not say (isocentre, imaging dose, source angle)</summary>
      <div class="stack">
        <fieldset class="pose-fields">
          <legend>Machine isocentre in the image (DICOM left, posterior, superior)</legend>
          {["x", "y", "z"].map((axis, at) => (
            <NumberField
              key={axis}
              label={axis}
              unit="mm"
              value={said.value.isocentre[at] ?? ""}
              onInput={(text) => {
                const next = said.value.isocentre.map((old, index) => (index === at ? text : old));
                set({ isocentre: next as unknown as Said["isocentre"] });
              }}
            />
          ))}
        </fieldset>
        <div class="filters">
          <NumberField
            label="Imaging dose"
            unit=""
            value={said.value.dose}
            onInput={(dose) => set({ dose })}
          />
          <TextField
            label="Metric, such as CTDIw mGy"
            value={said.value.metric}
            onInput={(metric) => set({ metric })}
          />
          <NumberField
            label="Source from the gantry"
            unit="°"
            value={said.value.source}
            onInput={(source) => set({ source })}
          />
        </div>
      </div>
    </details>
  );
}

/** The job of the newest image of this page, or one that somebody else started for the course. */
function ImageJob({ fraction, jobId }: { fraction: Fraction; jobId: string }) {
  const job: Job | undefined = jobs.value.get(jobId) ?? jobOf(fraction.course_id);
  if (job === undefined) {
    return null;
  }
  const align = hashOf({
    view: "course",
    courseId: fraction.course_id,
    part: "align",
    number: fraction.number,
  });
  return (
    <div class="stack tight">
      <JobProgress job={job} />
      {job.state === "done" ? (
        <p>
          <a class="button primary large" href={align}>
            Look at the match
          </a>
        </p>
      ) : null}
    </div>
  );
}

interface ImageForm {
  source: Source;
  said: Said;
  couch: CouchPose | null;
}

/** What is missing for the request, in words; empty where nothing is. */
function missingWords(fraction: Fraction, { source, said, couch }: ImageForm): string {
  if (!fraction.possible.includes("image")) {
    return "An image cannot be taken in this state.";
  }
  if (fraction.images_left <= 0) {
    return "The protocol allows no more images in this fraction.";
  }
  if (fraction.room !== null) {
    return "";
  }
  if (couch === null) {
    return "Read the couch and type every drive.";
  }
  if (source === null) {
    return "Choose the files of the image.";
  }
  return saidOf(said) === null ? "A number beside the files cannot be read." : "";
}

function requestOf(fraction: Fraction, { source, said, couch }: ImageForm): ImageRequest {
  const base = { seen_version: fraction.version };
  if (fraction.room !== null || source === null) {
    return base;
  }
  const files =
    "upload" in source ? { upload_id: source.upload.upload_id } : { inbox_name: source.inboxName };
  return { ...base, ...(couch === null ? {} : { couch }), ...files, ...(saidOf(said) ?? {}) };
}

/** Take an image: by the connected room, or from the files that staff exported. */
export function ImagePanel({ fraction }: { fraction: Fraction }) {
  const source = useSignal<Source>(null);
  const said = useSignal<Said>(NOTHING_SAID);
  const typed = usePoseFields(fraction);
  const problem = useSignal<Problem | null>(null);
  const jobId = useSignal("");
  const isStaffRead = fraction.room === null;
  const isPossible = fraction.possible.includes("image") && fraction.images_left > 0;
  const form: ImageForm = {
    source: source.value,
    said: said.value,
    couch: isStaffRead ? typedCouch(typed.value, fraction.expected_pose) : null,
  };
  const missing = missingWords(fraction, form);
  const name = `image ${fraction.course_id}/${fraction.number}`;
  const running = jobOf(fraction.course_id);
  const isBusy = isUnderWay(name) || (running !== undefined && !isOver(running));
  const take = async () => {
    const outcome = await once(name, () =>
      takeImage(fraction.course_id, fraction.number, requestOf(fraction, form)),
    );
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
    if (outcome.kind === "done") {
      jobId.value = takeJob(outcome.value).job_id;
      source.value = null;
    } else if (outcome.kind === "problem") {
      await afterStepProblem(outcome.problem, fraction);
    }
  };
  return (
    <Panel
      title="Image"
      isActive={fraction.state === "set up"}
      aside={<span class="dim small">{counted(fraction.images_left, "image")} left by the protocol</span>}
    >
      {isStaffRead && isPossible ? (
        <>
          <PoseFields typed={typed} fraction={fraction} legend="Couch while the image was taken" />
          <ImageSource source={source} />
          <SaidFields said={said} />
        </>
      ) : null}
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <ImageJob fraction={fraction} jobId={jobId.value} />
      <div class="buttons">
        <Button
          tone={isPossible ? "primary" : "plain"}
          isLarge
          isBusy={isBusy}
          isDisabled={missing !== ""}
          onClick={() => void take()}
        >
          {isStaffRead ? "Take in and match this image" : "Take an image and match it"}
        </Button>
        <p class="dim small">{missing}</p>
      </div>
    </Panel>
  );
}
