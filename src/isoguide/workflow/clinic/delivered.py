"""What a machine's own treatment record says was delivered in a fraction."""

from pathlib import Path

from isoguide.course import DeliveryRecord
from isoguide.dicom import read_treatment_record
from isoguide.errors import MismatchError
from isoguide.workflow.clinic.open_fraction import OpenFraction


def deliveries_of_record(path: Path, opened: OpenFraction) -> tuple[DeliveryRecord, ...]:
    """Return the deliveries of a treatment record of this fraction.

    Raises
    ------
    MismatchError
        If the record is of another patient, plan or fraction.
    UnreadableError
        If it cannot be read.
    """
    found, simulation = read_treatment_record(path), opened.simulation
    record, number = found.record, opened.stored.line.key.number
    if (found.patient.patient_id, found.patient.birth_date) != (
        simulation.patient.patient_id,
        simulation.patient.birth_date,
    ):
        msg = (
            f"{path} is of the patient '{found.patient.patient_id}', not of '{simulation.patient.patient_id}'"
        )
        raise MismatchError(msg)
    if record.plan_uid != simulation.plan_uid:
        msg = f"{path} is of the plan {record.plan_uid}, not of '{simulation.plan_label}' of this course"
        raise MismatchError(msg)
    if record.fraction is not None and record.fraction != number:
        msg = f"{path} is of fraction {record.fraction}, and {opened.stored.line.key} is being treated"
        raise MismatchError(msg)
    return record.deliveries
