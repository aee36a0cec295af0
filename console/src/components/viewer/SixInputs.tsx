import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { couchCorrection } from "../../geometry/correction";
import {
  AXES,
  type AxisWords,
  readTyped,
  shortDirection,
  signed,
  spoken,
  toleranceWord,
} from "../../state/poseNumbers";
import type { AlignSession } from "../../views/align/alignSession";

interface SixInputsProps {
  readonly session: AlignSession;
  /** An image that calls for less confirms the position. */
  readonly toleranceMm: number;
  readonly toleranceDeg: number;
}

/** The six numbers of the correction that the position calls for: read, and in match mode typed. */
export function SixInputs({ session, toleranceMm, toleranceDeg }: SixInputsProps) {
  return (
    <table class="six-inputs">
      <caption class="visually-hidden">
        The couch correction that this position calls for. Tolerance of the protocol {toleranceMm} mm and{" "}
        {toleranceDeg} degrees.
      </caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="visually-hidden">Axis</span>
          </th>
          <th scope="col">Couch moves</th>
          <th scope="col">
            <span class="visually-hidden">Direction</span>
          </th>
          <th scope="col">Tolerance</th>
        </tr>
      </thead>
      <tbody>
        {AXES.map((words) => (
          <AxisRow
            key={words.axis}
            session={session}
            words={words}
            tolerance={words.unit === "mm" ? toleranceMm : toleranceDeg}
          />
        ))}
      </tbody>
    </table>
  );
}

interface AxisRowProps {
  readonly session: AlignSession;
  readonly words: AxisWords;
  readonly tolerance: number;
}

function AxisRow({ session, words, tolerance }: AxisRowProps) {
  const value = useComputed(() => session.hand.correction.value[words.axis]);
  const direction = useComputed(() => shortDirection(words, value.value));
  const inside = useComputed(() => toleranceWord(value.value, tolerance));
  const sign = useComputed(() => inside.value.sign);
  const word = useComputed(() => inside.value.word);
  const tone = useComputed(() => `tolerance ${inside.value.isInside ? "good" : "warn"}`);
  return (
    <tr>
      <th scope="row">
        <abbr title={`${words.name}: + is ${words.positive}, − is ${words.negative}`}>{words.short}</abbr>
      </th>
      <td>
        <AxisInput session={session} words={words} value={value} />
      </td>
      <td class="direction">{direction}</td>
      <td class={tone}>
        <span aria-hidden="true">{sign}</span> {word}{" "}
        <span class="nowrap">
          ±{tolerance}
          {words.unit === "mm" ? "" : "°"}
        </span>
      </td>
    </tr>
  );
}

/** One number: what is typed counts with Enter or when the field is left, as a whole or not at all. */
function AxisInput(
  props: Pick<AxisRowProps, "session" | "words"> & { readonly value: ReadonlySignal<number> },
) {
  const { session, words, value } = props;
  const typed = useSignal<string | null>(null);
  const problem = useSignal("");
  const id = useId();
  const shown = useComputed(() => typed.value ?? signed(value.value, words.unit));
  const readOnly = useComputed(() => !session.isMatching.value);
  const invalid = useComputed(() => problem.value !== "");
  const label = useComputed(() => `${spoken(words, value.value)}; + is ${words.positive}`);
  const commit = () => {
    const text = typed.peek();
    typed.value = null;
    if (text === null || text === signed(value.peek(), words.unit) || !session.isMatching.peek()) {
      problem.value = "";
      return;
    }
    const read = readTyped(text, words);
    problem.value = "problem" in read ? read.problem : "";
    if ("value" in read) {
      // From the pose and not from what is shown, so that the five others keep the digits that nobody sees.
      const now = couchCorrection(session.hand.pose.peek(), session.hand.setup);
      session.hand.type({ ...now, [words.axis]: read.value });
    }
  };
  return (
    <>
      <span class="with-unit">
        <input
          class="input number"
          type="text"
          inputMode="decimal"
          autocomplete="off"
          spellcheck={false}
          value={shown}
          readOnly={readOnly}
          aria-label={label}
          aria-invalid={invalid}
          aria-describedby={id}
          onInput={(event) => {
            typed.value = event.currentTarget.value;
          }}
          onFocus={(event) => event.currentTarget.select()}
          onBlur={commit}
          onKeyDown={(event) => {
            if (event.key === "Enter") {
              commit();
            } else if (event.key === "Escape") {
              typed.value = null;
              problem.value = "";
              event.stopPropagation();
            }
          }}
        />
        <span class="unit">{words.unit}</span>
      </span>
      <span id={id} class="field-problem" role="alert">
        {problem}
      </span>
    </>
  );
}
