import type { ComponentChildren } from "preact";
import type { Fraction } from "../../api/documents";
import { deviation, lengthMm, percent, seconds, shiftMm, timeOfDay } from "../../components/format";
import { Live } from "../../components/Live";
import { Mark } from "../../components/Mark";
import { MotionChart, type MotionSource } from "../../components/MotionChart";
import { dashOf, MOTION_AXES } from "../../components/motionAxes";
import { Panel } from "../../components/Panel";
import { steadyMs, tickMs } from "../../state/clock";
import { type HeardRoom, pastOf, QUIET_LIMIT_MS, roomOf } from "../../state/rooms";
import { type SightingNow, sightingNow } from "../../state/sighting";
import { distanceMm } from "./beam";

/** Stands where a number is not known. */
const NO_NUMBER = "—";

/** A number of the target with the line that draws it. */
function AxisNow(props: {
  short: string;
  token: string;
  dash: readonly number[];
  children: ComponentChildren;
}) {
  return (
    <div class="target-axis">
      <svg viewBox="0 0 40 8" aria-hidden="true">
        <path
          d="M0 4h40"
          stroke={`var(${props.token})`}
          stroke-width="3"
          stroke-dasharray={dashOf(props.dash)}
        />
      </svg>
      <span>{props.short}</span>
      <b class="number">{props.children}</b>
    </div>
  );
}

/** Why there are no numbers, or how sure those are that there are. */
function TargetNote({ now, room }: { now: SightingNow; room: HeardRoom }) {
  switch (now.kind) {
    case "nothing watches":
      return (
        <p class="dim">
          {room.state.monitoring === ""
            ? "Nothing watches the target in this room."
            : `The target is watched while the beam is on, by ${room.state.monitoring}.`}
        </p>
      );
    case "no data":
      return <span class="stale">no data since {timeOfDay(now.since)}</span>;
    case "not seen":
      return (
        <p class="seen">
          <Mark tone="warn" />
          The target was not seen: {now.target.words}
        </p>
      );
    case "seen": {
      const isInside = room.state.is_in_gate;
      return isInside === null ? null : (
        <span class="seen">
          <Mark tone={isInside ? "good" : "bad"} />
          {isInside ? "inside the gate" : "OUTSIDE THE GATE"}
        </span>
      );
    }
  }
}

/** What saw the target, how sure it is, and how old that is; the line keeps its place where nothing is said. */
function SeenBy({ now }: { now: SightingNow }) {
  if (now.kind !== "seen" && now.kind !== "not seen") {
    return <p class="dim small target-source" />;
  }
  const { source, quality, words } = now.target;
  const sure = now.kind === "seen" ? `, ${words}, ${percent(quality)} of it seen` : "";
  return (
    <p class="dim small target-source">
      {source}
      {sure}, exposed <span class="number">{seconds(now.ageS)}</span> ago
    </p>
  );
}

/** Where the target is now, axis by axis; no number outlives the sample that it came from. */
function TargetNow({ room }: { room: HeardRoom }) {
  const now = sightingNow(room, tickMs.value);
  const seen = now.kind === "seen" ? now : null;
  return (
    <>
      <div class="target-now">
        {now.kind === "nothing watches"
          ? null
          : MOTION_AXES.map(({ short, token, dash }, index) => (
              <AxisNow key={short} short={short} token={token} dash={dash}>
                {seen === null ? NO_NUMBER : shiftMm(seen.positionMm[index])}
                {seen?.sigmaMm == null ? null : (
                  <span class="dim sigma">{deviation(seen.sigmaMm[index], "mm")}</span>
                )}
              </AxisNow>
            ))}
        {now.kind === "nothing watches" ? null : (
          <div class="target-axis">
            <span>distance</span>
            <b class="number">{seen === null ? NO_NUMBER : lengthMm(distanceMm(seen.positionMm))}</b>
          </div>
        )}
        <TargetNote now={now} room={room} />
      </div>
      <SeenBy now={now} />
    </>
  );
}

/** What the marks of the chart mean. */
function ChartKey({ hasGate }: { hasGate: boolean }) {
  return (
    <p class="chart-key dim small">
      <span>Pale band: ±2 standard deviations</span>
      <span class="key-beam">beam on</span>
      {hasGate ? <span class="key-hold">held by the gate</span> : null}
    </p>
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
          past: pastOf(now.state.room),
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
      <ChartKey hasGate={room?.state.gate != null} />
    </Panel>
  );
}
