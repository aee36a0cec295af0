"""What staff say of a set-up and of a delivery, held against the fraction and its plan."""

from collections.abc import Sequence

from isoguide.course import DeliveryRecord, SimulationRecord
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.couch import corrected_pose
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.treatment.couch_check import out_of_place
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.treatment.refusals import PositionError
from isoguide.workflow.clinic.open_fraction import OpenFraction


def require_offline_made(opened: OpenFraction, couch: TableTopPose, on_marks: TableTopPose | None) -> None:
    """Refuse a set-up without the systematic correction of today.

    Parameters
    ----------
    opened
        The fraction.
    couch, on_marks
        As read with the correction made, and before that with the patient on his marks.

    Raises
    ------
    MissingEvidenceError
        If a systematic correction belongs to the set-up, and nobody said where the couch was before it.
    PositionError
        If it was not made.
    """
    offline = opened.kept.offline
    if offline is None:
        return
    shift = ", ".join(f"{value:+.1f}" for value in offline.shift_mm)
    if on_marks is None:
        msg = (
            f"today's set-up has a systematic correction of {shift} mm (lateral, longitudinal, vertical): "
            "read the couch with the patient on his marks, move it by that, and give both readings"
        )
        raise MissingEvidenceError(msg)
    limits = fraction_limits(opened.protocol).couch
    off = out_of_place(corrected_pose(on_marks, offline, yaw_axis=limits.yaw_axis), couch, limits)
    if off:
        msg = f"the systematic correction of {shift} mm was not made: {'; '.join(off)}"
        raise PositionError(msg)


def require_planned_beams(simulation: SimulationRecord, deliveries: Sequence[DeliveryRecord]) -> None:
    """Refuse deliveries of beams that the plan does not have, and deliveries of nothing.

    Raises
    ------
    InputError
        The message names the beam, and those of the plan.
    """
    known = {beam.number for beam in simulation.beams}
    for one in deliveries:
        if one.beam_number not in known:
            names = ", ".join(f"{beam.number} ({beam.name})" for beam in simulation.beams)
            msg = f"plan '{simulation.plan_label}' has no treatment beam {one.beam_number}; it has {names}"
            raise InputError(msg)
    if not any(one.delivered_mu > 0.0 for one in deliveries):
        msg = "no monitor unit was delivered by any beam: stop the fraction with a reason instead"
        raise InputError(msg)
