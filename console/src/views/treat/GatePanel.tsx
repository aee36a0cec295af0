import type { Fraction } from "../../api/documents";
import { BeamShape } from "../../components/BeamSign";
import { percent, seconds, shiftMm, timeOfDay, typeset } from "../../components/format";
import { MOTION_AXES } from "../../components/motionAxes";
import { Notice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { tickMs } from "../../state/clock";
import { type HeardRoom, roomOf } from "../../state/rooms";
import { sightingNow } from "../../state/sighting";
import { chance, GATE_SHAPES, GATE_WORDS, type GateNow, gateNow, shiftBackMm } from "./gate";

/** Stands where a number is not known. */
const NO_NUMBER = "—";

/** The state of the gate as shape, colour and words, readable from across the room. */
function GateSign({ now }: { now: GateNow }) {
  const shape = GATE_SHAPES[now.word];
  return (
    <div class={`beam-sign gate-sign ${shape}`} role="status" aria-live="assertive">
      <BeamShape beam={shape} />
      <span>{GATE_WORDS[now.word]}</span>
    </div>
  );
}

/** Why the gate is as it is. */
function GateReason({ now }: { now: GateNow }) {
  if (now.word === "not known") {
    return <span class="stale">no data since {timeOfDay(now.gate.at)}</span>;
  }
  return (
    <p class="gate-reason">
      {typeset(now.reason)}
      {now.hasEnded ? <span class="dim"> Its last word is of {timeOfDay(now.gate.at)}.</span> : null}
    </p>
  );
}

/** One number with its name. */
function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
    </div>
  );
}

/** The numbers of the gate; none that is not of now, but for what adds up over the delivery. */
function GateFigures({ now, room }: { now: GateNow; room: HeardRoom }) {
  const { gate, isLive } = now;
  const sighting = sightingNow(room, tickMs.value);
  const isRecent = sighting.kind === "seen" || sighting.kind === "not seen";
  const live = (value: number | null, write: (one: number) => string): string =>
    isLive && value !== null ? write(value) : NO_NUMBER;
  const isTotal = isLive || now.hasEnded;
  return (
    <dl class="gate-figures">
      <Figure name="Chance inside" value={live(gate.probability, chance)} />
      <Figure name="Newest frame" value={isRecent ? `${seconds(sighting.ageS)} old` : NO_NUMBER} />
      <Figure name="Latency" value={live(gate.latency_s, (one) => seconds(one, 2))} />
      <Figure
        name="Beam allowed"
        value={isTotal && gate.duty_cycle !== null ? percent(gate.duty_cycle) : NO_NUMBER}
      />
      <Figure name="Gate holds" value={isTotal ? `${gate.holds}` : NO_NUMBER} />
    </dl>
  );
}

const inAxes = (valuesMm: readonly [number, number, number]): string =>
  MOTION_AXES.map(({ short }, index) => `${short} ${shiftMm(valuesMm[index])}`).join(", ");

/** Where a target that does not come back has settled, and what has to be done about it. */
function Proposal({ now }: { now: GateNow }) {
  const settledMm = now.gate.proposal_mm;
  if (now.word !== "re-align" || settledMm === null) {
    return null;
  }
  return (
    <Notice tone="warn">
      <b>The target has settled at {inAxes(settledMm)}.</b> A shift of it by {inAxes(shiftBackMm(settledMm))}{" "}
      would bring it back. This is no order: the couch does not move by it. Take a new image and decide by
      that.
    </Notice>
  );
}

/** What the gate does with the beam, and why. Nothing is drawn where none has worked. */
export function GatePanel({ fraction }: { fraction: Fraction }) {
  const room = roomOf(fraction.course_id, fraction.number);
  const now = room === undefined ? null : gateNow(room, tickMs.value);
  if (room === undefined || now === null) {
    return null;
  }
  return (
    <Panel title="Gate">
      <div class="gate-row">
        <GateSign now={now} />
        <GateReason now={now} />
      </div>
      <Proposal now={now} />
      <GateFigures now={now} room={room} />
    </Panel>
  );
}
