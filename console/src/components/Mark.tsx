export type Tone = "info" | "good" | "warn" | "bad";

const WORDS: Readonly<Record<Tone, string>> = {
  info: "Note",
  good: "In order",
  warn: "Attention",
  bad: "Problem",
};

const PATHS: Readonly<Record<Tone, string>> = {
  info: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1Zm-1 6v5h2V7ZM7 4v2h2V4Z",
  good: "M1.5 8.5 3.3 6.7l3.2 3.2 6.2-6.2 1.8 1.8-8 8Z",
  warn: "M8 .8 15.2 8 8 15.2.8 8ZM7 4v5h2V4Zm0 6v2h2v-2Z",
  bad: "M8 1 15.6 15H.4ZM7 6v4.5h2V6Zm0 5.5v2h2v-2Z",
};

/** A sign that says the same as its colour: circle, tick, diamond, triangle. */
export function Mark({ tone, label }: { tone: Tone; label?: string }) {
  return (
    <svg class={`mark ${tone}`} viewBox="0 0 16 16" role="img" aria-label={label ?? WORDS[tone]}>
      <path d={PATHS[tone]} fill="currentColor" fill-rule="evenodd" />
    </svg>
  );
}
