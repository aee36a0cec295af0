"""Whether to believe a displacement field: figures as AAPM TG-132 asks for them, limits, and a verdict.

Source: Brock et al., Medical Physics 44(7), 2017 (TG-132).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.structure_measures import Agreement
from isoguide.registration.deformable.carry import field_of
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

Mask = NDArray[np.bool_]

FROM_TG132: Final = "AAPM TG-132, as quoted; not checked against the report"
FROM_TG132_LANDMARKS: Final = "AAPM TG-132 (mean 2 mm, largest 5 mm)"
OWN: Final = "isoguide's own, no guideline"


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Points that somebody found in both images.

    Parameters
    ----------
    names
        What they are.
    planning_mm
        In the planning CT, planning LPS, (n, 3).
    daily_mm
        In the day's image, daily LPS, (n, 3).

    Raises
    ------
    GeometryError
        If there is none, or the numbers of names and positions differ.
    """

    names: tuple[str, ...]
    planning_mm: Array
    daily_mm: Array

    def __post_init__(self) -> None:
        for name in ("planning_mm", "daily_mm"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), (-1, 3), f"landmarks {name}"))
        if not self.names or not len(self.names) == len(self.planning_mm) == len(self.daily_mm):
            msg = (
                f"{len(self.names)} landmarks have {len(self.planning_mm)} planning and {len(self.daily_mm)}"
                " daily positions: give each of them a name and both"
            )
            raise GeometryError(msg)


@dataclass(frozen=True, slots=True)
class FieldQuality:
    """Quality of a displacement field.

    Parameters
    ----------
    jacobian_least, jacobian_largest
        Of the determinant in the body that is seen: below 0 tissue folds, 1 keeps its volume.
    folded_fraction
        Share of the body whose determinant is not positive.
    inconsistency_mean_mm, inconsistency_p95_mm
        Where tissue returns to when it is matched there and back; None where that was not measured.
    bone_strain_p95
        95th percentile, over bones, of the largest change of a length, mm per mm, which is 0 in a rigid
        body, turned or not; None where no bone is seen.
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
class QualityLimits:
    """What a field has to reach to be used for decisions; :data:`LIMIT_SOURCES` says where each is from.

    Parameters
    ----------
    jacobian_least
        The smallest determinant has to be larger.
    inconsistency_mean_mm, inconsistency_p95_mm
        At most.
    landmark_mean_mm, landmark_largest_mm
        At most, where landmarks were given.
    dice, mean_distance_mm
        At least, and at most, where structures were drawn on the day's image.
    bone_strain_p95
        At most.
    similarity_loss
        The images may at most be this much less alike after the field than before.

    Raises
    ------
    InputError
        If a value is impossible.
    """

    jacobian_least: float = 0.0
    inconsistency_mean_mm: float = 2.0
    inconsistency_p95_mm: float = 3.0
    landmark_mean_mm: float = 2.0
    landmark_largest_mm: float = 5.0
    dice: float = 0.8
    mean_distance_mm: float = 3.0
    bone_strain_p95: float = 0.05
    similarity_loss: float = 0.01

    def __post_init__(self) -> None:
        for name in LIMIT_SOURCES:
            value = getattr(self, name)
            highest = 1.0 if name in ("dice", "jacobian_least") else np.inf
            if not 0.0 <= value <= highest:
                msg = f"the limit {name} of a displacement field must be 0 or more, and is {value:g}"
                raise InputError(msg)


LIMIT_SOURCES: Final[Mapping[str, str]] = {
    "jacobian_least": FROM_TG132,
    "inconsistency_mean_mm": FROM_TG132,
    "inconsistency_p95_mm": FROM_TG132,
    "landmark_mean_mm": FROM_TG132_LANDMARKS,
    "landmark_largest_mm": FROM_TG132_LANDMARKS,
    "dice": FROM_TG132,
    "mean_distance_mm": FROM_TG132,
    "bone_strain_p95": OWN,
    "similarity_loss": OWN,
}
"""Where each limit is from."""

USUAL_LIMITS: Final = QualityLimits()


def field_figures(
    found: DeformableRegistration, *, body: Mask, bone: Mask, landmarks: Landmarks | None = None
) -> FieldQuality:
    """Measure the quality of a displacement field.

    Parameters
    ----------
    found
        With a field.
    body, bone
        Bool ``[k, j, i]`` at the nodes of the field: where there is tissue, and bone.
    landmarks
        Points found in both images.

    Raises
    ------
    GeometryError
        If a mask does not belong to the nodes of the field.
    MissingEvidenceError
        If nothing of the body is seen.
    """
    field = field_of(found)
    for mask in (body, bone):
        if mask.shape != field.grid.shape:
            msg = f"a mask of {mask.shape} does not belong to the field's nodes {field.grid.shape}"
            raise GeometryError(msg)
    seen = body if found.seen is None else body & found.seen
    if not seen.any():
        msg = "the day's image shows nothing of the body, so that the field cannot be judged"
        raise MissingEvidenceError(msg)
    if found.similarity_before is None or found.similarity_after is None:
        msg = "a registration with a field says how alike the images are"
        raise ValueError(msg)
    determinants = field.jacobian()[seen]
    mean, p95 = _inconsistency(found, seen)
    errors = None if landmarks is None else _landmark_errors_mm(found, landmarks)
    return FieldQuality(
        jacobian_least=float(determinants.min()),
        jacobian_largest=float(determinants.max()),
        folded_fraction=float((determinants <= 0.0).mean()),
        inconsistency_mean_mm=mean,
        inconsistency_p95_mm=p95,
        bone_strain_p95=_bone_strain(field, bone & seen),
        longest_mm=float(np.sqrt(np.square(field.vectors_mm[seen]).sum(axis=-1).max())),
        similarity_before=found.similarity_before,
        similarity_after=found.similarity_after,
        landmark_mean_mm=None if errors is None else float(errors.mean()),
        landmark_largest_mm=None if errors is None else float(errors.max()),
        landmarks=0 if errors is None else len(errors),
    )


def _inconsistency(found: DeformableRegistration, seen: Mask) -> tuple[float | None, float | None]:
    if found.inconsistency_mm is None:
        return None, None
    values = found.inconsistency_mm[seen]
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return None, None
    return float(values.mean(dtype=np.float64)), float(np.percentile(values, 95.0))


def _bone_strain(field: DisplacementField, bone: Mask) -> float | None:
    """95th percentile of the largest change of a length, at nodes of bone whose neighbours are bone too."""
    inner = bone.copy()
    for axis in range(3):
        for end in (0, -1):
            np.moveaxis(inner, axis, 0)[end] = False
        inner &= np.roll(bone, 1, axis) & np.roll(bone, -1, axis)
    if not inner.any():
        return None
    at = np.argwhere(inner)
    columns = []
    for axis in range(3):
        step = np.eye(3, dtype=int)[2 - axis]
        after, before = (field.vectors_mm[tuple((at + way * step).T)].astype(np.float64) for way in (1, -1))
        columns.append((after - before) / (2.0 * field.grid.spacing_mm[axis]))
    gradient = np.stack(columns, axis=-1) + field.grid.direction
    stretch = np.linalg.svd(gradient, compute_uv=False)
    return float(np.percentile(np.abs(stretch - 1.0).max(axis=-1), 95.0))


def _landmark_errors_mm(found: DeformableRegistration, landmarks: Landmarks) -> Array:
    away: Array = np.linalg.norm(found.daily_positions(landmarks.planning_mm) - landmarks.daily_mm, axis=1)
    return away


def judge_field(
    quality: FieldQuality, agreements: Mapping[str, Agreement], limits: QualityLimits = USUAL_LIMITS
) -> tuple[FieldVerdict, tuple[str, ...]]:
    """Return what a field may be used for by its figures, and why not for more.

    Parameters
    ----------
    quality
        Of the field.
    agreements
        By name of the structure: the carried one with what was drawn on the day's image.
    limits
        What it has to reach.

    Returns
    -------
    tuple
        "for decision" without a reason, or "not for decision" with one sentence for each that fails.
    """
    # Each is asked whether it is within its limit: what is not a number is not.
    reasons = [*_tissue_reasons(quality, limits), *_landmark_reasons(quality, limits)]
    for name, found in agreements.items():
        if not found.dice >= limits.dice:
            reasons.append(
                f"structure '{name}' overlaps what was drawn on the day's image by a Dice coefficient of"
                f" {found.dice:.2f}, less than {limits.dice:g}"
            )
        if not found.mean_distance_mm <= limits.mean_distance_mm:
            reasons.append(
                f"structure '{name}' lies {found.mean_distance_mm:.1f} mm on average from what was drawn on"
                f" the day's image, more than {limits.mean_distance_mm:g} mm"
            )
    verdict = FieldVerdict.NOT_FOR_DECISION if reasons else FieldVerdict.FOR_DECISION
    return verdict, tuple(reasons)


def _tissue_reasons(quality: FieldQuality, limits: QualityLimits) -> list[str]:
    reasons = []
    if not (quality.folded_fraction == 0.0 and quality.jacobian_least > limits.jacobian_least):
        reasons.append(
            f"tissue folds or is crushed: the smallest Jacobian determinant is {quality.jacobian_least:.2f},"
            f" not above {limits.jacobian_least:g}, and {100.0 * quality.folded_fraction:.2g} % of the body"
            " is folded"
        )
    if quality.inconsistency_mean_mm is None or quality.inconsistency_p95_mm is None:
        reasons.append("the match was not checked there and back")
    elif not (
        quality.inconsistency_mean_mm <= limits.inconsistency_mean_mm
        and quality.inconsistency_p95_mm <= limits.inconsistency_p95_mm
    ):
        reasons.append(
            f"matched there and back, tissue returns {quality.inconsistency_mean_mm:.1f} mm away on average"
            f" and {quality.inconsistency_p95_mm:.1f} mm in the 95th percentile, more than"
            f" {limits.inconsistency_mean_mm:g} and {limits.inconsistency_p95_mm:g} mm"
        )
    if quality.bone_strain_p95 is not None and not quality.bone_strain_p95 <= limits.bone_strain_p95:
        reasons.append(
            f"bone is stretched by {100.0 * quality.bone_strain_p95:.0f} %, more than"
            f" {100.0 * limits.bone_strain_p95:g} %"
        )
    if not quality.similarity_after >= quality.similarity_before - limits.similarity_loss:
        reasons.append(
            f"the images are less alike after the deformation ({quality.similarity_after:.2f}) than before"
            f" ({quality.similarity_before:.2f})"
        )
    return reasons


def _landmark_reasons(quality: FieldQuality, limits: QualityLimits) -> list[str]:
    mean, largest = quality.landmark_mean_mm, quality.landmark_largest_mm
    if mean is None or largest is None:
        return []
    if mean <= limits.landmark_mean_mm and largest <= limits.landmark_largest_mm:
        return []
    return [
        f"landmarks are missed by {mean:.1f} mm on average and {largest:.1f} mm at most, more than"
        f" {limits.landmark_mean_mm:g} and {limits.landmark_largest_mm:g} mm"
    ]
