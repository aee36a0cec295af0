import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: ComponentChildren;
  hint?: string | undefined;
  problem?: string | undefined;
  children: (ids: { id: string; describedBy: string | undefined }) => ComponentChildren;
}

/** A labelled field with a hint and what is wrong with it. */
function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  const describedBy = problem || hint ? `${id}-said` : undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, describedBy })}
      {describedBy === undefined ? null : (
        <p id={describedBy} class={problem ? "field-problem" : "field-hint"}>
          {problem || hint}
        </p>
      )}
    </div>
  );
}

export interface TextFieldProps {
  label: ComponentChildren;
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "password";
  autocomplete?: string;
  hint?: string | undefined;
  problem?: string | undefined;
  hasFocus?: boolean;
  isLong?: boolean;
  list?: string;
}

/** One line (or several) of text. */
export function TextField(props: TextFieldProps) {
  const { label, value, onInput, hint, problem, isLong = false } = props;
  return (
    <Field label={label} hint={hint} problem={problem}>
      {({ id, describedBy }) => {
        const shared = {
          id,
          value,
          class: "input",
          "aria-describedby": describedBy,
          "aria-invalid": Boolean(problem),
          "data-autofocus": props.hasFocus,
          autocomplete: props.autocomplete ?? "off",
          onInput: (event: { currentTarget: { value: string } }) => onInput(event.currentTarget.value),
        };
        return isLong ? (
          <textarea rows={2} {...shared} />
        ) : (
          <input type={props.type ?? "text"} spellcheck={false} list={props.list} {...shared} />
        );
      }}
    </Field>
  );
}

/** A number that is typed, as text until it is read; the unit stands beside it. */
export function NumberField(props: {
  label: ComponentChildren;
  value: string;
  unit: string;
  onInput: (value: string) => void;
  problem?: string | undefined;
  hint?: string | undefined;
  hasFocus?: boolean;
}) {
  return (
    <Field label={props.label} problem={props.problem} hint={props.hint}>
      {({ id, describedBy }) => (
        <div class="with-unit">
          <input
            id={id}
            class="input number"
            type="text"
            inputMode="decimal"
            autocomplete="off"
            spellcheck={false}
            value={props.value}
            aria-describedby={describedBy}
            aria-invalid={Boolean(props.problem)}
            data-autofocus={props.hasFocus}
            onInput={(event) => props.onInput(event.currentTarget.value)}
          />
          <span class="unit">{props.unit}</span>
        </div>
      )}
    </Field>
  );
}

/** One of a few. */
export function SelectField<T extends string>(props: {
  label: ComponentChildren;
  value: T;
  options: readonly { value: T; words: string }[];
  onChange: (value: T) => void;
}) {
  return (
    <Field label={props.label}>
      {({ id }) => (
        <select
          id={id}
          class="input"
          value={props.value}
          onChange={(event) => props.onChange(event.currentTarget.value as T)}
        >
          {props.options.map(({ value, words }) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A box to tick. */
export function CheckField(props: {
  label: ComponentChildren;
  isChecked: boolean;
  onChange: (isChecked: boolean) => void;
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={props.isChecked}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}

/** A box that switches a signal. */
export function ToggleField({ label, of }: { label: ComponentChildren; of: Signal<boolean> }) {
  return (
    <CheckField
      label={label}
      isChecked={of.value}
      onChange={(isChecked) => {
        of.value = isChecked;
      }}
    />
  );
}
