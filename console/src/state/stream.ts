import { effect, signal } from "@preact/signals";
import { thisPage } from "../api/client";
import type { StreamMessage } from "../api/documents";
import { EventStream, streamAddress } from "../api/socket";
import { noteServiceTime } from "./clock";
import { noteFractionChanged, noteSecondLook, reloadFraction } from "./fraction";
import { reloadJobs, takeJob } from "./jobs";
import { noteConnected, noteMessage } from "./link";
import { isStalePage, isWithoutAnswer } from "./notices";
import { forgetLags, takeRoom } from "./rooms";
import { checkSession, isInterrupted } from "./session";

/** Grows whenever something of the department changed that the worklist shows. */
export const changes = signal(0);

/** Hand a message to whom it concerns. */
export function takeMessage(message: StreamMessage): void {
  noteMessage();
  switch (message.type) {
    case "ping":
      noteServiceTime(message.at);
      break;
    case "hello":
      noteServiceTime(message.at);
      isStalePage.value = message.page !== thisPage();
      isWithoutAnswer.value = false;
      catchUp();
      break;
    case "room":
      takeRoom(message);
      break;
    case "fraction":
      noteFractionChanged(message);
      changes.value += 1;
      break;
    case "job":
      takeJob(message.job);
      break;
    case "second look":
      noteSecondLook(message);
      changes.value += 1;
      break;
    default:
  }
}

/** What was missed while nothing was connected is asked for. */
function catchUp(): void {
  forgetLags();
  changes.value += 1;
  void reloadFraction();
  // A failure is shown by the banners; the jobs stay as they were.
  void reloadJobs().catch(() => {});
}

const stream = new EventStream({
  open: () => new WebSocket(streamAddress(location)),
  later: (call, waitMs) => {
    const timer = setTimeout(call, waitMs);
    return () => clearTimeout(timer);
  },
  onMessage: takeMessage,
  onConnected: noteConnected,
  onRefused: () => void checkSession(),
});

/** Whoever has signed in again need not wait for the next try. */
effect(() => {
  if (!isInterrupted.value) {
    stream.retry();
  }
});

/** Follow the service from now on. */
export const followService = (): void => stream.start();
/** Follow it no more. */
export const unfollowService = (): void => stream.stop();
/** Say that somebody watches the beam of this fraction; false where nothing is connected. */
export const sendHeartbeat = (courseId: string, number: number): boolean =>
  stream.send({ type: "heartbeat", course_id: courseId, number });
