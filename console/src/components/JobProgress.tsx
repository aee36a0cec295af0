import { cancelJob } from "../api/calls";
import type { Job } from "../api/documents";
import { asSentence } from "../api/problem";
import { isUnderWay, once } from "../state/actions";
import { isOver, takeJob } from "../state/jobs";
import { say } from "../state/notices";
import { Button } from "./Button";
import { Notice } from "./Notice";
import { Progress } from "./Progress";
import { capital } from "./words";

/** Long work: how far it is, what takes it back, and how it ended. */
export function JobProgress({ job }: { job: Job }) {
  const name = `cancel ${job.job_id}`;
  const cancel = async () => {
    const outcome = await once(name, () => cancelJob(job.job_id));
    if (outcome.kind === "done") {
      takeJob(outcome.value);
    } else if (outcome.kind === "problem") {
      say("bad", outcome.problem.message);
    }
  };
  if (job.state === "failed") {
    return (
      <Notice tone="bad">
        <b>{capital(job.title)} failed.</b> {asSentence(job.problem)}
      </Notice>
    );
  }
  if (isOver(job)) {
    return (
      <Notice tone={job.state === "done" ? "good" : "warn"}>
        {capital(job.title)}: {job.state === "done" ? "done" : "cancelled; nothing came of it"}.
      </Notice>
    );
  }
  return (
    <div class="job" role="status" aria-live="polite">
      <p>
        <b>{capital(job.title)}</b>
        <span class="dim">
          {" "}
          {job.state === "waiting" ? "waits for other work" : job.step || "has begun"}, started by{" "}
          {job.started_by}
        </span>
      </p>
      <div class="job-line">
        <Progress share={job.fraction_done} label={job.title} />
        <Button isBusy={isUnderWay(name)} onClick={() => void cancel()}>
          Cancel
        </Button>
      </div>
    </div>
  );
}
