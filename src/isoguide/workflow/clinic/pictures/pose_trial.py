"""A pose that a person tries: what the couch would do for it, by the very code that proposes for a match."""

from dataclasses import dataclass

from isoguide.course import MatchRecord
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.registration import Registration, Verdict
from isoguide.registration.day_match import DayContent, Prepared
from isoguide.treatment.match import PlannedPosition, match_image
from isoguide.treatment.protocol_limits import fraction_limits
from isoguide.workflow.clinic.pictures.day_scene import DayScene
from isoguide.workflow.clinic.pictures.match_figures import distance_mm


@dataclass(frozen=True, slots=True, eq=False)
class PoseTrial:
    """What a pose would mean.

    Parameters
    ----------
    correction, pose, residual_mm
        What this couch can do about it, where that brings the couch, and what it leaves at the target.
    needs_person, out_of_reach
        Why nobody but a person may act on it, and why the couch cannot do it; empty where neither holds.
    from_engine_mm, from_engine_deg
        How far it is from the engine's answer: largest distance at the target, and angle. None without one.
    """

    correction: CouchCorrection
    pose: TableTopPose
    residual_mm: float
    needs_person: tuple[str, ...]
    out_of_reach: tuple[str, ...]
    from_engine_mm: float | None
    from_engine_deg: float | None


def evaluate_pose(
    day: DayScene,
    prepared: Prepared,
    planning_from_daily: RigidTransform,
    *,
    set_up_pose: TableTopPose,
    engine: MatchRecord | None,
) -> PoseTrial:
    """Say what a pose would mean; nothing is recorded.

    Parameters
    ----------
    day
        The image.
    prepared
        The planning side of its match: where corrections are solved and residuals count.
    planning_from_daily
        The pose.
    set_up_pose
        The couch with the patient on his marks.
    engine
        What the engine found in the image.

    Raises
    ------
    InputError
        If no correction follows from it.
    """
    tried = Registration(
        verdict=Verdict.REVIEW,
        reasons=(),
        planning_from_daily=planning_from_daily,
        unconstrained=None,
        degrees_of_freedom=6,
        centre_mm=prepared.centre_mm,
        content="",
        uncertainty=None,
        quality=None,
        algorithm="by hand",
        settings={},
    )

    def answer(_content: DayContent, _uncorrected: RigidTransform) -> Registration:
        return tried

    simulation = day.plan.course.simulation
    planned = PlannedPosition(
        prepared.centre_mm,
        simulation.patient_position,
        set_up_pose,
        prepared.target_points_mm,
        answer,
        simulation.patient.patient_id,
    )
    proposal = match_image(planned, day.image, fraction_limits(day.plan.protocol)).proposal
    if proposal is None:
        msg = "no correction follows from this pose: go back to the engine's result"
        raise MissingEvidenceError(msg)
    apart_mm = apart_deg = None
    if engine is not None and engine.planning_from_daily is not None:
        found = RigidTransform(PLANNING, DAILY, engine.planning_from_daily)
        apart_mm = distance_mm(found, planning_from_daily, prepared.target_points_mm)
        apart_deg = rotation_angle_deg(found.rotation.T @ planning_from_daily.rotation)
    return PoseTrial(
        proposal.correction,
        proposal.pose,
        proposal.residual_mm,
        proposal.needs_person,
        proposal.out_of_reach,
        apart_mm,
        apart_deg,
    )
