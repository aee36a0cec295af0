import type { Fraction } from "../../api/documents";
import { birthDate, ofTotal, personName } from "../format";
import { Silhouette } from "../Silhouette";

/** Whose fraction it is, once more, where something is signed. */
export function PatientLine({ fraction }: { fraction: Fraction }) {
  return (
    <div class="patient-line">
      <Silhouette />
      <div>
        <p class="strip-name">{personName(fraction.patient.name)}</p>
        <p>
          ID <b>{fraction.patient.patient_id}</b>, born <b>{birthDate(fraction.patient.birth_date)}</b>
        </p>
        <p>
          <b>{fraction.site}</b>, plan <b>{fraction.plan_label}</b>, fraction{" "}
          <b>{ofTotal(fraction.number, fraction.fractions_planned)}</b>
        </p>
      </div>
    </div>
  );
}
