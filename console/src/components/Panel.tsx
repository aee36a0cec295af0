import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** A part of a view with its heading. */
export function Panel(props: {
  title: string;
  children: ComponentChildren;
  aside?: ComponentChildren;
  isActive?: boolean;
}) {
  const id = useId();
  return (
    <section class={`panel${props.isActive ? " active" : ""}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{props.title}</h2>
        {props.aside}
      </header>
      {props.children}
    </section>
  );
}
