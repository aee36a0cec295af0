import { effect, signal } from "@preact/signals";
import { steadyMs } from "./clock";
import { noteWatching } from "./link";
import { roomOf } from "./rooms";
import { noteActivity, session } from "./session";
import { sendHeartbeat } from "./stream";

const BEAT_MS = 250;
/** Whoever sees nothing newer than this does not watch. */
const SEES_NOTHING_MS = 1000;

/** What decides whether this page may say that somebody watches the beam. */
export interface WatchFacts {
  isHidden: boolean;
  /** The user pressed hold: without a heartbeat the service holds too, should the request be lost. */
  isHoldPressed: boolean;
  /** Who turned the beam on; empty while nobody did. */
  watchedBy: string;
  me: string;
  /** How old the newest state of the room is; null where there is none. */
  roomAgeMs: number | null;
}

/** A heartbeat says that somebody can see the beam on this page; a page that shows nothing says nothing. */
export function maySayWatched(facts: WatchFacts): boolean {
  const isMine = facts.watchedBy === "" || facts.watchedBy === facts.me;
  const sees = facts.roomAgeMs !== null && facts.roomAgeMs < SEES_NOTHING_MS;
  return !facts.isHidden && !facts.isHoldPressed && isMine && sees;
}

const holdPressed = signal(false);

/** Take note that hold was pressed; it counts until the beam is seen not to be on. */
export function noteHoldPressed(): void {
  holdPressed.value = true;
}

/** Watch the beam of a fraction: narrow limits of the link and four heartbeats a second; returns what ends it. */
export function watchBeam(courseId: string, number: number): () => void {
  noteWatching(true);
  holdPressed.value = false;
  const release = effect(() => {
    const beam = roomOf(courseId, number)?.state.beam;
    if (beam === "held" || beam === "off") {
      holdPressed.value = false;
    }
  });
  const timer = setInterval(() => {
    const room = roomOf(courseId, number);
    const facts: WatchFacts = {
      isHidden: document.hidden,
      isHoldPressed: holdPressed.peek(),
      watchedBy: room?.state.watched_by ?? "",
      me: session.peek()?.name ?? "",
      roomAgeMs: room === undefined ? null : steadyMs() - room.heardMs,
    };
    if (maySayWatched(facts)) {
      sendHeartbeat(courseId, number);
      if (room?.state.beam === "on" || room?.state.beam === "waiting") {
        noteActivity(steadyMs());
      }
    }
  }, BEAT_MS);
  return () => {
    clearInterval(timer);
    release();
    noteWatching(false);
  };
}
