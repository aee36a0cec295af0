"""The small patient on a day on which his prostate lies 5 mm further left than his bones say."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from small_patient import SmallPatient

from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField, node_positions_mm
from isoguide.images.volume import Volume
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict
from isoguide.registration.deformable.settings import DeformableSettings
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.assess import anatomy, assess, report
from isoguide.workflow.assess.request import AssessRequest
from isoguide.workflow.request import AlignRequest

LEFT_MM: Final = 5.0
NODES_MM: Final = 8.0


def to_the_left(points_mm: Array, centre_mm: Array) -> Array:
    """Displacement (n, 3): 5 mm to the left within 30 mm of a centre, nothing from 170 mm on."""
    far = np.linalg.norm(points_mm - centre_mm, axis=1)
    share = np.clip((170.0 - far) / 140.0, 0.0, 1.0)
    return LEFT_MM * share[:, None] * np.array([1.0, 0.0, 0.0])


def moved_left(
    planning: Volume, centre_mm: Array, planning_from_daily: RigidTransform
) -> DeformableRegistration:
    grid = planning.grid
    shape = tuple(int(n) for n in np.ceil(grid.extent_mm / NODES_MM).astype(int)[::-1] + 1)
    nodes = Grid.axial(PLANNING, shape, (NODES_MM,) * 3, tuple(grid.origin_mm))
    vectors = to_the_left(node_positions_mm(nodes), centre_mm).reshape(*shape, 3)
    return DeformableRegistration(
        verdict=FieldVerdict.FOR_DECISION,
        reasons=(),
        approximations=("beyond the field of view tissue moves as its edge does",),
        planning_from_daily=planning_from_daily,
        field=DisplacementField(nodes, vectors.astype(np.float32)),
        seen=np.ones(shape, dtype=np.bool_),
        sigma_mm=np.full(shape, 0.8, dtype=np.float32),
        inconsistency_mm=np.full(shape, 0.5, dtype=np.float32),
        similarity_before=0.7,
        similarity_after=0.8,
        algorithm="formula",
        settings={"left_mm": LEFT_MM},
    )


@contextmanager
def quick_assessment(patient: SmallPatient, alignment: Alignment) -> Iterator[pytest.MonkeyPatch]:
    """Replace both matches by what is known, and draw small pictures."""
    centre_mm = patient.phantom.isocentre_mm

    def found(
        _prepared: object, _daily: Volume, *, planning_from_daily: RigidTransform, **_: object
    ) -> object:
        return moved_left(alignment.planning.volume, centre_mm, planning_from_daily)

    def prepared(volume: Volume, structures: object, **more: object) -> anatomy.PlannedAnatomy:
        key = (id(volume), tuple(one.name for one in structures))
        if key not in _prepared_once:
            _prepared_once[key] = anatomy.prepare_anatomy(volume, structures, **more)
        return _prepared_once[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(assess, "prepare_anatomy", prepared)
        patched.setattr(assess, "align", lambda *_, **__: alignment)
        patched.setattr(anatomy, "register_deformable", found)
        patched.setattr(anatomy, "prepare_deformable", coarse)
        patched.setattr(report, "PIXELS", 80)
        yield patched


_prepare = anatomy.prepare_deformable
_prepared_once: dict[object, anatomy.PlannedAnatomy] = {}


def coarse(volume: Volume, **_: object) -> object:
    return _prepare(volume, settings=DeformableSettings(spacing_mm=8.0, levels=1))


def request_of(patient: SmallPatient, **more: object) -> AssessRequest:
    return replace(
        AssessRequest(AlignRequest(patient.planning, patient.daily), structure_names=("Prostate",)), **more
    )
