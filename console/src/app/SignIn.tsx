import { useSignal } from "@preact/signals";
import type { Problem } from "../api/problem";
import { Dialog } from "../components/Dialog";
import { TextField } from "../components/Fields";
import { Notice, ProblemNotice } from "../components/Notice";
import { isUnderWay, once } from "../state/actions";
import { enter, session } from "../state/session";

/** Name and password; Enter signs in here, because nothing else follows from it. */
function SignInForm({ knownName, onDone }: { knownName: string; onDone: () => void }) {
  const name = useSignal(knownName);
  const password = useSignal("");
  const problem = useSignal<Problem | null>(null);
  const isBusy = isUnderWay("sign in");
  const submit = async () => {
    if (name.value.trim() === "" || password.value === "") {
      return;
    }
    const outcome = await once("sign in", () => enter(name.value.trim(), password.value));
    password.value = "";
    if (outcome.kind === "problem") {
      problem.value = outcome.problem;
    } else if (outcome.kind === "done") {
      onDone();
    }
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <TextField
        label="User name"
        value={name.value}
        autocomplete="username"
        hasFocus={knownName === ""}
        onInput={(text) => {
          name.value = text;
        }}
      />
      <TextField
        label="Password"
        type="password"
        value={password.value}
        autocomplete="current-password"
        hasFocus={knownName !== ""}
        onInput={(text) => {
          password.value = text;
        }}
      />
      <button type="submit" class="button primary large" aria-disabled={isBusy} aria-busy={isBusy}>
        {isBusy ? <span class="busy-mark" aria-hidden="true" /> : null}
        Sign in
      </button>
    </form>
  );
}

/** The page before somebody is signed in. */
export function SignInPage() {
  return (
    <main class="sign-in">
      <div class="panel">
        <h1>isoguide</h1>
        <p class="dim">Treatment console: image guidance, decision and record of each fraction.</p>
        <SignInForm knownName="" onDone={() => {}} />
        <p class="dim small">Not a medical device.</p>
      </div>
    </main>
  );
}

/** The session ended: sign in over the page, which keeps what was done and repeats nothing by itself. */
export function SignInAgain() {
  return (
    <Dialog title="Your session has ended: sign in again">
      <Notice tone="info">
        The page is kept as it was. A step that was refused meanwhile was not done, and nothing is sent again
        by itself: look at the fraction, then repeat it if it is still right.
      </Notice>
      <SignInForm knownName={session.value?.name ?? ""} onDone={() => {}} />
    </Dialog>
  );
}
