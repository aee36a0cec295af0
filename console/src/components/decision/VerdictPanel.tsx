import type { Decision, Fraction, Match, SigningOption } from "../../api/documents";
import { lengthMm, timeOfDay } from "../format";
import { Mark } from "../Mark";
import { Panel } from "../Panel";
import { SixTable } from "../SixTable";
import { ACTION_WORDS, capital } from "../words";
import { signersWords } from "./signing";
import { verdictOf } from "./verdict";

/** The verdict of a match in words, with its reasons. */
export function Verdict({ match }: { match: Match }) {
  const { tone, words } = verdictOf(match);
  return (
    <div class={`verdict ${tone}`} role="status">
      <p class="verdict-line">
        <Mark tone={tone} />
        <b>{words}</b>
      </p>
      {match.reasons.length === 0 ? null : (
        <ul class="list">
          {match.reasons.map((reason) => (
            <li key={reason}>{capital(reason)}</li>
          ))}
        </ul>
      )}
      {match.needs_person.map((why) => (
        <p key={why}>{capital(why)}.</p>
      ))}
    </div>
  );
}

/** What the protocol says, by which rule. */
export function Proposal({ decision }: { decision: Decision }) {
  const isRoutine = decision.action === "correct" || decision.action === "no correction";
  return (
    <div class="stack tight">
      <p class="proposal">
        <Mark tone={isRoutine ? "good" : "warn"} label="The protocol says" />
        <b>Protocol: {ACTION_WORDS[decision.action]}</b>
      </p>
      <p>{capital(decision.rule)}</p>
      {decision.agreed === null || decision.agreed === decision.action ? null : (
        <p>If those who look agree with the match: {ACTION_WORDS[decision.agreed].toLowerCase()}.</p>
      )}
      {decision.doubts.length === 0 ? null : (
        <ul class="list">
          {decision.doubts.map((doubt) => (
            <li key={doubt}>{capital(doubt)}</li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** Whose signatures the options need. */
export function SigningOptions({ signing }: { signing: readonly SigningOption[] }) {
  return (
    <ul class="options">
      {signing.map((option) => (
        <li key={option.action}>
          <b>{ACTION_WORDS[option.action]}</b>
          {option.is_proposed ? " (what the protocol says)" : ""}
          <br />
          <span class="dim small">
            {option.barred_because === "" ? signersWords(option) : `Not possible: ${option.barred_because}.`}
          </span>
        </li>
      ))}
    </ul>
  );
}

/**
 * Everything that a decision rests on: verdict, numbers with uncertainty, rule, limits, who may sign.
 *
 * @param match - The one that is looked at; null where there is none yet.
 * @param hasNumbers - False where the numbers stand elsewhere already.
 */
export function VerdictPanel(props: { fraction: Fraction; match: Match | null; hasNumbers?: boolean }) {
  const { fraction, match, hasNumbers = true } = props;
  const image = fraction.images.find(({ uid }) => uid === match?.image_uid);
  return (
    <Panel title="Match and decision">
      {match === null ? (
        <p class="dim">No image of this fraction has been matched.</p>
      ) : (
        <Verdict match={match} />
      )}
      {match !== null && hasNumbers ? (
        <>
          <SixTable values={match.correction} deviation={match.deviation} label="Correction of the match" />
          <p class="small">
            Left at the target {lengthMm(match.residual_mm)};{" "}
            {match.is_by_hand ? "matched by hand" : match.algorithm}; image of {timeOfDay(image?.acquired_at)}
            .
          </p>
        </>
      ) : null}
      {fraction.decision === null ? null : <Proposal decision={fraction.decision} />}
      {fraction.signing.length === 0 ? null : (
        <details>
          <summary>Who may decide what</summary>
          <SigningOptions signing={fraction.signing} />
        </details>
      )}
      {fraction.limits.length === 0 ? null : (
        <details>
          <summary>Limits of {fraction.protocol}</summary>
          <ul class="list">
            {fraction.limits.map((limit) => (
              <li key={limit}>{capital(limit)}</li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}
