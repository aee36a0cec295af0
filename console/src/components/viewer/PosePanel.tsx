import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { Fraction } from "../../api/documents";
import { canRedo, canUndo, isSamePose, MOST_MOVEMENTS } from "../../state/pose";
import { poseDistance } from "../../state/poseNumbers";
import type { AlignSession } from "../../views/align/alignSession";
import type { Pictures } from "../../views/align/pictures";
import { SIX_AXES } from "../axes";
import { Button } from "../Button";
import { axisValue, counted, lengthMm, plain, sizeDeg } from "../format";
import { Notice } from "../Notice";
import { Panel } from "../Panel";
import { SixInputs } from "./SixInputs";

export interface PosePanelProps {
  readonly session: AlignSession;
  /** Null for radiographs: their pictures come from the service. */
  readonly pictures: Pictures | null;
  readonly fraction: Fraction;
  /** What the position is: the match of the service, or a draft. */
  readonly standingWords: ReadonlySignal<string>;
  readonly whyNotUse: ReadonlySignal<readonly string[]>;
  readonly onUse: () => void;
  readonly isUsing: boolean;
}

/** The position of the day's image in terms of the couch, and the tools that move it. */
export function PosePanel(props: PosePanelProps) {
  const { session, fraction, standingWords, onUse } = props;
  const isMatching = session.isMatching.value;
  const reasons = props.whyNotUse.value;
  return (
    <Panel
      title="Position"
      isActive={isMatching}
      aside={
        <Button
          tone={isMatching ? "hold" : "plain"}
          label={isMatching ? "Leave match mode (M or Esc)" : "Match by hand (M)"}
          onClick={() => session.setMatching(!isMatching)}
        >
          {isMatching ? "Leave match mode" : "Match by hand (M)"}
        </Button>
      }
    >
      <p class="standing" role="status">
        {standingWords}
      </p>
      <SixInputs
        session={session}
        toleranceMm={fraction.tolerance_mm}
        toleranceDeg={fraction.tolerance_deg}
      />
      {isMatching ? <HandTools session={session} /> : null}
      <Likeness {...props} />
      {fraction.degrees_of_freedom < 6 ? (
        <CouchDoes session={session} freedom={fraction.degrees_of_freedom} />
      ) : null}
      <Limits session={session} />
      {session.isMatching.value || reasons.length === 0 ? (
        <div class="use">
          <Button
            tone="primary"
            isDeliberate
            isBusy={props.isUsing}
            isDisabled={reasons.length > 0}
            why={reasons.join(" ")}
            onClick={onUse}
          >
            Use this position
          </Button>
          <p class="small dim">
            {reasons.length > 0 ? reasons.join(" ") : "It becomes the match; approving it is another step."}
          </p>
        </div>
      ) : null}
    </Panel>
  );
}

function HandTools({ session }: { session: AlignSession }) {
  const history = session.hand.history.value;
  const automatic = session.automatic.value;
  const pose = session.hand.pose.value;
  const left = MOST_MOVEMENTS - history.movements.length;
  return (
    <div class="hand-tools">
      <div class="buttons">
        <Button isDisabled={!canUndo(history)} label="Undo (Ctrl+Z)" onClick={() => session.hand.undo()}>
          Undo
        </Button>
        <Button isDisabled={!canRedo(history)} label="Redo (Ctrl+Y)" onClick={() => session.hand.redo()}>
          Redo
        </Button>
        <Button
          isDisabled={automatic === null || isSamePose(automatic, pose)}
          why={automatic === null ? "The engine gave no answer for this image." : ""}
          label="Go to the automatic result (Home)"
          onClick={() => session.goAutomatic()}
        >
          Automatic
        </Button>
        <Button
          isDisabled={isSamePose(session.uncorrected, pose)}
          label="Go to the set-up position: no correction"
          onClick={() => session.goUncorrected()}
        >
          Set-up
        </Button>
      </div>
      <Button
        isDisabled={automatic === null || isSamePose(automatic, pose)}
        why="The same while the key A is held"
        onClick={() => {
          session.isComparing.value = !session.isComparing.peek();
        }}
      >
        {session.isComparing.value ? "AUTOMATIC is shown: back to yours" : "Compare with automatic (A)"}
      </Button>
      <p class="small dim">
        {counted(history.movements.length, "movement")} recorded
        {left < 100
          ? `; ${left} more can be: use this position, or begin again from the automatic result`
          : ""}
        .
      </p>
    </div>
  );
}

/** How alike the images are, and how far the position is from the engine's. */
function Likeness({ session, pictures }: PosePanelProps) {
  const atOnce = useComputed(() => {
    if (pictures === null) {
      return "by eye, on the radiographs";
    }
    if (session.daily.kind === "ultrasound" && session.ground.value === "ct") {
      return "by eye: sound and X-rays show different things";
    }
    const report = pictures.report.value;
    const ncc = report?.similarity?.ncc ?? null;
    const isNow = report?.planningFromDaily && isSamePose(report.planningFromDaily, session.hand.pose.value);
    return ncc === null || !isNow ? "…" : `${plain(ncc, 3)} in the three planes`;
  });
  const known = session.similarity.known;
  const service = useComputed(() => {
    const now = known.value;
    switch (now.kind) {
      case "known":
        return now.answer.similarity === null ? "not measured" : plain(now.answer.similarity, 3);
      case "failed":
        return now.sentence;
      default:
        return "checking…";
    }
  });
  const fromEngine = useComputed(() => {
    const now = known.value;
    const { automatic } = session;
    if (automatic.value === null) {
      return "the engine gave no answer";
    }
    const atIsocentre = poseDistance(automatic.value, session.hand.pose.value, session.planIsocentreMm);
    const there = `${lengthMm(atIsocentre.isocentreMm)} at the isocentre, ${sizeDeg(atIsocentre.turnDeg, 2)}`;
    const target = now.kind === "known" ? now.answer.from_engine_mm : null;
    return target === null ? there : `${there}; at most ${lengthMm(target)} at the target`;
  });
  const residual = useComputed(() => {
    const now = known.value;
    return now.kind === "known"
      ? lengthMm(now.answer.residual_mm)
      : now.kind === "failed"
        ? "—"
        : "checking…";
  });
  return (
    <dl class="likeness">
      <dt>Rough, on the screen</dt>
      <dd>{atOnce}</dd>
      <dt>Similarity of the match region</dt>
      <dd>{service}</dd>
      <dt>From the automatic result</dt>
      <dd>{fromEngine}</dd>
      <dt>Left after the couch</dt>
      <dd>{residual}</dd>
    </dl>
  );
}

/** What keeps this position from being carried out, or from being carried out without a person. */
function Limits({ session }: { session: AlignSession }) {
  const now = session.similarity.known.value;
  if (now.kind !== "known") {
    return null;
  }
  const { out_of_reach, needs_person } = now.answer;
  return (
    <>
      {out_of_reach.map((sentence) => (
        <Notice key={sentence} tone="bad">
          The couch cannot do it: {sentence}
        </Notice>
      ))}
      {needs_person.map((sentence) => (
        <Notice key={sentence} tone="warn">
          A person has to look: {sentence}
        </Notice>
      ))}
    </>
  );
}

/** What a couch that cannot turn in all ways would do instead. */
function CouchDoes({ session, freedom }: { session: AlignSession; freedom: number }) {
  const now = session.similarity.known.value;
  return (
    <div class="couch-does">
      <h3>This couch has {freedom} degrees of freedom and would move</h3>
      {now.kind === "known" ? (
        <p>
          {SIX_AXES.filter(({ key, unit }) => unit === "mm" || (freedom === 4 && key === "yaw_deg"))
            .map(({ key, short, unit }) => `${short} ${axisValue(now.answer.correction[key], unit)}`)
            .join(", ")}
        </p>
      ) : (
        <p>{now.kind === "failed" ? now.sentence : "checking…"}</p>
      )}
    </div>
  );
}
