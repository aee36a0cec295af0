"""Which structure is treated, and how far each structure ends up from where it should be."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.workflow.treatment_setup import TreatmentSetup

TARGET_TYPES: Final = ("PTV", "CTV", "GTV")
"""Largest first: what holds for the planning target volume holds for what lies inside it."""
NOT_ANATOMY: Final = ("EXTERNAL", "SUPPORT", "FIXATION", "BOLUS")
"""The body outline is everywhere, and the couch does not belong to the patient."""
MOST_POINTS: Final = 400
NEAR_MM: Final = 150.0
"""Structures further from the isocentre than this do not matter for the day's set-up."""
CROSS_MM: Final = 30.0


@dataclass(frozen=True, slots=True)
class StructureResidual:
    """How far a structure still is from its planned place after the correction, over its drawn vertices."""

    name: str
    is_target: bool
    mean_mm: float
    largest_mm: float


def choose_target(structures: Sequence[Structure], isocentre_mm: Array) -> Structure | None:
    """Pick the target: a PTV before a CTV before a GTV, and of several the one nearest to the isocentre.

    RTROIInterpretedType decides; where no structure states one, the name does.
    """
    drawn = [structure for structure in structures if structure.is_volume]
    for kind in TARGET_TYPES:
        stated = [structure for structure in drawn if structure.interpreted_type.upper() == kind]
        named = [structure for structure in drawn if structure.name.upper().startswith(kind)]
        candidates = stated or named
        if candidates:
            return min(candidates, key=lambda candidate: _distance_mm(candidate, isocentre_mm))
    return None


def _distance_mm(structure: Structure, point_mm: Array) -> float:
    low, high = structure.points_mm.min(axis=0), structure.points_mm.max(axis=0)
    outside = np.maximum(np.maximum(low - point_mm, point_mm - high), 0.0)
    # Inside the box of several, the one whose middle is nearest.
    return float(np.linalg.norm(outside) * 1000.0 + np.linalg.norm((low + high) / 2.0 - point_mm))


def surface_points_mm(structure: Structure) -> Array:
    """At most :data:`MOST_POINTS` vertices spread evenly over the structure, shape (n, 3)."""
    points_mm = structure.points_mm
    chosen = np.unique(
        np.linspace(0, len(points_mm) - 1, min(MOST_POINTS, len(points_mm))).round().astype(int)
    )
    spread_mm: Array = points_mm[chosen]
    return spread_mm


def points_about(centre_mm: Array) -> Array:
    """Six points :data:`CROSS_MM` from a centre, shape (6, 3): a stand-in where no target was drawn."""
    return np.asarray(centre_mm) + np.concatenate([np.eye(3), -np.eye(3)]) * CROSS_MM


def structure_residuals(
    structures: Sequence[Structure],
    target: Structure | None,
    planning_from_daily: RigidTransform,
    correction: CouchCorrection,
    setup: TreatmentSetup,
) -> tuple[StructureResidual, ...]:
    """Residual displacement of every structure near the isocentre, the target first, then the worst first."""
    lines = []
    for structure in structures:
        if not _matters(structure, setup.plan_isocentre_mm):
            continue
        line = residual_of_points(
            structure.name, planning_from_daily, correction, surface_points_mm(structure), setup
        )
        lines.append(replace(line, is_target=structure is target))
    return tuple(sorted(lines, key=lambda line: (not line.is_target, -line.largest_mm)))


def residual_of_points(
    name: str,
    planning_from_daily: RigidTransform,
    correction: CouchCorrection,
    points_mm: Array,
    setup: TreatmentSetup,
) -> StructureResidual:
    """Residual displacement of points (n, 3) of the planning frame under a name; counts as the target."""
    length_mm = np.linalg.norm(setup.residual_mm(planning_from_daily, correction, points_mm), axis=1)
    return StructureResidual(
        name, is_target=True, mean_mm=float(length_mm.mean()), largest_mm=float(length_mm.max())
    )


def _matters(structure: Structure, isocentre_mm: Array) -> bool:
    if not structure.is_volume or structure.interpreted_type.upper() in NOT_ANATOMY:
        return False
    return bool(np.linalg.norm(structure.points_mm - isocentre_mm, axis=1).min() <= NEAR_MM)
