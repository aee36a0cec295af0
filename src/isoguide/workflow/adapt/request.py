"""What a user asks of the correction of beams, validated once."""

from dataclasses import dataclass

import numpy as np

from isoguide.adaptation.problem import CouchFreedom
from isoguide.adaptation.result import Rung
from isoguide.dose.result import DoseAlgorithm
from isoguide.errors import InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.transforms import RigidTransform
from isoguide.workflow.assess.request import AssessRequest

LARGEST_MM, LARGEST_DEG = 100.0, 20.0


@dataclass(frozen=True, slots=True)
class StatedDisplacement:
    """How a patient lies away from the plan, in IEC fixed axes: turned about the isocentre, then shifted.

    Raises
    ------
    InputError
        If a value is not finite or beyond what a patient on a couch can be.
    """

    lateral_mm: float
    longitudinal_mm: float
    vertical_mm: float
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    yaw_deg: float = 0.0

    def __post_init__(self) -> None:
        values = np.array([getattr(self, name) for name in self.__slots__])
        limits = np.array([LARGEST_MM] * 3 + [LARGEST_DEG] * 3)
        if not np.isfinite(values).all() or (np.abs(values) > limits).any():
            msg = f"--displacement needs finite numbers up to {LARGEST_MM:g} mm and {LARGEST_DEG:g}°"
            raise InputError(msg)

    @property
    def fixed_after_from_before(self) -> RigidTransform:
        """Where tissue goes in the room."""
        turn = CouchCorrection(0.0, 0.0, 0.0, self.pitch_deg, self.roll_deg, self.yaw_deg)
        shift = CouchCorrection(self.lateral_mm, self.longitudinal_mm, self.vertical_mm)
        return shift.fixed_from_fixed @ turn.fixed_from_fixed


@dataclass(frozen=True, slots=True)
class AdaptRequest:
    """Everything :func:`isoguide.workflow.adapt.adapt.adapt` needs to know.

    Parameters
    ----------
    assess
        Planning export and image of the day, how they are matched, and how the dose is computed.
    couch
        Degrees of freedom that the couch corrects before the beams do the rest; None: it stays.
    rungs
        Whose effect is wanted; as the patient lies is always shown.
    displacement
        Instead of what the match says; None: as the images show him.

    Raises
    ------
    InputError
        If no dose is asked for, or it is asked of another algorithm than the pencil beam.
    """

    assess: AssessRequest
    couch: CouchFreedom | None = None
    rungs: tuple[Rung, ...] = tuple(Rung)
    displacement: StatedDisplacement | None = None

    def __post_init__(self) -> None:
        choice = self.assess.dose
        if choice is None:
            msg = "corrected beams are judged by their dose: ask for it with the machine that delivers them"
            raise InputError(msg)
        if choice.algorithm is DoseAlgorithm.COLLAPSED_CONE:
            msg = (
                "the ladder is computed by the pencil beam: confirm the plan that you choose with "
                "isoguide dose --algorithm cone"
            )
            raise InputError(msg)
