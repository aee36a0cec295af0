import type { ComponentChildren } from "preact";

/** A table that may be wider than the page: then it is scrolled, by keys too. */
export function TableFrame(props: {
  readonly label: string;
  readonly children: ComponentChildren;
  /** Further classes of the frame and of the table. */
  readonly frame?: string;
  readonly table?: string;
}) {
  const { label, children, frame = "", table = "" } = props;
  return (
    <section
      class={`table-frame ${frame}`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what is wider than the page is scrolled by keys
      tabIndex={0}
      aria-label={label}
    >
      <table class={`table ${table}`}>{children}</table>
    </section>
  );
}

/** The headings of a table, those of columns of numbers to the right. */
export function Headings(props: { readonly names: readonly string[]; readonly numbers?: readonly string[] }) {
  return (
    <thead>
      <tr>
        {props.names.map((name) => (
          <th key={name} scope="col" class={props.numbers?.includes(name) ? "number" : undefined}>
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
