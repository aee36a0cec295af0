import { type Binding, KEY_MAP, MOUSE_WORDS } from "../../input/keymap";
import { Button } from "../Button";
import { Dialog } from "../Dialog";

const SCOPES = [
  ["always", "Always"],
  ["navigate", "While navigating"],
  ["match", "In match mode"],
] as const satisfies readonly (readonly [Binding["scope"], string])[];

const NAMES: readonly (readonly [RegExp, string])[] = [
  [/ArrowLeft/, "←"],
  [/ArrowRight/, "→"],
  [/ArrowUp/, "↑"],
  [/ArrowDown/, "↓"],
  [/Escape/, "Esc"],
  [/Page/, "Page "],
];

/** Keys as they are printed on a keyboard. */
function printed(chord: string): string {
  const named = NAMES.reduce((text, [found, name]) => text.replace(found, name), chord);
  return named.replace(
    /(^|\+)([a-z])$/,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );
}

/** Lines of the help: words, and the keys that they are about. */
function linesOf(scope: Binding["scope"]): readonly (readonly [string, readonly string[]])[] {
  const lines = new Map<string, string[]>();
  for (const { chord, words, group } of KEY_MAP.filter((binding) => binding.scope === scope)) {
    const line = lines.get(group ?? words) ?? [];
    line.push(chord);
    lines.set(group ?? words, line);
  }
  return [...lines];
}

/** Every key and every button of the mouse. */
export function KeyHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog
      title="Keys and mouse"
      isWide
      onCancel={onClose}
      actions={
        <Button hasFocus onClick={onClose}>
          Close
        </Button>
      }
    >
      <div class="key-help">
        <section>
          <h3>Mouse</h3>
          <dl>
            {MOUSE_WORDS.map(([button, words]) => (
              <div key={button}>
                <dt>{button}</dt>
                <dd>{words}</dd>
              </div>
            ))}
          </dl>
        </section>
        {SCOPES.map(([scope, title]) => (
          <section key={scope}>
            <h3>{title}</h3>
            <dl>
              {linesOf(scope).map(([words, chords]) => (
                <div key={words}>
                  <dt>
                    {chords.map((chord) => (
                      <kbd key={chord}>{printed(chord)}</kbd>
                    ))}
                  </dt>
                  <dd>{words}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
