import type { ComponentChildren } from "preact";
import type { Problem } from "../api/problem";
import { seconds } from "./format";
import { Mark, type Tone } from "./Mark";

/** A sentence that has to be seen: its tone is said by shape and colour. */
export function Notice(props: { tone: Tone; children: ComponentChildren; isQuiet?: boolean }) {
  return (
    <div class={`notice ${props.tone}`} role={props.isQuiet ? undefined : "status"}>
      <Mark tone={props.tone} />
      <div>{props.children}</div>
    </div>
  );
}

/** Why something was not done. */
export function ProblemNotice({ problem }: { problem: Problem }) {
  return (
    <div class="notice bad" role="alert">
      <Mark tone="bad" />
      <div>
        {problem.message}
        {problem.retryAfterS === null ? null : ` Wait ${seconds(problem.retryAfterS, 0)}.`}
      </div>
    </div>
  );
}
