"""What a ladder of corrections starts from: the plan, and the patient as he lies today."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from isoguide.adaptation.result import RungDose
from isoguide.dose.beam_data import BeamData
from isoguide.dose.goals import DoseGoal
from isoguide.dose.placement import USUAL_SETTINGS, DoseSettings
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.correction import (
    CouchCorrection,
    constrained_correction,
    planning_from_daily_of,
)
from isoguide.geometry.frames import DAILY, FIXED, PLANNING, Array, Frame
from isoguide.geometry.iec61217 import fixed_from_planning, iec_from_lps
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.plan import Plan

CouchFreedom = Literal[3, 4, 6]

LEVEL_DEG = 0.02
"""A patient pitched or rolled by less lies along the axes of the image."""


@dataclass(frozen=True, slots=True, eq=False)
class AdaptationProblem:
    """A plan, and the patient as he lies today.

    Parameters
    ----------
    plan
        As planned; one isocentre.
    planned
        Its dose as planned, one fraction.
    planned_target
        The target as planned, planning LPS.
    density
        The day's density in HU, frame DAILY.
    structures
        Target and organs as they are today, daily LPS; the target by the name of ``planned_target``.
    fixed_from_daily
        The patient as he lies now, couch at 0°.
    planning_from_daily
        The rigid match.
    machine
        Beam data with the machine's limits.
    couch
        Degrees of freedom that the couch can correct; None: it stays where it is.
    goals, fractions, prescription_gy
        Of the course.
    body
        Bool ``[k, j, i]`` on the density's grid; what is outside counts as air. None: all counts.
    settings
        How doses are computed.

    Raises
    ------
    GeometryError
        If a frame is another.
    MissingEvidenceError
        If the target is not among the structures of the day.
    """

    plan: Plan
    planned: RungDose
    planned_target: Structure
    density: Volume
    structures: tuple[Structure, ...]
    fixed_from_daily: RigidTransform
    planning_from_daily: RigidTransform
    machine: BeamData
    couch: CouchFreedom | None = None
    goals: tuple[DoseGoal, ...] = ()
    fractions: int = 1
    prescription_gy: float | None = None
    body: NDArray[np.bool_] | None = None
    settings: DoseSettings = USUAL_SETTINGS

    def __post_init__(self) -> None:
        frames = (
            (self.fixed_from_daily.to_frame, FIXED),
            (self.fixed_from_daily.from_frame, DAILY),
            (self.planning_from_daily.to_frame, PLANNING),
            (self.planning_from_daily.from_frame, DAILY),
            (self.density.grid.frame, DAILY),
            (self.planned_target.frame, PLANNING),
        )
        for have, want in frames:
            if have != want:
                msg = f"beams are corrected for the patient of the day: expected '{want}', not '{have}'"
                raise GeometryError(msg)
        if not any(one.name == self.planned_target.name for one in self.structures):
            msg = (
                f"the target '{self.planned_target.name}' is not among the structures of the day: "
                "carry it to the day's image first"
            )
            raise MissingEvidenceError(msg)

    @property
    def isocentre_mm(self) -> Array:
        """The plan's one isocentre, (3,) planning LPS."""
        return self.plan.isocentre_mm()

    @property
    def fixed_from_planning(self) -> RigidTransform:
        """The patient as planned, couch at 0°."""
        return fixed_from_planning(self.plan.patient_position, self.isocentre_mm)

    @property
    def fixed_after_from_before(self) -> RigidTransform:
        """How the patient is displaced: FIXED as he lies from FIXED as planned."""
        return self.fixed_from_daily @ self.planning_from_daily.inverse() @ self.fixed_from_planning.inverse()

    @property
    def target(self) -> Structure:
        """The target of today, daily LPS."""
        return next(one for one in self.structures if one.name == self.planned_target.name)

    def couch_correction(self) -> CouchCorrection:
        """Return what the couch can do towards the plan; nothing without a couch.

        Raises
        ------
        GeometryError
            If the displacement cannot be told in angles of a couch.
        """
        if self.couch is None:
            return CouchCorrection(0.0, 0.0, 0.0)
        full = CouchCorrection.from_transform(self.fixed_after_from_before.inverse())
        position, nowhere = str(self.plan.patient_position), np.zeros(3)
        # Any place of the machine's isocentre will do, as long as it is the same in both.
        told = planning_from_daily_of(
            full,
            plan_isocentre_mm=self.isocentre_mm,
            machine_isocentre_mm=nowhere,
            patient_position=position,
        )
        return constrained_correction(
            told,
            degrees_of_freedom=self.couch,
            target_points_mm=self.planned_target.points_mm,
            plan_isocentre_mm=self.isocentre_mm,
            machine_isocentre_mm=nowhere,
            patient_position=position,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """How the patient lies when corrected beams are on, and how a plan file says it.

    Parameters
    ----------
    fixed_from_daily
        With the couch at 0°.
    turn_couch_deg
        By which the couch of the corrected plan is turned against that of the plan.
    fixed_after_from_before
        What is left of the displacement, with the couch as planned.
    isocentre_mm, frame
        Where the machine's isocentre lies in the patient, (3,), in this frame.
    """

    fixed_from_daily: RigidTransform
    turn_couch_deg: float
    fixed_after_from_before: RigidTransform
    isocentre_mm: Array
    frame: Frame

    @classmethod
    def after(cls, problem: AdaptationProblem, correction: CouchCorrection) -> "Stand":
        """Let the couch correct, and say where the patient lies then.

        A patient who lies along the axes of the day's image, but for a turn of the couch, has a plan in that
        image. One who was pitched or rolled has not; his plan keeps the coordinates of the planning CT.
        """
        moved = correction.fixed_from_fixed @ problem.fixed_from_daily
        left = correction.fixed_from_fixed @ problem.fixed_after_from_before
        turn = moved.rotation @ iec_from_lps(str(problem.plan.patient_position)).T
        if turn[2, 2] < np.cos(np.deg2rad(LEVEL_DEG)):
            return cls(moved, 0.0, left, problem.isocentre_mm, PLANNING)
        yaw_deg = round(float(np.rad2deg(np.arctan2(turn[1, 0], turn[0, 0]))), 2) + 0.0
        back = RigidTransform.from_parts(FIXED, FIXED, rotation_z(-yaw_deg), np.zeros(3))
        isocentre_mm = moved.inverse().apply(np.zeros(3)).round(3) + 0.0
        return cls(back @ moved, yaw_deg, left, isocentre_mm, DAILY)

    @property
    def turned_back(self) -> RigidTransform:
        """FIXED with the couch at 0° from FIXED with the couch as planned."""
        return RigidTransform.from_parts(FIXED, FIXED, rotation_z(-self.turn_couch_deg), np.zeros(3))
