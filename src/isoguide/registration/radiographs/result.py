"""What a match of radiographs answers, and what it cannot answer with one view."""

from dataclasses import dataclass

from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.transforms import RigidTransform
from isoguide.registration.result import Alternative, RegionResidual, Uncertainty, Verdict


@dataclass(frozen=True, slots=True)
class ViewQuality:
    """How well one view agrees with the planning CT at the answer.

    ``similarity`` is the mean correlation of its patches, -1 to 1; ``shown_fraction`` how many
    the detector shows, relative to how many it would show of a patient who lies as planned.
    """

    similarity: float
    shown_fraction: float


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How far two views, each taken alone, differ in what both of them see.

    Both see the shift across their two depth directions: a difference there is an error of the geometry, a
    motion between the exposures, or a wrong match. ``angle_deg`` is the angle between their rotations.
    """

    shift_mm: float
    angle_deg: float


@dataclass(frozen=True, slots=True, eq=False)
class WithoutDepth:
    """The five motions that one view shows; how far along its axis the patient lies is not known.

    Parameters
    ----------
    verdict, reasons
        What may be done with the five, never more than review.
    shift_mm
        Displacement (2,) of the isocentre's tissue from the plan along the detector's rows and columns.
    rotation
        Of the patient in planning axes, (3, 3): daily from planning.
    depth_direction
        Unit vector (3,), planning axes, from source to isocentre: there is no shift along it here.
    covariance
        (5, 5): the two shifts (mm), then the rotation vector (rad).
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    shift_mm: Array
    rotation: Array
    depth_direction: Array
    covariance: Array

    def __post_init__(self) -> None:
        shapes = {"shift_mm": (2,), "rotation": (3, 3), "depth_direction": (3,), "covariance": (5, 5)}
        for name, shape in shapes.items():
            object.__setattr__(self, name, frozen_array(getattr(self, name), shape, name))


@dataclass(frozen=True, slots=True, eq=False)
class RadiographQuality:
    """Figures that say whether to believe the match.

    Parameters
    ----------
    views
        One for each image.
    condition_number
        Of the normal matrix in mm; large means that a motion is nearly free.
    view_angle_deg
        Largest angle between the axes of two views, 0 to 90.
    disagreement
        Largest of any two views taken alone; None with one view.
    alternatives
        Answers one and two vertebral pitches away, best competitor first; empty when tracking.
    residuals
        How parts of the body, one above the other, would still like to move: a bent spine or neck shows here.
        Only parts that two views hold; empty when tracking.
    bend_at_target_mm
        Largest of them at the height of the isocentre and next above and below; 0 where there is none.
    """

    views: tuple[ViewQuality, ...]
    condition_number: float
    view_angle_deg: float
    disagreement: Disagreement | None
    alternatives: tuple[Alternative, ...]
    residuals: tuple[RegionResidual, ...] = ()
    bend_at_target_mm: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class RadiographRegistration:
    """The answer of :func:`isoguide.registration.register_radiographs`.

    ``planning_from_daily`` maps where tissue is, in planning axes, to the planning CT; it is None exactly
    when the verdict is "not available". ``unconstrained`` is the 6-DoF answer where fewer were asked for.
    With one view the verdict is "not available" and ``without_depth`` holds what it shows, if anything.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    planning_from_daily: RigidTransform | None
    unconstrained: RigidTransform | None
    degrees_of_freedom: int
    centre_mm: Array
    uncertainty: Uncertainty | None
    quality: RadiographQuality | None
    without_depth: WithoutDepth | None
    algorithm: str
