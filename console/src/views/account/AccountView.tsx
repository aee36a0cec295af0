import { useSignal } from "@preact/signals";
import { changePassword } from "../../api/calls";
import type { Problem } from "../../api/problem";
import { Button } from "../../components/Button";
import { TextField } from "../../components/Fields";
import { dayAndTime } from "../../components/format";
import { Notice, ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { isUnderWay, once } from "../../state/actions";
import { session, takeSession } from "../../state/session";

function Who() {
  const who = session.value;
  if (!who) {
    return null;
  }
  return (
    <Panel title="Signed in">
      <dl class="facts">
        <dt>User name</dt>
        <dd>{who.name}</dd>
        <dt>Role</dt>
        <dd>
          {who.role}
          {who.is_administrator ? ", administrator" : ""}
        </dd>
        <dt>Session ends</dt>
        <dd>{dayAndTime(who.expires_at)}</dd>
        <dt>isoguide</dt>
        <dd>{who.version}</dd>
      </dl>
    </Panel>
  );
}

const LEAST_LETTERS = 12;

/** Change one's own password. */
function ChangePassword() {
  const typed = useSignal({ old: "", next: "", again: "" });
  const problem = useSignal<Problem | null>(null);
  const isDone = useSignal(false);
  const { old, next, again } = typed.value;
  const differs = again !== "" && next !== again;
  const set = (change: Partial<typeof typed.value>) => {
    typed.value = { ...typed.value, ...change };
    isDone.value = false;
  };
  const change = async () => {
    const outcome = await once("password", async () => takeSession(await changePassword(old, next)));
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
    if (outcome.kind === "done") {
      typed.value = { old: "", next: "", again: "" };
      isDone.value = true;
    }
  };
  return (
    <Panel title="Change the password">
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      {isDone.value ? <Notice tone="good">The password was changed.</Notice> : null}
      <TextField
        label="Password now"
        type="password"
        autocomplete="current-password"
        value={old}
        onInput={(text) => set({ old: text })}
      />
      <TextField
        label="New password"
        type="password"
        autocomplete="new-password"
        value={next}
        hint={`At least ${LEAST_LETTERS} characters`}
        onInput={(text) => set({ next: text })}
      />
      <TextField
        label="New password once more"
        type="password"
        autocomplete="new-password"
        value={again}
        problem={differs ? "It is not the same as the new password." : ""}
        onInput={(text) => set({ again: text })}
      />
      <div class="buttons">
        <Button
          tone="primary"
          isBusy={isUnderWay("password")}
          isDisabled={old === "" || next.length < LEAST_LETTERS || next !== again}
          onClick={() => void change()}
        >
          Change the password
        </Button>
      </div>
    </Panel>
  );
}

/** Who is signed in. */
export function AccountView() {
  return (
    <>
      <div class="view-head">
        <h1>Account</h1>
      </div>
      <div class="columns">
        <Who />
        <ChangePassword />
      </div>
    </>
  );
}
