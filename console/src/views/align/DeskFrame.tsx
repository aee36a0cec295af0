import { type ReadonlySignal, type Signal, useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Action, Fraction, WaitingSignature } from "../../api/documents";
import { Button } from "../../components/Button";
import { ApproveDialog, SecondLookDialog, VerdictPanel, WaitingWords } from "../../components/decision";
import { Notice } from "../../components/Notice";
import { DeformationPanel } from "../../components/viewer/DeformationPanel";
import { KeyHelp } from "../../components/viewer/KeyHelp";
import { PosePanel } from "../../components/viewer/PosePanel";
import { isUnderWay } from "../../state/actions";
import { session as signedIn } from "../../state/session";
import { StopButton } from "../treat/StopButton";
import { MODE_WORDS } from "./look";
import type { Pictures } from "./pictures";
import { ORIENTATIONS } from "./planeState";
import type { StandingState } from "./standing";
import { UseDialog } from "./UseDialog";
import { forReviewWords, GROUND_WORDS, matchedGround } from "./ultrasound";
import type { DeskProps } from "./useDesk";

export interface DeskFrameProps extends DeskProps {
  readonly standing: StandingState;
  readonly pictures: Pictures | null;
  readonly isSeen: ReadonlySignal<boolean>;
  readonly tools: ComponentChildren;
  readonly children: ComponentChildren;
}

/** What is signed in the dialog: anything, or only what the button that opened it says. */
type Decide = "anything" | "second look" | "again";
type Open = "none" | "use" | Decide;

/** Tools on the left, views in the middle, position and decision on the right. */
export function DeskFrame(props: DeskFrameProps) {
  const { session, fraction, standing, pictures, tools, children } = props;
  const open = useSignal<Open>("none");
  // Kept beside the fraction: its answer takes the question away while the dialog still says what was recorded.
  const answered = useSignal<WaitingSignature | null>(null);
  // For whoever measures the page from outside: whether all is drawn, and how long the last frame took.
  const isSeen = useComputed(() => String((pictures?.isNewest ?? props.isSeen).value));
  const latencyMs = useComputed(() => pictures?.report.value?.latencyMs.toFixed(1));
  const isMatching = session.isMatching.value;
  const maximised = session.maximised.value;
  const match = standing.match.value;
  return (
    <>
      <DeskBanners {...props} />
      <div class="desk">
        <aside class="desk-tools" aria-label="Images">
          <div class="buttons">
            <Button label="Reset views (R)" onClick={() => session.resetViews()}>
              Reset views
            </Button>
            <Button
              label="Keys and mouse (?)"
              onClick={() => {
                session.isHelpOpen.value = true;
              }}
            >
              Keys ?
            </Button>
          </div>
          {tools}
        </aside>
        <div
          class={`desk-views${isMatching ? " matching" : ""}${maximised === null ? "" : " maximised"}`}
          data-seen={isSeen}
          data-latency-ms={latencyMs}
        >
          {children}
        </div>
        <aside class="desk-decision" aria-label="Position and decision">
          <PosePanel
            session={session}
            pictures={pictures}
            fraction={fraction}
            standingWords={standing.words}
            whyNotUse={standing.whyNotUse}
            isUsing={isUnderWay(`match ${fraction.course_id}/${fraction.number}`)}
            onUse={() => {
              open.value = "use";
            }}
          />
          <VerdictPanel fraction={fraction} match={match} hasNumbers={false} />
          {session.daily.kind === "ultrasound" ? <DeformationPanel session={session} /> : null}
          <DecideButtons
            fraction={fraction}
            standing={standing}
            open={(what) => {
              open.value = what;
            }}
            answer={(waiting) => {
              answered.value = waiting;
            }}
          />
        </aside>
      </div>
      <DeskDialogs {...props} open={open} answered={answered} />
    </>
  );
}

/** The one dialog that lies over the desk, if any. */
function DeskDialogs(
  props: DeskFrameProps & {
    readonly open: Signal<Open>;
    readonly answered: Signal<WaitingSignature | null>;
  },
) {
  const { session, fraction, standing, open, answered } = props;
  const match = standing.match.value;
  const close = () => {
    open.value = "none";
  };
  return (
    <>
      {session.isHelpOpen.value ? (
        <KeyHelp
          onClose={() => {
            session.isHelpOpen.value = false;
          }}
        />
      ) : null}
      {open.value === "use" ? (
        <UseDialog session={session} fraction={fraction} standing={standing} onClose={close} />
      ) : null}
      {answered.value === null ? null : (
        <SecondLookDialog
          fraction={fraction}
          waiting={answered.value}
          onClose={() => {
            answered.value = null;
          }}
        />
      )}
      {match !== null && open.value !== "none" && open.value !== "use" ? (
        <ApproveDialog
          fraction={onlyFor(fraction, open.value)}
          match={match}
          matchIndex={fraction.matches.indexOf(match)}
          seen={seenOf(props)}
          onClose={close}
        />
      ) : null}
    </>
  );
}

const ACTIONS: Readonly<Record<Exclude<Decide, "anything">, readonly Action[]>> = {
  "second look": ["second look"],
  again: ["image again", "set up again"],
};

/** The fraction with no more to choose from than what a button says. */
function onlyFor(fraction: Fraction, decide: Decide): Fraction {
  return decide === "anything"
    ? fraction
    : { ...fraction, signing: fraction.signing.filter(({ action }) => ACTIONS[decide].includes(action)) };
}

function DeskBanners({ session, standing, fraction }: DeskFrameProps) {
  const what =
    session.daily.kind === "radiographs" ? "the shadow of the planning CT moves" : "the day's image moves";
  const overtaken = standing.overtaken.value;
  const stale = standing.staleWords.value;
  const countdown = standing.countdown.value;
  const forReview = forReviewWords(session.daily);
  return (
    <div class="desk-banners">
      {session.isMatching.value ? (
        <p class="match-banner" role="status">
          MATCH MODE: {what}
          <span>Arrows 1 mm, Shift 5, Ctrl 0.1 · Page Up/Down through the plane · Q/E turn · Esc leaves</span>
        </p>
      ) : null}
      {session.isWindowing.value ? (
        <p class="window-banner" role="status">
          Left button: window and level (W or Esc leaves)
        </p>
      ) : null}
      {standing.over.value === "" ? null : <Notice tone="info">{standing.over}</Notice>}
      {forReview === "" ? null : <Notice tone="warn">{forReview}</Notice>}
      {stale === "" ? null : <Notice tone="bad">{stale}. Take a new image.</Notice>}
      {countdown === "" ? null : <Notice tone="warn">{countdown}</Notice>}
      {overtaken === "" ? null : <Notice tone="warn">{overtaken}</Notice>}
      {fraction.waiting_signature === null ? null : (
        <Notice tone="warn">
          <WaitingWords waiting={fraction.waiting_signature} />
        </Notice>
      )}
    </div>
  );
}

function DecideButtons(props: {
  readonly fraction: Fraction;
  readonly standing: StandingState;
  readonly open: (what: Decide) => void;
  readonly answer: (waiting: WaitingSignature) => void;
}) {
  const { fraction, standing, open } = props;
  const reasons = standing.whyNotApprove.value;
  const hasMatch = standing.match.value !== null;
  const isThere = (decide: Exclude<Decide, "anything">) =>
    hasMatch && onlyFor(fraction, decide).signing.some(({ barred_because }) => barred_because === "");
  return (
    <div class="decide">
      {reasons.length === 0 ? null : (
        <ul class="list why-not" role="status" aria-label="Why it cannot be approved">
          {reasons.map((reason) => (
            <li key={reason}>{reason}</li>
          ))}
        </ul>
      )}
      <Button
        tone="primary"
        isLarge
        isDeliberate
        isDisabled={reasons.length > 0}
        why={reasons.join(" ")}
        onClick={() => open("anything")}
      >
        Approve…
      </Button>
      <SecondLookButton {...props} reasons={reasons} isThere={isThere("second look")} />
      <Button isLarge isDeliberate isDisabled={!isThere("again")} onClick={() => open("again")}>
        Image again…
      </Button>
      <StopButton fraction={fraction} />
    </div>
  );
}

/** Ask another person to look; or answer, for anybody but who asked. */
function SecondLookButton(props: {
  readonly fraction: Fraction;
  readonly reasons: readonly string[];
  readonly isThere: boolean;
  readonly open: (what: Decide) => void;
  readonly answer: (waiting: WaitingSignature) => void;
}) {
  const { fraction, reasons, isThere, open, answer } = props;
  const waiting = fraction.waiting_signature;
  if (waiting !== null && signedIn.value?.name !== waiting.by) {
    return (
      <Button
        tone="primary"
        isLarge
        isDeliberate
        isDisabled={reasons.length > 0}
        why={reasons.join(" ")}
        onClick={() => answer(waiting)}
      >
        Answer the second look…
      </Button>
    );
  }
  return (
    <Button isLarge isDeliberate isDisabled={!isThere} onClick={() => open("second look")}>
      Second look…
    </Button>
  );
}

/** What the page saw of how somebody looked, for who signs. */
function seenOf({ session, standing }: DeskFrameProps): { words: string; wasSeen: boolean }[] {
  const ways = session.lookedAt.peek();
  const modes = Object.entries(MODE_WORDS).filter(([mode]) => ways.has(mode));
  const seen = [
    {
      words: "Both images were on the screen in full, as matched",
      wasSeen: standing.whyNotApprove.peek().length === 0,
    },
    {
      words: `Looked at as: ${modes.map(([, words]) => words.toLowerCase()).join(", ")}${ways.has("flicker") ? ", flicker" : ""}`,
      wasSeen: modes.length > 0,
    },
  ];
  if (session.daily.kind === "radiographs") {
    return seen;
  }
  const scrolled = ORIENTATIONS.filter((orientation) => ways.has(orientation));
  const grounds = session.grounds.filter((ground) => ways.has(GROUND_WORDS[ground]));
  const lain = {
    words: `The day's ultrasound was looked at on: ${grounds.map((one) => GROUND_WORDS[one]).join(", ") || "nothing"}`,
    wasSeen: grounds.includes(matchedGround(session.daily)),
  };
  return [
    ...seen,
    ...(session.daily.kind === "ultrasound" ? [lain] : []),
    {
      words: `Slices were leafed through: ${scrolled.join(", ") || "in no plane"}`,
      wasSeen: scrolled.length === ORIENTATIONS.length,
    },
  ];
}
