"""Structures as they are drawn: their zero line is the polygon of the structure set."""

from dataclasses import replace

import contourpy
import numpy as np
import pytest
from scipy.spatial import cKDTree
from small_patient import SmallPatient

from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.workflow.clinic.pictures.structure_distance import (
    STEPS_PER_MM,
    drawn_structures,
    grid_about,
    kind_of,
)
from isoguide.workflow.structure_colours import COLOURS


def dense(points_mm: np.ndarray, *, closed: bool) -> np.ndarray:
    ends = np.roll(points_mm, -1, axis=0) if closed else points_mm[1:]
    starts = points_mm if closed else points_mm[:-1]
    return np.concatenate(
        [
            start + (end - start) * np.linspace(0, 1, 20)[:, None]
            for start, end in zip(starts, ends, strict=True)
        ]
    )


def test_the_zero_line_of_every_slice_follows_the_polygons_within_a_third_of_a_millimetre(
    patient: SmallPatient,
) -> None:
    drawn, not_drawn = drawn_structures(patient.phantom.structures, patient.phantom.volume.grid)
    assert not_drawn == ()
    assert len(drawn) >= 7
    for one in drawn:
        grid, checked = one.distance.grid, 0
        values = np.frombuffer(one.distance.content, dtype="<i2").reshape(grid.shape) / STEPS_PER_MM
        for k in range(grid.shape[0]):
            z_mm = float(grid.xyz([0, 0, k])[2])
            polygons = [c.xyz_mm[:, :2] for c in one.structure.contours if abs(c.xyz_mm[0, 2] - z_mm) < 0.01]
            lines = contourpy.contour_generator(z=values[k]).lines(0.0)
            assert bool(lines) == bool(polygons), (one.structure.name, z_mm)
            if not polygons:
                continue
            found = np.concatenate([dense(line, closed=False) for line in lines])
            found = found * grid.spacing_mm[:2] + grid.origin_mm[:2]
            wanted = np.concatenate([dense(polygon, closed=True) for polygon in polygons])
            assert cKDTree(wanted).query(found)[0].max() < 0.3, (one.structure.name, z_mm)
            assert cKDTree(found).query(wanted)[0].max() < 0.3, (one.structure.name, z_mm)
            checked += 1
        assert checked >= 3


def square(half_mm: float = 10.0, z_mm: float = 4.0, kind: str = "CLOSED_PLANAR") -> Contour:
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half_mm
    return Contour(kind, np.column_stack([corners, np.full(4, z_mm)]))


GRID = Grid.axial(PLANNING, (5, 30, 30), (2.5, 0.6, 2.0), (-20.0, -10.0, 0.0))


def test_nodes_lie_in_the_slices_of_the_ct_and_finely_within_them() -> None:
    grid = grid_about(square().xyz_mm, GRID)
    np.testing.assert_allclose(grid.spacing_mm, [2.5 / 3.0, 0.6, 2.0])
    assert np.abs(GRID.index(grid.origin_mm)[2] % 1.0) < 1e-9
    assert grid_about(square(150.0).xyz_mm, GRID).spacing_mm.tolist() == pytest.approx([1.25, 1.8, 2.0])


def test_colours_are_those_of_the_planning_system_and_else_distinct() -> None:
    one = Structure("one", 1, PLANNING, (square(),), colour=(1, 2, 3))
    others = [replace(one, name=f"n{n}", number=n, colour=None) for n in (2, 3)]
    drawn, _ = drawn_structures([one, *others], GRID)
    assert [each.colour for each in drawn] == [(1, 2, 3), COLOURS["s1"].rgb, COLOURS["s2"].rgb]


def test_a_structure_that_lies_across_the_slices_is_named_and_not_drawn() -> None:
    tilted = square().xyz_mm @ np.array([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]])
    point = Structure("point", 2, PLANNING, (Contour("POINT", np.zeros((1, 3))),))
    drawn, not_drawn = drawn_structures(
        [Structure("tilted", 1, PLANNING, (Contour("CLOSED_PLANAR", tilted),)), point], GRID
    )
    assert drawn == ()
    assert len(not_drawn) == 1
    assert "'tilted' are not flat" in not_drawn[0]


@pytest.mark.parametrize(
    ("name", "stated", "kind"),
    [
        ("PTV boost", "", "target"),
        ("PTV ring", "CONTROL", "other"),
        ("x", "GTV", "target"),
        ("Body", "EXTERNAL", "external"),
        ("Rectum", "ORGAN", "organ"),
        ("Rectum", "", "other"),
    ],
)
def test_what_a_structure_is_says_its_type_first(name: str, stated: str, kind: str) -> None:
    assert kind_of(Structure(name, 1, PLANNING, (square(),), stated)) == kind
