import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Fraction, ImageLine, Job } from "../../../api/documents";
import { asSentence, type Problem } from "../../../api/problem";
import { Button } from "../../../components/Button";
import { dayAndTime } from "../../../components/format";
import { JobProgress } from "../../../components/JobProgress";
import { ProblemNotice } from "../../../components/Notice";
import { isUnderWay, once } from "../../../state/actions";
import { type DayPart, dayJobOf, isOver, takeJob } from "../../../state/jobs";
import { useResource } from "../../../state/resource";
import type { ImageKey } from "../../align/documents";

/** One image of a fraction: what is found out about the day rests on it. */
export interface ImageProps {
  readonly fraction: Fraction;
  readonly image: ImageLine;
}

/** The address of that image. */
export const keyOf = ({ fraction, image }: ImageProps): ImageKey => ({
  courseId: fraction.course_id,
  number: fraction.number,
  uid: image.uid,
});

/** Which day it is that a panel speaks of. */
export function DayOf({ fraction, image }: ImageProps) {
  return (
    <span class="dim small">
      Fraction {fraction.number}, image of {dayAndTime(image.acquired_at)}
    </span>
  );
}

/** Names one part of the day of an image. */
export const dayName = ({ fraction, image }: ImageProps, part: DayPart): string =>
  `${part} ${fraction.course_id}/${fraction.number}/${image.uid}`;

/** What is known of a part of the day: read anew when work on it ended, and when the fraction changed. */
export function useDayResource<T>(
  of: ImageProps,
  parts: readonly [DayPart, ...DayPart[]],
  read: () => Promise<T>,
): ReturnType<typeof useResource<T>> {
  // Anew when the fraction got another version: what was decided since may take it its worth.
  const found = useResource(`${dayName(of, parts[0])} ${of.fraction.version}`, read);
  const { reload } = found;
  const ended = parts.map((part) => endedJob(dayJobOf(of.image.uid, part))).join(" ");
  useEffect(() => {
    if (ended.trim() !== "") {
      void reload();
    }
  }, [ended, reload]);
  return found;
}

const endedJob = (job: Job | undefined): string => (job !== undefined && isOver(job) ? job.job_id : "");

/** Long work on a part of the day: begun by a button, followed until its end, and why it cannot be begun. */
export function DayWork(props: {
  readonly of: ImageProps;
  readonly part: DayPart;
  readonly ask: () => Promise<Job>;
  readonly words: string;
  /** Why it cannot be begun; empty where it can. */
  readonly why: string;
  /** Why nothing is shown of it, where it can be begun. */
  readonly hint: string;
  readonly isFirst: boolean;
  /** Choices before it is begun. */
  readonly children?: ComponentChildren;
}) {
  const { of, part, ask, words, why, hint, isFirst, children } = props;
  const problem = useSignal<Problem | null>(null);
  const name = dayName(of, part);
  const job = dayJobOf(of.image.uid, part);
  const begin = async () => {
    const outcome = await once(name, ask);
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
    if (outcome.kind === "done") {
      takeJob(outcome.value);
    }
  };
  return (
    <>
      {job !== undefined && job.state !== "done" ? <JobProgress job={job} /> : null}
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      {job !== undefined && !isOver(job) ? null : (
        <>
          {children}
          <div class="buttons">
            <Button
              tone={isFirst && why === "" ? "primary" : "plain"}
              isBusy={isUnderWay(name)}
              isDisabled={why !== ""}
              why={why}
              onClick={() => void begin()}
            >
              {words}
            </Button>
            <p class="dim small">{[...new Set([why, hint])].map(asSentence).join(" ")}</p>
          </div>
        </>
      )}
    </>
  );
}
