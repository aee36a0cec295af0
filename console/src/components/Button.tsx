import type { ComponentChildren } from "preact";

export interface ButtonProps {
  children: ComponentChildren;
  onClick: () => void;
  tone?: "plain" | "primary" | "danger" | "hold";
  isLarge?: boolean;
  isBusy?: boolean;
  isDisabled?: boolean;
  /** Why it cannot be used, for a title; say it in the page too. */
  why?: string;
  label?: string;
  /** Space or a click only: Enter never triggers it. */
  isDeliberate?: boolean;
  hasFocus?: boolean;
}

/** Enter must not do what cannot be undone: a dialog is dismissed by it too easily. */
function refuseEnter(event: KeyboardEvent): void {
  if (event.key === "Enter") {
    event.preventDefault();
  }
}

/** A button; while it is busy a click does nothing, and it keeps the focus. */
export function Button(props: ButtonProps) {
  const { tone = "plain", isLarge = false, isBusy = false, isDisabled = false } = props;
  const isBlocked = isBusy || isDisabled;
  return (
    <button
      type="button"
      class={`button ${tone}${isLarge ? " large" : ""}`}
      aria-disabled={isBlocked}
      aria-busy={isBusy}
      aria-label={props.label}
      title={props.why}
      data-autofocus={props.hasFocus}
      onKeyDown={props.isDeliberate ? refuseEnter : undefined}
      onClick={() => {
        if (!isBlocked) {
          props.onClick();
        }
      }}
    >
      {isBusy ? <span class="busy-mark" aria-hidden="true" /> : null}
      <span>{props.children}</span>
    </button>
  );
}
