"""From an image to what the couch should do: the match, the correction, and why a person has to look.

A match is the engine's or a person's; what follows from it is computed by the same code.
"""

from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.correction import (
    CouchCorrection,
    constrained_correction,
    residual_displacement_mm,
)
from isoguide.geometry.couch import corrected_pose
from isoguide.geometry.frames import DAILY, PLANNING, Array, frozen_array
from isoguide.geometry.iec61217 import TableTopPose, fixed_from_table_top
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg
from isoguide.plan import PatientPosition
from isoguide.registration import Registration, Verdict
from isoguide.registration.day_match import (
    FOR_REVIEW,
    ULTRASOUND_TO_CT,
    Matcher,
    Prepared,
    matcher_of,
)
from isoguide.treatment.couch_check import beyond_travel
from isoguide.treatment.limits import FractionLimits
from isoguide.treatment.ports import DayImage, Exposure
from isoguide.treatment.refusals import StaleImageError
from isoguide.units import wrap_deg

COUCH_ANGLE_DEG: Final = 5.0
"""Yaw of a couch at 0°: what a correction may add. A couch kick is beyond it."""
BY_HAND: Final = "by hand"
"""The algorithm of a registration that a person found."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedPosition:
    """Where the patient has to be, and how an image of him is matched to that.

    Parameters
    ----------
    isocentre_mm
        Plan isocentre, planning LPS, (3,).
    patient_position
        Of the plan.
    set_up_pose
        The couch with the patient on his marks, at couch angle 0°.
    target_points_mm
        (n, 3), planning LPS: where a correction with fewer degrees of freedom is solved and residuals count.
    match
        See :meth:`of`, which takes the registration of the product.
    patient_id
        Has to equal that of every image.

    Raises
    ------
    InputError
        If the couch is turned: images and corrections are made with the couch at 0°.
    GeometryError
        If an array has another shape or is not finite.
    """

    isocentre_mm: Array
    patient_position: PatientPosition
    set_up_pose: TableTopPose
    target_points_mm: Array
    match: Matcher
    patient_id: str = ""

    def __post_init__(self) -> None:
        for name, shape in (("isocentre_mm", (3,)), ("target_points_mm", (-1, 3))):
            object.__setattr__(self, name, frozen_array(getattr(self, name), shape, name))
        if len(self.target_points_mm) == 0:
            msg = "target_points_mm is empty: give points of the target, or the isocentre"
            raise InputError(msg)
        yaw_deg = wrap_deg(self.set_up_pose.support_deg + self.set_up_pose.eccentric_deg)
        if abs(yaw_deg) > COUCH_ANGLE_DEG:
            msg = (
                f"the set-up pose has a couch angle of {yaw_deg:g}°: position the patient with the couch "
                "at 0° and turn it afterwards"
            )
            raise InputError(msg)

    @classmethod
    def of(
        cls,
        prepared: Prepared,
        *,
        patient_position: PatientPosition,
        set_up_pose: TableTopPose,
        patient_id: str = "",
    ) -> Self:
        """Build from a prepared plan; isocentre and target points are those it was prepared for."""
        return cls(
            prepared.centre_mm,
            patient_position,
            set_up_pose,
            prepared.target_points_mm,
            matcher_of(prepared),
            patient_id,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """What the couch should do.

    Parameters
    ----------
    correction
        What this couch can do about the position.
    pose
        The absolute couch pose that does it.
    residual_mm
        Largest displacement that it leaves at the target; not 0 where the couch cannot turn.
    needs_person
        Why nobody but a person may act on this; empty when it is within all limits.
    out_of_reach
        Why the couch cannot do it; empty when it can.
    """

    correction: CouchCorrection
    pose: TableTopPose
    residual_mm: float
    needs_person: tuple[str, ...] = ()
    out_of_reach: tuple[str, ...] = ()

    @property
    def shift_mm(self) -> float:
        """Length of the shift, mm."""
        return float(np.linalg.norm(self.correction.shift_mm))

    @property
    def angle_deg(self) -> float:
        """Angle of the rotation about its own axis."""
        return rotation_angle_deg(self.correction.rotation)

    def is_within_tolerance(self, limits: FractionLimits) -> bool:
        """Whether so little is to be done that the patient lies in place."""
        return self.shift_mm <= limits.tolerance_mm and self.angle_deg <= limits.tolerance_deg


@dataclass(frozen=True, slots=True)
class ByHand:
    """Who matched an image by hand, and how far from the engine's answer for it.

    Parameters
    ----------
    by
        User name of the person.
    engine_verdict
        Of the engine's match of the same image.
    shift_mm, angle_deg
        From the engine's answer: largest displacement at the target points, and angle of the rotation. None
        where the engine had no answer.
    """

    by: str
    engine_verdict: Verdict
    shift_mm: float | None = None
    angle_deg: float | None = None

    def confirms_engine(self, tolerance_mm: float, tolerance_deg: float) -> bool:
        """Whether an accepted answer of the engine lies within a tolerance of it."""
        if self.engine_verdict is not Verdict.ACCEPT or self.shift_mm is None or self.angle_deg is None:
            return False
        return self.shift_mm <= tolerance_mm and self.angle_deg <= tolerance_deg

    def __str__(self) -> str:
        if self.shift_mm is None or self.angle_deg is None:
            return f"matched by hand by {self.by}: the engine had no answer"
        distance = f"{self.shift_mm:.1f} mm and {self.angle_deg:.1f}°"
        return f"matched by hand by {self.by}: {distance} from the engine's answer"


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """What one image says about the position.

    ``couch_at_image`` is where the couch was when it was taken. ``proposal`` is None exactly when the verdict
    of the registration is "not available". ``by_hand`` is None where the engine matched.
    """

    image_uid: str
    couch_at_image: TableTopPose
    registration: Registration
    proposal: Proposal | None = None
    by_hand: ByHand | None = None

    @property
    def correction(self) -> CouchCorrection | None:
        """The correction proposed, None without an answer."""
        return self.proposal.correction if self.proposal is not None else None

    def doubts(self, tolerance_mm: float, tolerance_deg: float) -> tuple[str, ...]:
        """Return why a person has to look at the match itself.

        Nothing where the verdict is "accept", or where a person found what the engine accepts, within a
        tolerance: that person has looked. A match of ultrasound to the planning CT is never accepted.
        """
        if self.registration.content == ULTRASOUND_TO_CT:
            said = self.registration.reasons if self.registration.verdict is not Verdict.ACCEPT else ()
            return (*said, FOR_REVIEW)
        confirmed = self.by_hand is not None and self.by_hand.confirms_engine(tolerance_mm, tolerance_deg)
        if confirmed or self.registration.verdict is Verdict.ACCEPT:
            return ()
        return self.registration.reasons


def match_image(
    planned: PlannedPosition, image: DayImage, limits: FractionLimits, made: CouchCorrection | None = None
) -> Match:
    """Match an image and say what the couch should do from where it was at the image.

    ``made`` is the correction that was made before this image, None for none: when twice as much is called
    for now, it may have gone the wrong way.

    Raises
    ------
    InputError
        If the image cannot be used.
    """
    uncorrected = RigidTransform.translation(
        PLANNING, DAILY, planned.isocentre_mm - image.machine_isocentre_mm
    )
    registration = planned.match(image.content, uncorrected)
    found = Match(image.uid, image.couch, registration)
    return _with_proposal(found, planned, image.machine_isocentre_mm, limits, made)


def match_by_hand(
    planned: PlannedPosition,
    exposure: Exposure,
    engine: Match,
    planning_from_daily: RigidTransform,
    by: str,
    limits: FractionLimits,
    made: CouchCorrection | None = None,
) -> Match:
    """Return the match that a person found, with what the couch should do from where it was at the image.

    How sure it is, nobody knows: it has no uncertainty, and always wants a review.

    Parameters
    ----------
    planned, limits, made
        As for :func:`match_image`.
    exposure
        Of the image.
    engine
        The engine's match of the same image.
    planning_from_daily
        What the person found, daily LPS to planning LPS.
    by
        User name of the person.

    Raises
    ------
    StaleImageError
        If it was not kept where the machine isocentre is in the image.
    GeometryError
        If the transform is one between other frames.
    """
    if exposure.machine_isocentre_mm is None:
        msg = f"where the machine isocentre is in image {exposure.uid} was not kept: image again"
        raise StaleImageError(msg)
    found = engine.registration
    by_hand = _by_hand(by, found, planning_from_daily, planned.target_points_mm)
    said = found.reasons if found.verdict is not Verdict.ACCEPT else ()
    registration = replace(
        found,
        verdict=Verdict.REVIEW,
        reasons=(str(by_hand), *(f"the engine: {reason}" for reason in said)),
        planning_from_daily=planning_from_daily,
        unconstrained=None,
        degrees_of_freedom=6,
        uncertainty=None,
        quality=None,
        algorithm=BY_HAND,
        settings={},
    )
    match = Match(exposure.uid, exposure.couch, registration, by_hand=by_hand)
    return _with_proposal(match, planned, exposure.machine_isocentre_mm, limits, made)


def _by_hand(
    by: str, engine: Registration, planning_from_daily: RigidTransform, target_points_mm: Array
) -> ByHand:
    if engine.planning_from_daily is None:
        return ByHand(by, engine.verdict)
    apart = planning_from_daily @ engine.planning_from_daily.inverse()
    moved_mm = np.linalg.norm(apart.apply(target_points_mm) - target_points_mm, axis=1)
    return ByHand(by, engine.verdict, float(moved_mm.max()), apart.angle_deg)


def _with_proposal(
    match: Match,
    planned: PlannedPosition,
    machine_isocentre_mm: Array,
    limits: FractionLimits,
    made: CouchCorrection | None,
) -> Match:
    if match.registration.planning_from_daily is None:
        return match
    proposal = _propose(match, match.registration.planning_from_daily, planned, machine_isocentre_mm, limits)
    doubts = (
        *match.doubts(limits.tolerance_mm, limits.tolerance_deg),
        *proposal.needs_person,
        *(wrong_way(made, proposal.correction, limits) if made is not None else ()),
    )
    return replace(match, proposal=replace(proposal, needs_person=doubts))


def _propose(
    match: Match,
    planning_from_daily: RigidTransform,
    planned: PlannedPosition,
    machine_isocentre_mm: Array,
    limits: FractionLimits,
) -> Proposal:
    correction = constrained_correction(
        planning_from_daily,
        degrees_of_freedom=limits.couch.degrees_of_freedom,
        target_points_mm=planned.target_points_mm,
        plan_isocentre_mm=planned.isocentre_mm,
        machine_isocentre_mm=machine_isocentre_mm,
        patient_position=planned.patient_position,
    )
    left_mm = residual_displacement_mm(
        planning_from_daily,
        correction,
        planned.target_points_mm,
        plan_isocentre_mm=planned.isocentre_mm,
        machine_isocentre_mm=machine_isocentre_mm,
        patient_position=planned.patient_position,
    )
    residual_mm = float(np.linalg.norm(left_mm, axis=1).max())
    pose = corrected_pose(match.couch_at_image, correction, yaw_axis=limits.couch.yaw_axis)
    doubts = (
        *_too_large("the correction", correction, limits),
        *_too_large("all corrections since set-up", moved_since(planned.set_up_pose, pose), limits),
        *_too_much_left(residual_mm, limits),
    )
    return Proposal(correction, pose, residual_mm, doubts, beyond_travel(pose, limits.couch))


def moved_since(before: TableTopPose, after: TableTopPose) -> CouchCorrection:
    """Return how a patient moved in the room when the couch went from one pose to another."""
    return CouchCorrection.from_transform(
        fixed_from_table_top(after) @ fixed_from_table_top(before).inverse()
    )


def wrong_way(made: CouchCorrection, wanted: CouchCorrection, limits: FractionLimits) -> tuple[str, ...]:
    """Return why the last correction may have gone the wrong way; nothing where it did not.

    A correction made with the wrong sign along an axis leaves twice as much to do along it. Corrections below
    twice the tolerance say nothing.
    """
    found = []
    for name in made.__slots__:
        unit, tolerance = (
            ("°", limits.tolerance_deg) if name.endswith("_deg") else (" mm", limits.tolerance_mm)
        )
        before, now = getattr(made, name), getattr(wanted, name)
        if abs(before) > 2.0 * tolerance and 1.5 < now / before < 2.5:
            found.append(
                f"{before:+.1f}{unit} {name.split('_')[0]} was made and {now:+.1f}{unit} is called for now: "
                "was it made the wrong way?"
            )
    return tuple(found)


def _too_large(what: str, correction: CouchCorrection, limits: FractionLimits) -> tuple[str, ...]:
    shift_mm = float(np.linalg.norm(correction.shift_mm))
    angle_deg = rotation_angle_deg(correction.rotation)
    checks = (
        (shift_mm > limits.largest_shift_mm, f"{shift_mm:.1f} mm", f"{limits.largest_shift_mm:g} mm"),
        (angle_deg > limits.largest_angle_deg, f"{angle_deg:.1f}°", f"{limits.largest_angle_deg:g}°"),
    )
    return tuple(
        f"the size of {what} is {size}, more than {limit}: check the set-up"
        for failed, size, limit in checks
        if failed
    )


def _too_much_left(residual_mm: float, limits: FractionLimits) -> tuple[str, ...]:
    if residual_mm <= limits.largest_residual_mm:
        return ()
    return (
        f"a couch with {limits.couch.degrees_of_freedom} degrees of freedom leaves {residual_mm:.1f} mm at "
        f"the target, more than {limits.largest_residual_mm:g} mm: set the patient up again",
    )
