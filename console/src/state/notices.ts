import { signal } from "@preact/signals";

/** A sentence that stays until it is put away. */
export interface Notice {
  id: number;
  tone: "info" | "good" | "warn" | "bad";
  words: string;
}

let nextId = 1;

/** What is said below the top strip, the newest last. */
export const notices = signal<readonly Notice[]>([]);

/** Say a sentence; the same one twice is said once. */
export function say(tone: Notice["tone"], words: string): void {
  const others = notices.peek().filter((notice) => notice.words !== words);
  notices.value = [...others, { id: nextId, tone, words }].slice(-4);
  nextId += 1;
}

/** Put a sentence away. */
export function putAway(id: number): void {
  notices.value = notices.peek().filter((notice) => notice.id !== id);
}

/** The service has another page than this one. */
export const isStalePage = signal(false);
/** The last request got no answer. */
export const isWithoutAnswer = signal(false);
