import { percent } from "./format";

/** How far long work is. */
export function Progress({ share, label }: { share: number; label: string }) {
  const done = Math.min(1, Math.max(0, share));
  return (
    <div class="progress">
      <progress max={1} value={done} aria-label={label} />
      <span class="number">{percent(done)}</span>
    </div>
  );
}
