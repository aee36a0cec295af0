import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Asking, readWorklist } from "../../api/calls";
import type { RoomLine, WorklistEntry } from "../../api/documents";
import { go, hashOf } from "../../app/router";
import { Button } from "../../components/Button";
import { Chip } from "../../components/Chip";
import { birthDate, day, ofTotal, personName, timeOfDay } from "../../components/format";
import { Mark } from "../../components/Mark";
import { Notice, ProblemNotice } from "../../components/Notice";
import { Silhouette } from "../../components/Silhouette";
import { TableFrame } from "../../components/TableFrame";
import { capital, either, partOfState, stateTone, stateWords } from "../../components/words";
import { useResource } from "../../state/resource";
import { changes } from "../../state/stream";
import { BeginDialog } from "./BeginDialog";

/** Who is needed for an entry; null where the routine goes on. */
function WhoIsNeeded({ entry }: { entry: WorklistEntry }) {
  const waiting = entry.waiting_signature;
  if (waiting !== null) {
    return (
      <p class="needed">
        <Mark tone="warn" />
        <span>
          <b>
            Second look asked by {waiting.by} ({waiting.role})
          </b>
          <br />
          <span class="small">
            {either(waiting.roles)} may answer until {timeOfDay(waiting.expires_at)}
          </span>
        </span>
      </p>
    );
  }
  if (entry.needs_somebody) {
    return (
      <p class="needed">
        <Mark tone="warn" />
        <b>Somebody has to decide</b>
      </p>
    );
  }
  return <span class="dim">the routine goes on</span>;
}

function PatientCell({ entry }: { entry: WorklistEntry }) {
  return (
    <div class="patient-cell">
      <Silhouette />
      <div>
        <p class="patient-name">{personName(entry.patient.name)}</p>
        <p class="small">
          <span class="dim">ID</span> {entry.patient.patient_id} <span class="dim">born</span>{" "}
          {birthDate(entry.patient.birth_date)}
        </p>
      </div>
    </div>
  );
}

/** What opens an entry: the part where its next step is, or the dialog that begins a fraction. */
function OpenCell({ entry, onBegin }: { entry: WorklistEntry; onBegin: () => void }) {
  const name = personName(entry.patient.name);
  const part = entry.is_open ? partOfState(entry.state) : "review";
  const number = entry.is_open ? entry.number : 0;
  const open = () => go({ view: "course", courseId: entry.course_id, part, number });
  return (
    <div class="buttons end">
      {entry.is_open ? (
        <Button tone="primary" label={`Open ${name}`} onClick={open}>
          Open
        </Button>
      ) : (
        <>
          <a href={hashOf({ view: "course", courseId: entry.course_id, part: "review", number: 0 })}>
            Review
          </a>
          <Button label={`Begin fraction ${entry.number} of ${name}`} onClick={onBegin}>
            Begin fraction {entry.number}
          </Button>
        </>
      )}
    </div>
  );
}

function EntryRow({ entry, onBegin }: { entry: WorklistEntry; onBegin: () => void }) {
  return (
    <tr class={entry.is_open ? "open" : ""}>
      <th scope="row">
        <PatientCell entry={entry} />
      </th>
      <td>
        <b>{capital(entry.site)}</b>
        <br />
        <span class="small">{entry.plan_label}</span>
      </td>
      <td class="nowrap">
        <b>{ofTotal(entry.number, entry.fractions_planned)}</b>
        <br />
        <span class="small dim">
          {entry.last_treated_at === null ? "none treated yet" : `last ${day(entry.last_treated_at)}`}
        </span>
      </td>
      <td>
        <Chip tone={stateTone(entry.state)}>{stateWords(entry.state)}</Chip>
        <br />
        <span class="small">{capital(entry.next_step)}</span>
      </td>
      <td>
        <WhoIsNeeded entry={entry} />
      </td>
      <td>
        {entry.machine}
        <br />
        <span class="small dim">{entry.room === null ? "no room connected" : `in ${entry.room}`}</span>
      </td>
      <td>
        <OpenCell entry={entry} onBegin={onBegin} />
      </td>
    </tr>
  );
}

/** The connected rooms, in one line each. */
function Rooms({ rooms }: { rooms: readonly RoomLine[] }) {
  return (
    <ul class="rooms" aria-label="Connected rooms">
      {rooms.map((room) => (
        <li key={room.name}>
          <Mark tone={room.is_ready ? "good" : "warn"} label={room.is_ready ? "ready" : "not ready"} />
          <span>
            <b>{room.name}</b>: {room.words}
          </span>
        </li>
      ))}
    </ul>
  );
}

const COLUMNS = [
  "Patient",
  "Site and plan",
  "Fraction",
  "State and next step",
  "Who is needed",
  "Machine",
  "",
];

function EntryTable(props: { entries: readonly WorklistEntry[]; onBegin: (entry: WorklistEntry) => void }) {
  return (
    <TableFrame label="Courses" frame="panel" table="worklist">
      <thead>
        <tr>
          {COLUMNS.map((name) => (
            <th key={name} scope="col">
              {name === "" ? <span class="visually-hidden">Open</span> : name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.entries.map((entry) => (
          <EntryRow key={entry.course_id} entry={entry} onBegin={() => props.onBegin(entry)} />
        ))}
      </tbody>
    </TableFrame>
  );
}

/** Who is treated: what each one waits for, and whom. */
export function WorklistView() {
  // Only the first time somebody at the screen asks; later the page does by itself.
  const asking = useRef<Asking>("user");
  const { resource, reload } = useResource("worklist", () => readWorklist(asking.current));
  const begun = useSignal<WorklistEntry | null>(null);
  const changed = changes.value;
  useEffect(() => {
    if (asking.current === "page") {
      void reload();
    }
    asking.current = "page";
    const timer = setInterval(() => void reload(), 15_000);
    return () => clearInterval(timer);
  }, [changed, reload]);
  const list = resource.value;
  const waiting = list?.entries.filter((entry) => entry.waiting_signature !== null).length ?? 0;
  return (
    <>
      <div class="view-head">
        <h1>Worklist</h1>
        {list === null ? null : (
          <p class="dim small">
            as of {timeOfDay(list.at)} · {list.entries.filter((entry) => entry.is_open).length} open
            {waiting > 0 ? ` · ${waiting} waiting for a second look` : ""}
          </p>
        )}
      </div>
      <div class="stack">
        {resource.problem === null ? null : <ProblemNotice problem={resource.problem} />}
        {list === null && resource.problem === null ? <p class="empty dim">The worklist is loaded.</p> : null}
        {list !== null && list.rooms.length > 0 ? <Rooms rooms={list.rooms} /> : null}
        {list !== null && list.entries.length === 0 ? (
          <Notice tone="info">No course goes on: a physicist registers one from its planning export.</Notice>
        ) : null}
        {list !== null && list.entries.length > 0 ? (
          <EntryTable
            entries={list.entries}
            onBegin={(entry) => {
              begun.value = entry;
            }}
          />
        ) : null}
      </div>
      {begun.value === null ? null : (
        <BeginDialog
          entry={begun.value}
          onClose={() => {
            begun.value = null;
          }}
        />
      )}
    </>
  );
}
