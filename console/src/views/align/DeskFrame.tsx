import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Fraction } from "../../api/documents";
import { Button } from "../../components/Button";
import { ApproveDialog, VerdictPanel } from "../../components/decision";
import { treatsOnMatch } from "../../components/decision/signing";
import { Notice } from "../../components/Notice";
import { KeyHelp } from "../../components/viewer/KeyHelp";
import { PosePanel } from "../../components/viewer/PosePanel";
import { isUnderWay } from "../../state/actions";
import { MODE_WORDS } from "./look";
import type { Pictures } from "./pictures";
import { ORIENTATIONS } from "./planeState";
import type { StandingState } from "./standing";
import { UseDialog } from "./UseDialog";
import type { DeskProps } from "./useDesk";

export interface DeskFrameProps extends DeskProps {
  readonly standing: StandingState;
  readonly pictures: Pictures | null;
  readonly tools: ComponentChildren;
  readonly children: ComponentChildren;
}

type Open = "none" | "use" | "decide" | "other";

/** Tools on the left, views in the middle, position and decision on the right. */
export function DeskFrame(props: DeskFrameProps) {
  const { session, fraction, standing, pictures, tools, children } = props;
  const open = useSignal<Open>("none");
  const isMatching = session.isMatching.value;
  const maximised = session.maximised.value;
  const match = standing.match.value;
  return (
    <>
      <DeskBanners {...props} />
      <div class="desk">
        <aside class="desk-tools" aria-label="Images">
          {tools}
          <Button onClick={() => session.resetViews()}>Reset views (R)</Button>
          <Button
            onClick={() => {
              session.isHelpOpen.value = true;
            }}
          >
            Keys and mouse (?)
          </Button>
        </aside>
        <div class={`desk-views${isMatching ? " matching" : ""}${maximised === null ? "" : " maximised"}`}>
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
          <DecideButtons standing={standing} open={(what) => (open.value = what)} />
        </aside>
      </div>
      {session.isHelpOpen.value ? (
        <KeyHelp
          onClose={() => {
            session.isHelpOpen.value = false;
          }}
        />
      ) : null}
      {open.value === "use" ? (
        <UseDialog
          session={session}
          fraction={fraction}
          standing={standing}
          onClose={() => (open.value = "none")}
        />
      ) : null}
      {match !== null && (open.value === "decide" || open.value === "other") ? (
        <ApproveDialog
          fraction={open.value === "decide" ? fraction : withoutTreating(fraction)}
          match={match}
          matchIndex={fraction.matches.indexOf(match)}
          seen={seenOf(props)}
          onClose={() => (open.value = "none")}
        />
      ) : null}
    </>
  );
}

/** What may be decided although the match on the screen must not be treated on. */
function withoutTreating(fraction: Fraction): Fraction {
  return { ...fraction, signing: fraction.signing.filter(({ action }) => !treatsOnMatch(action)) };
}

function DeskBanners({ session, standing }: DeskFrameProps) {
  const what =
    session.daily.kind === "volume" ? "the day's image moves" : "the shadow of the planning CT moves";
  const overtaken = standing.overtaken.value;
  const stale = standing.staleWords.value;
  const countdown = standing.countdown.value;
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
      {stale === "" ? null : <Notice tone="bad">{stale}. Take a new image.</Notice>}
      {countdown === "" ? null : <Notice tone="warn">{countdown}</Notice>}
      {overtaken === "" ? null : <Notice tone="warn">{overtaken}</Notice>}
    </div>
  );
}

function DecideButtons(props: { standing: StandingState; open: (what: Open) => void }) {
  const { standing, open } = props;
  const reasons = standing.whyNotApprove.value;
  const hasMatch = standing.match.value !== null;
  return (
    <div class="decide">
      {reasons.length === 0 ? null : (
        <ul class="list why-not" role="status">
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
        onClick={() => open("decide")}
      >
        Approve, or ask for a second look…
      </Button>
      <Button isLarge isDeliberate isDisabled={!hasMatch} onClick={() => open("other")}>
        Image again, set up again, stop…
      </Button>
    </div>
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
  return [
    ...seen,
    {
      words: `Slices were leafed through: ${scrolled.join(", ") || "in no plane"}`,
      wasSeen: scrolled.length === ORIENTATIONS.length,
    },
  ];
}
