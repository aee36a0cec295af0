import { useEffect } from "preact/hooks";
import type { Course, Fraction } from "../../api/documents";
import { guardLeaving } from "../../app/router";
import { FractionHead } from "../../components/FractionHead";
import { FractionRecord } from "../../components/FractionRecord";
import { say } from "../../state/notices";
import { isBeamUnderWay, roomOf } from "../../state/rooms";
import { session } from "../../state/session";
import { watchBeam } from "../../state/watch";
import { BeamPanel } from "./BeamPanel";
import { CouchPanel } from "./CouchPanel";
import { DeliverPanel } from "./DeliverPanel";
import { GatePanel } from "./GatePanel";
import { MotionPanel } from "./MotionPanel";
import { OrderPanel } from "./OrderPanel";
import { StopButton } from "./StopButton";

const WATCHED_STATES: ReadonlySet<string> = new Set(["verified", "beam on", "held"]);

/** True while the beam may be on, by the fraction or by the room. */
function mayBeOn(fraction: Fraction): boolean {
  const beam = roomOf(fraction.course_id, fraction.number)?.state.beam;
  return isBeamUnderWay(beam) || fraction.state === "beam on";
}

/** True where the one who is signed in here watches the beam, or where nobody is known to. */
function isMine(fraction: Fraction): boolean {
  const watchedBy = roomOf(fraction.course_id, fraction.number)?.state.watched_by ?? "";
  return watchedBy === "" || watchedBy === session.value?.name;
}

/** While the beam is on, the page is not left by a click: the view is what watches it. */
function useLeaveGuard(isBeamOn: boolean): void {
  useEffect(() => {
    if (!isBeamOn) {
      return;
    }
    const release = guardLeaving(() => {
      say("warn", "The beam is on and watched from this view: hold it before you go elsewhere.");
      return false;
    });
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => {
      release();
      removeEventListener("beforeunload", ask);
    };
  }, [isBeamOn]);
}

/** Move the couch by the order, treat, and see what was recorded. */
export function TreatView({ fraction }: { course: Course; fraction: Fraction }) {
  const { course_id: courseId, number } = fraction;
  const isConnected = fraction.room !== null;
  const isWatched = isConnected && (WATCHED_STATES.has(fraction.state) || mayBeOn(fraction));
  useEffect(() => (isWatched ? watchBeam(courseId, number) : undefined), [isWatched, courseId, number]);
  useLeaveGuard(isConnected && mayBeOn(fraction) && isMine(fraction));
  const isOver = fraction.state === "closed" || fraction.state === "stopped";
  return (
    <>
      <FractionHead fraction={fraction} title="Treat">
        <StopButton fraction={fraction} />
      </FractionHead>
      {isOver ? <FractionRecord fraction={fraction} /> : <Treating fraction={fraction} />}
    </>
  );
}

/** What is needed while the fraction goes on. */
function Treating({ fraction }: { fraction: Fraction }) {
  const isConnected = fraction.room !== null;
  return (
    <div class="treat-grid">
      <div class="stack">
        {isConnected ? <BeamPanel fraction={fraction} /> : null}
        {isConnected ? <MotionPanel fraction={fraction} /> : null}
        {isConnected ? null : <DeliverPanel fraction={fraction} />}
      </div>
      <div class="stack">
        {isConnected ? <GatePanel fraction={fraction} /> : null}
        <CouchPanel fraction={fraction} />
        <OrderPanel fraction={fraction} />
      </div>
    </div>
  );
}
