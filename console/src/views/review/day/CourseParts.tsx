import { asSentence } from "../../../api/problem";
import { Notice } from "../../../components/Notice";

/** What was raised over a course by anatomy or dose; one that has ended is told too. */
export function CourseAlerts(props: {
  readonly alerts: readonly { readonly in_words: string; readonly ended_in: number | null }[];
}) {
  return (
    <>
      {props.alerts.map(({ in_words, ended_in }) => (
        <Notice key={in_words} tone={ended_in === null ? "warn" : "info"} isQuiet>
          {asSentence(in_words)}
        </Notice>
      ))}
    </>
  );
}

/** The days by which nothing may be decided, and why. */
export function DoubtfulDays(props: {
  readonly days: readonly {
    readonly fraction: number;
    readonly verdict: string;
    readonly reasons: readonly string[];
  }[];
}) {
  return (
    <>
      {props.days
        .filter(({ verdict }) => verdict !== "for decision")
        .map(({ fraction, verdict, reasons }) => (
          <p key={fraction} class="small">
            Fraction {fraction}: <b>{verdict}</b>. {reasons.map(asSentence).join(" ")}
          </p>
        ))}
    </>
  );
}
