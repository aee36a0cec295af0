"""A deformation that is known: about the isocentre tissue lies 5 mm further to the left, and has shrunk."""

from dataclasses import dataclass

import numpy as np
import pytest

from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

TO_THE_LEFT_MM = 5.0
SHRUNK = 0.02
"""Of a length: a volume of (1 - 0.02)³ = 0.94 is left at the isocentre."""
REACH_MM = 110.0
NODE_MM, NODES = 8.0, 21
UNSEEN_BELOW = 3
"""The lowest planes of nodes, which the day's image does not show."""


def known_field(isocentre_mm: np.ndarray) -> DisplacementField:
    """u(x) = (5 mm to the left - 0.02 (x - isocentre)) exp(-(r / 110 mm)²)."""
    half_mm = NODE_MM * (NODES - 1) / 2.0
    x, y, z = isocentre_mm - half_mm
    grid = Grid.axial(PLANNING, (NODES, NODES, NODES), (NODE_MM,) * 3, (x, y, z))
    along = np.arange(NODES) * NODE_MM - half_mm
    from_mm = np.stack(np.meshgrid(along, along, along, indexing="ij")[::-1], axis=-1)
    weight = np.exp(-np.square(from_mm).sum(axis=-1, keepdims=True) / REACH_MM**2)
    vectors = weight * (np.array([TO_THE_LEFT_MM, 0.0, 0.0]) - SHRUNK * from_mm)
    return DisplacementField(grid, vectors.astype(np.float32))


def known_deformation(
    isocentre_mm: np.ndarray, planning_from_daily: RigidTransform, verdict: FieldVerdict
) -> DeformableRegistration:
    """As an engine would answer, with this verdict of its own."""
    field = known_field(isocentre_mm) if verdict is not FieldVerdict.NOT_AVAILABLE else None
    seen = sigma = apart = None
    if field is not None:
        seen = np.ones(field.grid.shape, dtype=np.bool_)
        seen[:UNSEEN_BELOW] = False
        sigma = np.full(field.grid.shape, 0.5, dtype=np.float32)
        apart = np.full(field.grid.shape, 0.7, dtype=np.float32)
    return DeformableRegistration(
        verdict=verdict,
        reasons=() if verdict is FieldVerdict.FOR_DECISION else ("the test says so",),
        approximations=("outside the field of view the deformation is that of its edge",),
        planning_from_daily=planning_from_daily,
        field=field,
        seen=seen,
        sigma_mm=sigma,
        inconsistency_mm=apart,
        similarity_before=0.61,
        similarity_after=0.78,
        algorithm="known truth",
        settings={"of": "a test"},
    )


@dataclass(frozen=True)
class _Unprepared:
    """What an engine that knows the answer needs: nothing."""

    planning: Volume


def _unprepared(planning: Volume, **_: object) -> _Unprepared:
    return _Unprepared(planning)


class KnowsTheDeformation:
    """Stands for the engine: it answers at once, with what a test says."""

    def __init__(self, patched: pytest.MonkeyPatch, isocentre_mm: np.ndarray) -> None:
        self.verdict = FieldVerdict.FOR_DECISION
        self.isocentre_mm = isocentre_mm
        self.days: list[Volume] = []
        patched.setattr("isoguide.workflow.assess.anatomy.register_deformable", self)
        patched.setattr("isoguide.workflow.assess.anatomy.prepare_deformable", _unprepared)

    def __call__(
        self,
        prepared: object,
        daily: Volume,
        *,
        planning_from_daily: RigidTransform,
        progress: Progress = silent,
    ) -> DeformableRegistration:
        progress(0.5, "matching the tissue")
        self.days.append(daily)
        return known_deformation(self.isocentre_mm, planning_from_daily, self.verdict)
