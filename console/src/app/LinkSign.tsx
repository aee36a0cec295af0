import { seconds } from "../components/format";
import { link, silentS } from "../state/link";

/** Whether what the page shows is of now. */
export function LinkSign() {
  const state = link.value;
  const silent = silentS.value;
  return (
    <span class={`link-sign ${state}`} role="status">
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {state === "live" ? <path d="M2 12a8.5 8.5 0 0 1 12 0M5 14.5a4.2 4.2 0 0 1 6 0M2 7.5h12" /> : null}
        {state === "late" ? <path d="M8 2v7l4 3M8 1.5a6.5 6.5 0 1 1-.1 0" /> : null}
        {state === "lost" ? <path d="M2 2l12 12M14 2 2 14" /> : null}
      </svg>
      {state === "live" ? "Live" : null}
      {state === "late" ? `Late${silent === null ? "" : ` ${seconds(silent)}`}` : null}
      {state === "lost" ? "NO LINK" : null}
    </span>
  );
}
