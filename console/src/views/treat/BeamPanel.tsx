import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { beamOn, resumeBeam } from "../../api/calls";
import type { Fraction } from "../../api/documents";
import { asSentence, type Problem } from "../../api/problem";
import { BeamSign } from "../../components/BeamSign";
import { Button } from "../../components/Button";
import { meterset, percent, seconds } from "../../components/format";
import { ageS, Live } from "../../components/Live";
import { Notice, ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { isUnderWay } from "../../state/actions";
import { tickMs } from "../../state/clock";
import { takeStep } from "../../state/fraction";
import { link } from "../../state/link";
import { type HeardRoom, isBeamUnderWay, limitMsOf, roomOf } from "../../state/rooms";
import { BeamDialog } from "./BeamDialog";
import { whyNoBeam } from "./beam";
import { holdNow, meansHold } from "./hold";

type Step = "beam on" | "resume";

const isFreshAt = (room: HeardRoom | undefined, nowMs: number): boolean =>
  room !== undefined && ageS(room.heardMs, nowMs) * 1000 <= limitMsOf(room);

/** The beam as the machine says it; what is not fresh is said not to be known. */
function BeamNow({ room }: { room: HeardRoom | undefined }) {
  if (room === undefined) {
    return <BeamSign beam="unknown" words="The room has not been heard of" />;
  }
  return isFreshAt(room, tickMs.value) ? (
    <BeamSign beam={room.state.beam} />
  ) : (
    <BeamSign
      beam="unknown"
      words={`Beam state not known: no data for ${seconds(ageS(room.heardMs, tickMs.value))}`}
    />
  );
}

/** How much of the meterset was delivered. */
function Meterset({ room }: { room: HeardRoom }) {
  const { delivered_mu: delivered, planned_mu: planned } = room.state;
  const share = planned > 0 ? delivered / planned : 0;
  return (
    <div class="meterset">
      <Live heardMs={room.heardMs} limitMs={limitMsOf(room)}>
        <p>
          <b class="big-number">{meterset(delivered)}</b> of {meterset(planned)} delivered ({percent(share)})
        </p>
        <progress max={1} value={Math.min(1, share)} aria-label="Delivered meterset" />
      </Live>
    </div>
  );
}

/** H holds from anywhere in this view while the beam may be on. */
function useHoldKey(fraction: Fraction, isArmed: boolean): void {
  useEffect(() => {
    if (!isArmed) {
      return;
    }
    const take = (event: KeyboardEvent) => {
      if (meansHold({ ...pick(event), target: event.target as HTMLElement | null })) {
        void holdNow(fraction.course_id, fraction.number);
      }
    };
    addEventListener("keydown", take);
    return () => removeEventListener("keydown", take);
  }, [fraction, isArmed]);
}

const pick = ({ key, ctrlKey, altKey, metaKey }: KeyboardEvent) => ({ key, ctrlKey, altKey, metaKey });

/** What may be pressed now. */
function BeamButtons(props: {
  fraction: Fraction;
  why: string[];
  canHold: boolean;
  onAsk: (step: Step) => void;
}) {
  const { fraction, why, canHold, onAsk } = props;
  const step: Step = fraction.possible.includes("resume") ? "resume" : "beam on";
  const name = `${fraction.course_id}/${fraction.number}`;
  return (
    <div class="buttons">
      {canHold ? (
        <Button tone="hold" isLarge onClick={() => void holdNow(fraction.course_id, fraction.number)}>
          HOLD <kbd>H</kbd>
        </Button>
      ) : (
        <Button
          tone={why.length === 0 ? "primary" : "plain"}
          isLarge
          isDeliberate
          isBusy={isUnderWay(`${step} ${name}`)}
          isDisabled={why.length > 0}
          onClick={() => onAsk(step)}
        >
          {step === "resume" ? "Resume the beam" : "Beam on"}
        </Button>
      )}
    </div>
  );
}

/** The beam of a connected room: its state, what was delivered, why it is held, and what may be done. */
export function BeamPanel({ fraction }: { fraction: Fraction }) {
  const room = roomOf(fraction.course_id, fraction.number);
  const asked = useSignal<Step | null>(null);
  const problem = useSignal<Problem | null>(null);
  const step: Step = fraction.possible.includes("resume") ? "resume" : "beam on";
  const isFresh = isFreshAt(room, tickMs.value);
  const why = whyNoBeam({ fraction, step, room, isFresh, link: link.value });
  const beam = room?.state.beam;
  // A beam that may be on can always be held, most of all when nobody knows.
  const canHold = fraction.possible.includes("hold") || isBeamUnderWay(beam) || fraction.state === "beam on";
  useHoldKey(fraction, canHold);
  const turnOn = async (wanted: Step) => {
    asked.value = null;
    const send = wanted === "resume" ? resumeBeam : beamOn;
    const outcome = await takeStep(wanted, (seen) =>
      send(seen.course_id, seen.number, { seen_version: seen.version }),
    );
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
  };
  const isOver = ["delivered", "closed", "stopped"].includes(fraction.state);
  return (
    <Panel title="Beam" isActive={!isOver}>
      <div class="beam-row">
        <BeamNow room={room} />
        {isOver ? null : (
          <BeamButtons
            fraction={fraction}
            why={why}
            canHold={canHold}
            onAsk={(wanted) => {
              asked.value = wanted;
            }}
          />
        )}
      </div>
      {room !== undefined && room.state.hold_reason !== "" ? (
        <Notice tone="warn">
          <b>Why it is held:</b> {asSentence(room.state.hold_reason)}
        </Notice>
      ) : null}
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      {!isOver && !canHold && why.length > 0 ? <p class="dim">{why.join(" ")}</p> : null}
      {room === undefined ? null : <Meterset room={room} />}
      {room !== undefined && room.state.watched_by !== "" ? (
        <p class="dim small">Watched by {room.state.watched_by}.</p>
      ) : null}
      {asked.value === null ? null : (
        <BeamDialog
          fraction={fraction}
          step={asked.value}
          why={why}
          onClose={() => {
            asked.value = null;
          }}
          onConfirm={(wanted) => void turnOn(wanted)}
        />
      )}
    </Panel>
  );
}
