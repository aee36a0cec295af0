import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { beginFraction, readCourse } from "../../api/calls";
import type { Course, WorklistEntry } from "../../api/documents";
import { asSentence, type Problem } from "../../api/problem";
import { go } from "../../app/router";
import {
  accessoryWords,
  type EnteredDevice,
  emptyDevices,
  enteredAccessories,
  isAsExpected,
} from "../../components/accessories";
import { Button } from "../../components/Button";
import { Dialog } from "../../components/Dialog";
import { TextField } from "../../components/Fields";
import { birthDate, ofTotal, personName } from "../../components/format";
import { Mark } from "../../components/Mark";
import { Notice, ProblemNotice } from "../../components/Notice";
import { Silhouette } from "../../components/Silhouette";
import { Headings, TableFrame } from "../../components/TableFrame";
import { isUnderWay, once } from "../../state/actions";
import { useResource } from "../../state/resource";

/** One expected device, and what is on the couch. */
function DeviceRow(props: { device: EnteredDevice; onInput: (device: EnteredDevice) => void }) {
  const { device, onInput } = props;
  const { expected } = device;
  const isEntered = device.label.trim() !== "" || device.index.trim() !== "";
  return (
    <tr>
      <th scope="row">{accessoryWords(expected)}</th>
      <td>
        <TextField
          label={<span class="visually-hidden">Label of {expected.kind}</span>}
          value={device.label}
          onInput={(label) => onInput({ ...device, label })}
        />
      </td>
      <td>
        <TextField
          label={<span class="visually-hidden">Index of {expected.kind}</span>}
          value={device.index}
          onInput={(index) => onInput({ ...device, index })}
        />
      </td>
      <td class="nowrap">
        {isEntered ? (
          <span class="seen">
            <Mark tone={isAsExpected(device) ? "good" : "bad"} />
            {isAsExpected(device) ? "as simulated" : "differs"}
          </span>
        ) : (
          <span class="dim">not entered</span>
        )}
      </td>
    </tr>
  );
}

function Devices({ devices }: { devices: Signal<EnteredDevice[]> }) {
  const set = (at: number, device: EnteredDevice) => {
    devices.value = devices.value.map((before, index) => (index === at ? device : before));
  };
  if (devices.value.length === 0) {
    return <p>The simulation names no devices.</p>;
  }
  return (
    <TableFrame label="Devices">
      <Headings names={["Expected by the simulation", "Label on the couch", "Index", "Check"]} />
      <tbody>
        {devices.value.map((device, index) => (
          <DeviceRow
            key={accessoryWords(device.expected)}
            device={device}
            onInput={(next) => set(index, next)}
          />
        ))}
      </tbody>
    </TableFrame>
  );
}

function Whose({ entry }: { entry: WorklistEntry }) {
  return (
    <div class="patient-line">
      <Silhouette />
      <div>
        <p class="strip-name">{personName(entry.patient.name)}</p>
        <p>
          ID <b>{entry.patient.patient_id}</b>, born <b>{birthDate(entry.patient.birth_date)}</b>
        </p>
        <p>
          <b>{entry.site}</b>, plan <b>{entry.plan_label}</b>, fraction{" "}
          <b>{ofTotal(entry.number, entry.fractions_planned)}</b>
        </p>
      </div>
    </div>
  );
}

/** Begin the next fraction: whose it is, and what is on the couch. */
export function BeginDialog({ entry, onClose }: { entry: WorklistEntry; onClose: () => void }) {
  const { resource } = useResource<Course>(`begin ${entry.course_id}`, () => readCourse(entry.course_id));
  const devices = useSignal<EnteredDevice[]>([]);
  const reason = useSignal("");
  const problem = useSignal<Problem | null>(null);
  const course = resource.value;
  useEffect(() => {
    if (course !== null) {
      devices.value = emptyDevices(course.accessories);
    }
  }, [course, devices]);
  const name = `begin ${entry.course_id}`;
  const isReady = course !== null && devices.value.every(isAsExpected);
  const begin = async () => {
    const accessories = enteredAccessories(devices.value);
    const outcome = await once(name, () =>
      beginFraction(entry.course_id, entry.number, accessories, reason.value.trim()),
    );
    if (outcome.kind === "done") {
      onClose();
      go({ view: "course", courseId: entry.course_id, part: "setup", number: outcome.value.number });
    } else if (outcome.kind === "problem") {
      problem.value = outcome.problem;
    }
  };
  return (
    <Dialog
      title={`Begin fraction ${ofTotal(entry.number, entry.fractions_planned)}`}
      isWide
      onCancel={onClose}
      actions={
        <>
          <p class="missing">{isReady ? "" : "Enter what is on the couch, as it is labelled there."}</p>
          <Button isLarge onClick={onClose}>
            Cancel
          </Button>
          <Button
            tone="primary"
            isLarge
            isDeliberate
            isBusy={isUnderWay(name)}
            isDisabled={course === null}
            onClick={() => void begin()}
          >
            Begin fraction {entry.number}
          </Button>
        </>
      }
    >
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      {resource.problem === null ? null : <ProblemNotice problem={resource.problem} />}
      <Whose entry={entry} />
      {course?.warnings.map((warning) => (
        <Notice key={warning} tone="warn">
          {asSentence(warning)}
        </Notice>
      ))}
      <Devices devices={devices} />
      <TextField
        label="Remark for the record (if there is one)"
        isLong
        value={reason.value}
        onInput={(text) => {
          reason.value = text;
        }}
      />
    </Dialog>
  );
}
