import type { Fraction } from "../../api/documents";
import { lengthMm, seconds, shiftMm } from "../../components/format";
import { Live } from "../../components/Live";
import { Mark } from "../../components/Mark";
import { MotionChart, type MotionSource } from "../../components/MotionChart";
import { dashOf, MOTION_AXES } from "../../components/motionAxes";
import { Panel } from "../../components/Panel";
import { steadyMs } from "../../state/clock";
import { type HeardRoom, limitMsOf, motionOf, QUIET_LIMIT_MS, roomOf } from "../../state/rooms";
import { distanceMm } from "./beam";

/** Where the target is now, axis by axis, with the line that draws it. */
function TargetNow({ room }: { room: HeardRoom }) {
  const target = room.state.target;
  if (target === null) {
    return <p class="dim">Nothing watches the target in this room.</p>;
  }
  const ageOfExposureS = (Date.parse(room.state.at) - Date.parse(target.at)) / 1000;
  const isInside = room.state.is_in_gate;
  return (
    <Live heardMs={room.heardMs} limitMs={limitMsOf(room)}>
      <div class="target-now">
        {MOTION_AXES.map(({ short, token, dash }, index) => (
          <div key={short} class="target-axis">
            <svg viewBox="0 0 40 8" aria-hidden="true">
              <path d="M0 4h40" stroke={`var(${token})`} stroke-width="3" stroke-dasharray={dashOf(dash)} />
            </svg>
            <span>{short}</span>
            <b class="number">{shiftMm(target.position_mm[index])}</b>
          </div>
        ))}
        <div class="target-axis">
          <span>distance</span>
          <b class="number">{lengthMm(distanceMm(target.position_mm))}</b>
        </div>
        {isInside === null ? null : (
          <span class="seen">
            <Mark tone={isInside ? "good" : "bad"} />
            {isInside ? "inside the gate" : "OUTSIDE THE GATE"}
          </span>
        )}
      </div>
      <p class="dim small">
        {target.source}, {target.quality}, exposed {seconds(ageOfExposureS)} before it was sent
      </p>
    </Live>
  );
}

/** The last minute of the target, with the gate. */
export function MotionPanel({ fraction }: { fraction: Fraction }) {
  const room = roomOf(fraction.course_id, fraction.number);
  const source = (): MotionSource | null => {
    const now = roomOf(fraction.course_id, fraction.number);
    return now === undefined
      ? null
      : {
          ring: motionOf(now.state.room),
          gateMm: now.state.gate_mm,
          nowS: Date.parse(now.state.at) / 1000 + (steadyMs() - now.heardMs) / 1000,
        };
  };
  return (
    <Panel
      title="Target"
      aside={
        room?.state.gate_mm == null ? null : (
          <span class="dim small">gate ±{lengthMm(room.state.gate_mm)}, mm from the planned place</span>
        )
      }
    >
      {room === undefined ? (
        <Live heardMs={null} limitMs={QUIET_LIMIT_MS}>
          {null}
        </Live>
      ) : (
        <TargetNow room={room} />
      )}
      <MotionChart source={source} />
    </Panel>
  );
}
