import type { ComponentChildren } from "preact";
import { Button } from "../Button";

/** What is still missing before something can be recorded, and the buttons to leave and to record it. */
export function SignActions(props: {
  readonly missing: readonly string[];
  readonly isBusy: boolean;
  readonly isReady: boolean;
  readonly onCancel: () => void;
  readonly onSign: () => void;
  /** What the button says. */
  readonly children: ComponentChildren;
}) {
  return (
    <>
      <p class="missing" role="status">
        {props.missing.join(" ")}
      </p>
      <Button isLarge hasFocus onClick={props.onCancel}>
        Cancel
      </Button>
      <Button
        tone="primary"
        isLarge
        isDeliberate
        isBusy={props.isBusy}
        isDisabled={!props.isReady}
        onClick={props.onSign}
      >
        {props.children}
      </Button>
    </>
  );
}
