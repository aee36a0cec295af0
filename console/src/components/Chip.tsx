import type { ComponentChildren } from "preact";

/** A short word in a frame; its shape and word say what its colour says. */
export function Chip({
  tone = "idle",
  children,
}: {
  tone?: "idle" | "active" | "good" | "warn" | "bad" | "beam";
  children: ComponentChildren;
}) {
  return <span class={`chip ${tone}`}>{children}</span>;
}
