import { partOfState } from "../components/words";
import { course, fraction } from "../state/fraction";
import { hashOf, type Part, type Route, route } from "./router";

const PART_WORDS: Readonly<Record<Part, string>> = {
  setup: "Set-up",
  align: "Align",
  treat: "Treat",
  review: "Review",
};

const DEPARTMENT = [
  ["population", "Population"],
  ["protocols", "Protocols"],
  ["audit", "Audit"],
  ["account", "Account"],
] as const;

function NavLink(props: { to: Route; words: string; isCurrent: boolean; isNext?: boolean }) {
  return (
    <a href={hashOf(props.to)} aria-current={props.isCurrent ? "page" : undefined}>
      {props.words}
      {props.isNext ? (
        <span class="now" title="the next step is here">
          <span aria-hidden="true">●</span>
          <span class="visually-hidden">(the next step is here)</span>
        </span>
      ) : null}
    </a>
  );
}

/** The parts of the open fraction. */
function FractionLinks({ at }: { at: Extract<Route, { view: "course" }> }) {
  const now = fraction.value;
  const next = now === null ? null : partOfState(now.state);
  const parts: readonly Part[] = at.number === 0 ? ["review"] : ["setup", "align", "treat", "review"];
  return (
    <>
      <span class="nav-divider" />
      {parts.map((part) => (
        <NavLink
          key={part}
          to={{ ...at, part }}
          words={PART_WORDS[part]}
          isCurrent={at.part === part}
          isNext={next === part}
        />
      ))}
    </>
  );
}

/** Where one can go. */
export function Nav() {
  const at = route.value;
  const isOpen = at.view === "course" && (course.value !== null || fraction.value !== null);
  return (
    <nav class="nav" aria-label="Views">
      <NavLink to={{ view: "worklist" }} words="Worklist" isCurrent={at.view === "worklist"} />
      {at.view === "course" && isOpen ? <FractionLinks at={at} /> : null}
      <span class="nav-space" />
      {DEPARTMENT.map(([view, words]) => (
        <NavLink key={view} to={{ view }} words={words} isCurrent={at.view === view} />
      ))}
      <span class="nav-mark">Not a medical device</span>
    </nav>
  );
}
