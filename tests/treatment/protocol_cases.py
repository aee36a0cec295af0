"""Protocols, matches and people that tests of decisions begin from."""

from fake_room import (
    ISOCENTRE_MM,
    MORNING,
    SET_UP_POSE,
    TARGET_MM,
    day_image,
    found,
    registration,
)

from isoguide.course import (
    ActionLevel,
    CouchLimit,
    MatchInstructions,
    Modality,
    Person,
    Protocol,
    ProtocolAction,
    Role,
    Schedule,
    Tolerance,
)
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.couch import corrected_pose
from isoguide.registration import Verdict
from isoguide.treatment import CouchLimits, Match, PlannedPosition
from isoguide.treatment.match import Proposal, match_by_hand
from isoguide.treatment.protocol_limits import fraction_limits

CORRECT, NO_CORRECTION = ProtocolAction.CORRECT, ProtocolAction.NO_CORRECTION
SECOND_LOOK, REIMAGE = ProtocolAction.SECOND_LOOK, ProtocolAction.REIMAGE
REPOSITION, STOP = ProtocolAction.REPOSITION, ProtocolAction.STOP

THERAPIST = Person("tess", Role.THERAPIST)
PHYSICIST = Person("phil", Role.PHYSICIST)
ONCOLOGIST = Person("olga", Role.ONCOLOGIST)


def protocol(**more: object) -> Protocol:
    """Tolerance 2 mm and 1°; second look above 10 mm, 3° or 2 mm left; set up again above 20 mm."""
    values = {
        "name": "spine",
        "version": 1,
        "title": "Spine",
        "site": "spine",
        "modality": Modality.CONE_BEAM_CT,
        "schedule": Schedule(),
        "match": MatchInstructions(),
        "tolerance": Tolerance(2.0, 1.0),
        "action_levels": (
            ActionLevel(SECOND_LOOK, shift_mm=10.0, rotation_deg=3.0, residual_mm=2.0),
            ActionLevel(REPOSITION, shift_mm=20.0),
        ),
        "rotation": CouchLimit(3.0, 3.0, REPOSITION),
    }
    return Protocol(**{**values, **more})


def match_of(
    correction: CouchCorrection,
    *,
    verdict: Verdict = Verdict.ACCEPT,
    patient: CouchCorrection | None = None,
    residual_mm: float = 0.0,
    **more: object,
) -> Match:
    """Build a match that proposes a correction; ``patient`` is what he needs where that is not the same."""
    if verdict is Verdict.NOT_AVAILABLE:
        return Match("image-1", SET_UP_POSE, registration(verdict, None))
    pose = corrected_pose(SET_UP_POSE, correction, yaw_axis="support")
    proposal = Proposal(correction, pose, residual_mm, **more)
    return Match("image-1", SET_UP_POSE, registration(verdict, found(patient or correction)), proposal)


def by_hand(
    correction: CouchCorrection,
    engine: Match,
    *,
    written: Protocol | None = None,
    by: str = "tess",
    **limits: object,
) -> Match:
    """Build the match that a person found where the engine had found another one."""
    exposure = day_image("image-1", MORNING, MORNING, SET_UP_POSE).exposure
    planned = PlannedPosition(ISOCENTRE_MM, "HFS", SET_UP_POSE, TARGET_MM, lambda *_: engine.registration)
    allowed = fraction_limits(written or protocol(), CouchLimits(**limits))
    return match_by_hand(planned, exposure, engine, found(correction), by, allowed)


def shifted(shift_mm: float, **more: object) -> Match:
    """Build a match that calls for a shift along one axis."""
    return match_of(CouchCorrection(shift_mm, 0.0, 0.0), **more)
