import type { Signal } from "@preact/signals";
import type { Fraction } from "../../api/documents";
import { either } from "../words";
import { SignatureFields } from "./SignatureFields";
import { needsSecond, type SigningDraft } from "./signing";

/** One or two people sign, each with the password; or the second is asked elsewhere. */
export function Signatures({ fraction, draft }: { fraction: Fraction; draft: Signal<SigningDraft> }) {
  const option = fraction.signing.find(({ action }) => action === draft.value.action);
  if (option === undefined) {
    return null;
  }
  const isDouble = needsSecond(option);
  const set = (change: Partial<SigningDraft>) => {
    draft.value = { ...draft.value, ...change };
  };
  return (
    <div class="stack">
      <SignatureFields
        legend={`Signature${isDouble ? " of the first person" : ""} (${either(option.first_roles)})`}
        value={draft.value.first}
        onInput={(first) => set({ first })}
      />
      {isDouble ? (
        <fieldset class="choices">
          <legend>Second person ({either(option.second_roles ?? [])})</legend>
          <label class="choice">
            <input
              type="radio"
              name="second"
              checked={!draft.value.asksSecond}
              onChange={() => set({ asksSecond: false })}
            />
            <span>signs here</span>
          </label>
          <label class="choice">
            <input
              type="radio"
              name="second"
              checked={draft.value.asksSecond}
              onChange={() => set({ asksSecond: true, second: { name: "", password: "" } })}
            />
            <span>is asked for a second look and answers at another console</span>
          </label>
          {draft.value.asksSecond ? null : (
            <SignatureFields
              legend="Signature of the second person"
              value={draft.value.second}
              onInput={(second) => set({ second })}
            />
          )}
        </fieldset>
      ) : null}
    </div>
  );
}
