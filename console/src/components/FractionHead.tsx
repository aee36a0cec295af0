import type { ComponentChildren } from "preact";
import type { Fraction } from "../api/documents";
import { asSentence } from "../api/problem";
import { Chip } from "./Chip";
import { WaitingWords } from "./decision/SignedRecord";
import { Notice } from "./Notice";
import { capital, stateTone, stateWords } from "./words";

/** Where a fraction is and what can be done now: the head of each of its views. */
export function FractionHead(props: { fraction: Fraction; title: string; children?: ComponentChildren }) {
  const { fraction, title } = props;
  const waiting = fraction.waiting_signature;
  return (
    <>
      <div class="view-head">
        <div class="head-state">
          <h1>{title}</h1>
          <Chip tone={stateTone(fraction.state)}>{stateWords(fraction.state)}</Chip>
          <p aria-live="polite">
            <span class="dim">Next:</span> <b>{capital(fraction.next_steps.join("; ") || "nothing")}</b>
          </p>
        </div>
        {props.children}
      </div>
      <div class="head-notices">
        {fraction.reason === "" || fraction.state === "beam on" ? null : (
          <Notice tone="info">{asSentence(fraction.reason)}</Notice>
        )}
        {waiting === null ? null : (
          <Notice tone="warn">
            <WaitingWords waiting={waiting} />
          </Notice>
        )}
      </div>
    </>
  );
}
