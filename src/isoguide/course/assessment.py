"""What the anatomy of one day was found to be: position, size and shape of target and organs."""

from dataclasses import dataclass
from datetime import datetime

from isoguide.geometry.frames import Array, frozen_array
from isoguide.registration.deformable.result import FieldVerdict


@dataclass(frozen=True, slots=True, eq=False)
class StructureOfDay:
    """One structure of the plan as it is today, beside the plan.

    Parameters
    ----------
    name, is_target
        ROIName, and whether it is the target or belongs to it.
    planned_volume_ml, volume_ml
        At planning and today.
    volume_sigma_ml
        Standard deviation of today's volume.
    shift_mm
        Centre of the structure today minus planned, patient LPS, the patient put where the rigid match puts
        him, (3,).
    planned_extent_mm, extent_mm
        Size of the box around it along x, y, z (LPS), (3,).
    surface_mean_mm, surface_p95_mm, surface_largest_mm
        How far its surface has moved outwards (positive) or inwards, mean; 95th percentile and largest of the
        distance either way.
    seen_fraction
        Share of it that the day's image shows, 0 to 1.
    dice, mean_distance_mm, hausdorff_p95_mm
        Agreement with what was drawn on the day's image; None where nothing was.
    """

    name: str
    is_target: bool
    planned_volume_ml: float
    volume_ml: float
    volume_sigma_ml: float
    shift_mm: Array
    planned_extent_mm: Array
    extent_mm: Array
    surface_mean_mm: float
    surface_p95_mm: float
    surface_largest_mm: float
    seen_fraction: float
    dice: float | None = None
    mean_distance_mm: float | None = None
    hausdorff_p95_mm: float | None = None

    def __post_init__(self) -> None:
        for name in ("shift_mm", "planned_extent_mm", "extent_mm"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), (3,), name))

    @property
    def volume_change_percent(self) -> float:
        """Change of the volume against the plan, percent."""
        return 100.0 * (self.volume_ml / self.planned_volume_ml - 1.0)


@dataclass(frozen=True, slots=True)
class FieldFigures:
    """Quality of the day's displacement field (AAPM TG-132).

    Parameters
    ----------
    jacobian_least, jacobian_largest
        Of the determinant in the body that is seen: below 0 tissue folds, 1 keeps its volume.
    folded_fraction
        Share of the body whose determinant is not positive.
    inconsistency_mean_mm, inconsistency_p95_mm
        Where tissue returns to when it is matched there and back; None where that was not measured.
    bone_strain_p95
        95th percentile, over bones, of the change of lengths in mm per mm, which is 0 in a rigid body; None
        where no bone is seen.
    longest_mm
        Longest displacement in the body.
    similarity_before, similarity_after
        Local correlation after the rigid match, and after the field.
    landmark_mean_mm, landmark_largest_mm, landmarks
        Errors at landmarks, where given.
    """

    jacobian_least: float
    jacobian_largest: float
    folded_fraction: float
    inconsistency_mean_mm: float | None
    inconsistency_p95_mm: float | None
    bone_strain_p95: float | None
    longest_mm: float
    similarity_before: float
    similarity_after: float
    landmark_mean_mm: float | None = None
    landmark_largest_mm: float | None = None
    landmarks: int = 0


@dataclass(frozen=True, slots=True)
class AssessmentRecord:
    """The assessment of one day's image, as it is kept.

    Parameters
    ----------
    image_uid
        Of which image of the fraction.
    assessed_at
        Aware UTC.
    verdict, reasons
        A value of :class:`isoguide.registration.deformable.result.FieldVerdict`, and why.
    approximations
        What was assumed rather than seen.
    figures
        None exactly when the verdict is "not available"; then there are no structures either.
    structures
        The target first.
    alerts
        Why re-planning should be considered, by the protocol; empty when it says nothing.
    algorithm, version, settings_sha256
        What found it.
    """

    image_uid: str
    assessed_at: datetime
    verdict: str
    reasons: tuple[str, ...]
    approximations: tuple[str, ...]
    figures: FieldFigures | None
    structures: tuple[StructureOfDay, ...]
    alerts: tuple[str, ...]
    algorithm: str
    version: str
    settings_sha256: str

    def __post_init__(self) -> None:
        has_field = FieldVerdict(self.verdict) is not FieldVerdict.NOT_AVAILABLE
        if (self.figures is not None) != has_field or (self.structures and not has_field):
            msg = f"an assessment has figures exactly when its verdict is not '{FieldVerdict.NOT_AVAILABLE}'"
            raise ValueError(msg)

    @property
    def is_for_decision(self) -> bool:
        """Whether something may be decided by it."""
        return self.verdict == FieldVerdict.FOR_DECISION
