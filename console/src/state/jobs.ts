import { type ReadonlySignal, signal } from "@preact/signals";
import { readJobs } from "../api/calls";
import type { Job } from "../api/documents";

const known = signal<ReadonlyMap<string, Job>>(new Map());

/** Every job that was heard of, by its id. */
export const jobs: ReadonlySignal<ReadonlyMap<string, Job>> = known;

/** True for a job after which nothing follows. */
export const isOver = (job: Job): boolean => !["waiting", "running"].includes(job.state);

/** Choose between two tellings of a job: an ended one never begins again, and work only grows. */
export function laterJob(before: Job | undefined, next: Job): Job {
  if (before === undefined || isOver(next)) {
    return next;
  }
  return isOver(before) || next.fraction_done < before.fraction_done ? before : next;
}

/** Take what an answer or the stream said of a job. */
export function takeJob(job: Job): Job {
  const later = laterJob(known.peek().get(job.job_id), job);
  known.value = new Map(known.peek()).set(job.job_id, later);
  return later;
}

/** Ask for all jobs: the stream may have been away when one ended. */
export async function reloadJobs(): Promise<void> {
  for (const job of await readJobs()) {
    takeJob(job);
  }
}

/** The newest job of a course that still goes on; an assessment of an image holds nothing up and is none. */
export function jobOf(courseId: string): Job | undefined {
  return [...known.value.values()].findLast(
    (job) => job.course_id === courseId && job.assesses === null && !isOver(job),
  );
}

/** How many assessments of images of a course were heard to end. */
export const assessmentsEnded = (courseId: string): number =>
  [...known.value.values()].filter(
    (job) => job.course_id === courseId && job.assesses !== null && isOver(job),
  ).length;

/** What is found out about the day that an image shows. */
export type DayPart = NonNullable<Job["part"]>;

/** The newest work on a part of an image's day that was heard of, whether it goes on or is over. */
export function dayJobOf(uid: string, part: DayPart): Job | undefined {
  return [...known.value.values()].findLast((job) => job.assesses === uid && job.part === part);
}
