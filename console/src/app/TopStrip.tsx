import type { Course, Patient } from "../api/documents";
import { BeamSign } from "../components/BeamSign";
import { Button } from "../components/Button";
import { birthDate, ofTotal, personName, seconds } from "../components/format";
import { ageS } from "../components/Live";
import { Silhouette } from "../components/Silhouette";
import { capital, stateWords } from "../components/words";
import { isUnderWay, once } from "../state/actions";
import { tickMs } from "../state/clock";
import { course, fraction } from "../state/fraction";
import { say } from "../state/notices";
import { type HeardRoom, isBeamUnderWay, limitMsOf, roomOf, rooms } from "../state/rooms";
import { leave, session } from "../state/session";
import { holdNow } from "../views/treat/hold";
import { LinkSign } from "./LinkSign";
import { route } from "./router";

/** Who lies on the couch: never more than one patient is shown. */
function PatientPart({ patient }: { patient: Patient }) {
  return (
    <div class="strip-patient">
      <p class="strip-name">{personName(patient.name)}</p>
      <p class="strip-line">
        <span>
          <span class="dim">ID</span> <b>{patient.patient_id}</b>
        </span>
        <span>
          <span class="dim">born</span> <b>{birthDate(patient.birth_date)}</b>
        </span>
      </p>
    </div>
  );
}

function CoursePart({ shown }: { shown: Course }) {
  const now = fraction.value;
  return (
    <div class="strip-course">
      <p class="strip-line">
        <b>{capital(shown.site)}</b>
        <span>
          <span class="dim">plan</span> <b>{shown.plan_label}</b>
        </span>
        <span>
          <span class="dim">course</span> {shown.course_id}
        </span>
        <span>
          <span class="dim">machine</span> {shown.machine}
        </span>
      </p>
      <p class="strip-line">
        {now === null ? null : (
          <b>
            Fraction {ofTotal(now.number, now.fractions_planned)}: {stateWords(now.state)}
          </b>
        )}
      </p>
    </div>
  );
}

/** The room that the strip speaks of: that of the open fraction, or else one whose beam is not off. */
function roomToShow(): HeardRoom | undefined {
  const now = fraction.value;
  const own = now === null ? undefined : roomOf(now.course_id, now.number);
  return own ?? [...rooms.value.values()].find(({ state }) => state.beam !== "off");
}

const isBeamOn = (): boolean => roomToShow()?.state.beam === "on";

/** Anybody may hold a beam, at any console and from any view; where the beam is treated its own button does. */
function StripHold({ room }: { room: HeardRoom }) {
  const { beam, course_id: courseId, number } = room.state;
  const at = route.value;
  const hasOwn = at.view === "course" && at.part === "treat" && at.courseId === courseId;
  if (courseId === null || hasOwn || !isBeamUnderWay(beam)) {
    return null;
  }
  return (
    <Button
      tone="hold"
      label={`Hold the beam in ${room.state.room}`}
      onClick={() => void holdNow(courseId, number ?? 0)}
    >
      HOLD
    </Button>
  );
}

/** The beam, wherever the page is; a state that is not fresh is not shown as one. */
export function BeamState() {
  const room = roomToShow();
  const now = fraction.value;
  if (room === undefined) {
    return now !== null && now.room === null ? (
      <span class="dim small">
        Beam: read it
        <br />
        at the machine
      </span>
    ) : null;
  }
  const age = ageS(room.heardMs, tickMs.value);
  const isStale = age * 1000 > limitMsOf(room);
  const isElsewhere = now === null || room.state.course_id !== now.course_id;
  return (
    <div class="strip-beam">
      {isElsewhere ? <p class="small">{room.state.room}:</p> : null}
      {isStale ? (
        <BeamSign beam="unknown" words={`Beam not known, ${seconds(age)}`} />
      ) : (
        <BeamSign beam={room.state.beam} />
      )}
      <StripHold room={room} />
    </div>
  );
}

function UserPart() {
  const who = session.value;
  if (!who) {
    return null;
  }
  const signOut = async () => {
    const outcome = await once("sign out", leave);
    if (outcome.kind === "problem") {
      say("bad", outcome.problem.message);
    }
  };
  return (
    <div class="strip-user">
      <div>
        <p>
          <b>{who.name}</b>
        </p>
        <p class="dim small">{who.role}</p>
      </div>
      <Button isBusy={isUnderWay("sign out")} onClick={() => void signOut()}>
        Sign out
      </Button>
    </div>
  );
}

/** Always there: who, what, the beam, the link, and who is signed in. */
export function TopStrip() {
  const shown = course.value;
  return (
    <header class={`strip${isBeamOn() ? " beam-on" : ""}`}>
      {shown === null ? (
        <div class="strip-course">
          <p class="strip-name">isoguide</p>
          <p class="dim small">No patient is open.</p>
        </div>
      ) : (
        <>
          <Silhouette />
          <PatientPart patient={shown.patient} />
          <CoursePart shown={shown} />
        </>
      )}
      <div class="strip-signs">
        <BeamState />
        <LinkSign />
      </div>
      <UserPart />
    </header>
  );
}
