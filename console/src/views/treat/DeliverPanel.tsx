import { type Signal, useSignal } from "@preact/signals";
import { deliver } from "../../api/calls";
import type { BeamLine, Fraction } from "../../api/documents";
import type { Problem } from "../../api/problem";
import { couchDifferences } from "../../components/axes";
import { Button } from "../../components/Button";
import { CouchTable } from "../../components/CouchTable";
import { NumberField, SelectField } from "../../components/Fields";
import { meterset } from "../../components/format";
import { Notice, ProblemNotice } from "../../components/Notice";
import { Panel } from "../../components/Panel";
import { typedCouch, typedSoFar, usePoseFields } from "../../components/PoseFields";
import { Headings, TableFrame } from "../../components/TableFrame";
import { isUnderWay } from "../../state/actions";
import { takeStep } from "../../state/fraction";
import {
  deliveriesOf,
  deliveryProblem,
  type Ended,
  isMoreThanPlanned,
  type TypedDelivery,
  withMeterset,
} from "./deliveries";

const ENDS: readonly { value: Ended | ""; words: string }[] = [
  { value: "", words: "say how" },
  { value: "NORMAL", words: "normally" },
  { value: "OPERATOR", words: "by the operator" },
  { value: "MACHINE", words: "by the machine" },
  { value: "UNKNOWN", words: "in a way not known" },
];
const NOTHING: TypedDelivery = { mu: "", ended: "" };

function BeamRow(props: { beam: BeamLine; typed: TypedDelivery; onInput: (typed: TypedDelivery) => void }) {
  const { beam, typed, onInput } = props;
  return (
    <tr>
      <th scope="row">
        {beam.number}. {beam.name}
      </th>
      <td class="number">{meterset(beam.planned_mu)}</td>
      <td class="number">{meterset(beam.delivered_mu)}</td>
      <td>
        <NumberField
          label={<span class="visually-hidden">Delivered now of beam {beam.number}</span>}
          unit="MU"
          value={typed.mu}
          problem={deliveryProblem(typed)}
          hint={isMoreThanPlanned(beam, typed) ? "More than the plan has left: read it again." : ""}
          onInput={(mu) => onInput(withMeterset(beam, typed, mu))}
        />
      </td>
      <td>
        <SelectField
          label={<span class="visually-hidden">How beam {beam.number} ended</span>}
          value={typed.ended}
          options={ENDS}
          onChange={(ended) => onInput({ ...typed, ended })}
        />
      </td>
    </tr>
  );
}

function Beams({ fraction, typed }: { fraction: Fraction; typed: Signal<Record<number, TypedDelivery>> }) {
  return (
    <TableFrame label="Beams">
      <Headings
        names={["Beam", "Planned", "So far", "Delivered now", "Ended"]}
        numbers={["Planned", "So far"]}
      />
      <tbody>
        {fraction.beams.map((beam) => (
          <BeamRow
            key={beam.number}
            beam={beam}
            typed={typed.value[beam.number] ?? NOTHING}
            onInput={(next) => {
              typed.value = { ...typed.value, [beam.number]: next };
            }}
          />
        ))}
      </tbody>
    </TableFrame>
  );
}

/** What the machine delivered, as staff read it: for rooms that do not answer by themselves. */
export function DeliverPanel({ fraction }: { fraction: Fraction }) {
  const typed = useSignal<Record<number, TypedDelivery>>({});
  const pose = usePoseFields(fraction);
  const problem = useSignal<Problem | null>(null);
  const isPossible = fraction.possible.includes("deliver");
  const couch = typedCouch(pose.value, fraction.expected_pose);
  const deliveries = deliveriesOf(fraction.beams, typed.value);
  const missing = [
    isPossible ? "" : "The position is not verified: nothing may be delivered.",
    couch === null ? "Read the couch before the beam." : "",
    deliveries === null ? "Type the meterset of each beam that was begun, and how it ended." : "",
  ].filter(Boolean);
  const record = async () => {
    if (couch === null || deliveries === null) {
      return;
    }
    const outcome = await takeStep("deliver", (seen) =>
      deliver(seen.course_id, seen.number, { seen_version: seen.version, couch, deliveries }),
    );
    problem.value = outcome.kind === "problem" ? outcome.problem : null;
    if (outcome.kind === "done") {
      typed.value = {};
    }
  };
  return (
    <Panel
      title="Delivered"
      isActive={isPossible}
      aside={
        <b>
          {meterset(fraction.delivered_mu)} of {meterset(fraction.planned_mu)}
        </b>
      }
    >
      <Notice tone="info" isQuiet>
        No room is connected: the beam is turned on, watched and held at the machine.
      </Notice>
      {isPossible ? (
        <>
          <h3>Couch as it was read before the beam</h3>
          <CouchTable
            label="Couch before the beam"
            readWords="Read"
            typed={pose}
            differences={couchDifferences(fraction.expected_pose, typedSoFar(pose.value), {
              mm: fraction.tolerance_mm,
              deg: fraction.tolerance_deg,
            })}
          />
        </>
      ) : null}
      <Beams fraction={fraction} typed={typed} />
      {problem.value === null ? null : <ProblemNotice problem={problem.value} />}
      <div class="buttons">
        <Button
          tone={missing.length === 0 ? "primary" : "plain"}
          isLarge
          isDeliberate
          isBusy={isUnderWay(`deliver ${fraction.course_id}/${fraction.number}`)}
          isDisabled={missing.length > 0}
          onClick={() => void record()}
        >
          Record what was delivered
        </Button>
        <p class="dim small">{missing.join(" ")}</p>
      </div>
    </Panel>
  );
}
