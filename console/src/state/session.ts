import { signal } from "@preact/signals";
import { extendSession, readSession, readVersion, signIn, signOut } from "../api/calls";
import { rememberPage, setCsrfToken, thisPage } from "../api/client";
import type { Session } from "../api/documents";
import { asProblem } from "../api/problem";
import { isStalePage } from "./notices";

/** Who is signed in; null: nobody, undefined: not known yet. */
export const session = signal<Session | null | undefined>(undefined);

/** The session ended while somebody worked: the sign-in lies over the page, which keeps its state. */
export const isInterrupted = signal(false);

function begin(found: Session): void {
  setCsrfToken(found.csrf_token);
  rememberPage(found.page_build);
  isStalePage.value = found.page_build !== thisPage();
  session.value = found;
  isInterrupted.value = false;
}

/** Ask who is signed in. */
export async function resumeSession(): Promise<void> {
  try {
    rememberPage((await readVersion()).page_build);
    begin(await readSession());
  } catch (thrown) {
    const problem = asProblem(thrown);
    if (problem.status === 401) {
      session.value = null;
      return;
    }
    throw problem;
  }
}

/** Sign in. */
export async function enter(name: string, password: string): Promise<void> {
  begin(await signIn(name, password));
}

/** Take what a session was answered with: after a change of the password its token is another one. */
export const takeSession = (found: Session): void => begin(found);

const EXTENDED_EVERY_MS = 60_000;
let extendedMs = Number.NEGATIVE_INFINITY;

/** Somebody is at the screen, seen by a key, a finger, or a beam that is watched; said once a minute. */
export function noteActivity(nowMs: number): void {
  if (!session.peek() || isInterrupted.peek() || nowMs - extendedMs < EXTENDED_EVERY_MS) {
    return;
  }
  extendedMs = nowMs;
  // Should it fail, the next step of the user meets the same and says so.
  void extendSession()
    .then((found) => {
      session.value = found;
    })
    .catch(() => {});
}

/** Ask whether the session goes on, where the stream was refused without a word. */
export async function checkSession(): Promise<void> {
  // A 401 opens the sign-in by itself, and no answer its banner.
  await readSession().catch(() => {});
}

/** Sign out; the page forgets everything by being loaded anew. */
export async function leave(): Promise<void> {
  await signOut();
  setCsrfToken("");
  session.value = null;
  location.hash = "";
  location.reload();
}

/** Take note that the service knows nobody any more. */
export function noteSignedOut(): void {
  if (session.peek()) {
    isInterrupted.value = true;
  }
}

/** True where the one who is signed in has one of the roles; an empty list is anybody. */
export function hasRole(roles: readonly string[]): boolean {
  const role = session.value?.role;
  return role !== undefined && (roles.length === 0 || roles.includes(role));
}
