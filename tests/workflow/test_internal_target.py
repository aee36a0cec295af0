"""The volume that a target sweeps during a breath."""

from pathlib import Path

import numpy as np
import pytest

from isoguide.dicom import SeriesUids, read_structure_set, write_ct_series, write_structure_set
from isoguide.dicom.identity import PatientIdentity
from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.workflow.internal_target import internal_target

GRID = Grid(PLANNING, (30, 40, 40), np.array([2.0, 2.0, 2.0]), np.array([-39.0, -39.0, -29.0]), np.eye(3))


def cube(edge_mm: float = 20.0) -> Structure:
    half = edge_mm / 2.0
    square = np.array([(-half, -half), (half, -half), (half, half), (-half, half)])
    contours = tuple(
        Contour("CLOSED_PLANAR", np.column_stack([square, np.full(4, z)]))
        for z in np.arange(-half + 1.0, half, 2.0)
    )
    return Structure("GTV", 3, PLANNING, contours, "GTV")


def test_a_cube_of_20_mm_that_goes_10_mm_to_the_head_sweeps_12_cm3() -> None:
    # 20 × 20 × (20 + 10) mm³; the cube alone is 8 cm³.
    found = internal_target(cube(), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 4.0], [0.0, 0.0, 10.0]]), GRID, 9)
    assert found.volume_cm3 == pytest.approx(12.0, abs=1e-9)
    assert found.target_volume_cm3 == pytest.approx(8.0, abs=1e-9)
    assert (found.structure.name, found.structure.number) == ("ITV GTV", 9)
    assert found.structure.interpreted_type == ""
    assert found.structure.description == "union of GTV over 3 phases"


def test_a_cube_that_goes_sideways_and_forth_sweeps_the_union_of_both_places() -> None:
    # Two cubes of 8 cm³ that share 10 × 16 × 20 mm³.
    found = internal_target(cube(), np.array([[0.0, 0.0, 0.0], [10.0, -4.0, 0.0]]), GRID, 9)
    assert found.volume_cm3 == pytest.approx(16.0 - 3.2, abs=1e-9)


def test_its_outline_holds_what_it_counts() -> None:
    found = internal_target(cube(), np.array([[0.0, 0.0, 0.0], [10.0, -4.0, 6.0]]), GRID, 9)
    mask = structure_mask(found.structure, GRID)
    assert float(mask.sum()) * 8.0 / 1000.0 == pytest.approx(found.volume_cm3, rel=0.01)
    # 20 mm in 10 slices, and 3 more from where it went.
    assert len({contour.xyz_mm[0, 2] for contour in found.structure.contours}) == 13


def test_it_can_be_written_as_a_structure_and_read_again(tmp_path: Path) -> None:
    volume = Volume(GRID, np.zeros(GRID.shape, np.int16))
    image = write_ct_series(
        tmp_path / "ct",
        volume,
        patient=PatientIdentity("I-1", birth_date="19500101"),
        patient_position="HFS",
        uids=SeriesUids.from_seed("itv"),
    )
    found = internal_target(cube(), np.array([[0.0, 0.0, 0.0], [10.0, -4.0, 6.0]]), GRID, 9)
    path = write_structure_set(tmp_path / "rs.dcm", [cube(), found.structure], image=image).path
    again = read_structure_set(path).structure("ITV GTV")
    np.testing.assert_array_equal(structure_mask(again, GRID), structure_mask(found.structure, GRID))


def test_a_target_beside_the_planning_ct_is_refused() -> None:
    beside = Grid(PLANNING, (4, 4, 4), np.ones(3), np.full(3, 300.0), np.eye(3))
    with pytest.raises(GeometryError, match="structure 'GTV' lies outside the planning CT"):
        internal_target(cube(), np.zeros((2, 3)), beside, 9)
