import type { Fraction, ImageLine } from "../../api/documents";
import { birthDate, personName, timeOfDay } from "../format";

/** What whoever signs a treatment on a match has to have looked at; each line is ticked by hand. */
export function checklistOf(fraction: Fraction, image: ImageLine | undefined): string[] {
  const { name, patient_id, birth_date } = fraction.patient;
  return [
    `On the couch lies ${personName(name)}, ID ${patient_id}, born ${birthDate(birth_date)}.`,
    `The image is of today and of this patient, taken at ${timeOfDay(image?.acquired_at)}.`,
    image?.kind === "radiographs"
      ? "Bones or markers agree in every view."
      : "Anatomy agrees in the axial, coronal and sagittal plane.",
    ...(image?.kind === "ultrasound"
      ? ["The target lies inside the fan and in no shadow, and the probe presses as at the simulation."]
      : []),
    "The target lies where the plan has it, and organs at risk do not lie in it.",
  ];
}
