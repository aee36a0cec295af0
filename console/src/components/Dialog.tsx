import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

export interface DialogProps {
  title: string;
  children: ComponentChildren;
  /** The buttons. */
  actions?: ComponentChildren;
  /** Esc and the like; undefined: it cannot be put away. */
  onCancel?: () => void;
  tone?: "plain" | "danger";
  isWide?: boolean;
}

/** A modal dialog: the browser keeps the focus inside, Esc cancels, Enter confirms nothing. */
export function Dialog({ title, children, actions, onCancel, tone = "plain", isWide = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const shown = dialog.current;
    const before = document.activeElement;
    if (shown !== null && !shown.open) {
      shown.showModal();
      (shown.querySelector<HTMLElement>("[data-autofocus=true]") ?? shown).focus();
    }
    return () => {
      shown?.close();
      if (before instanceof HTMLElement && before.isConnected) {
        before.focus();
      }
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${tone}${isWide ? " wide" : ""}`}
      aria-labelledby={id}
      tabIndex={-1}
      onCancel={(event) => {
        event.preventDefault();
        onCancel?.();
      }}
      onKeyDown={(event) => {
        // A dialog that cannot be put away ignores Esc; Chromium closes it at the second one otherwise.
        if (event.key === "Escape") {
          event.preventDefault();
          event.stopPropagation();
          onCancel?.();
        }
      }}
    >
      <h2 id={id} class="dialog-title">
        {title}
      </h2>
      <div class="dialog-body">{children}</div>
      {actions === undefined ? null : <div class="dialog-actions">{actions}</div>}
    </dialog>
  );
}
