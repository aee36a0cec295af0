"""Gamma index: doses whose gamma is known, published pass rates, and what to do without pymedphys."""

import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_structures import dose_of
from scipy.spatial.transform import Rotation

from isoguide.dicom.pixels import read_stored
from isoguide.dicom.scan import open_dicom
from isoguide.dose.gamma import gamma_index
from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid

IMAGES = "pymedphys/tests/gamma/data/agnew_mcgarry_images"


def ball(x, y, z):
    return 10.0 * np.exp(-(x**2 + y**2 + z**2) / 200.0)


@pytest.fixture(scope="module")
def reference() -> DoseVolume:
    pytest.importorskip("pymedphys")
    return dose_of(ball, half_mm=12.0, spacing_mm=4.0)


def test_equal_doses_have_gamma_zero_and_a_known_difference_its_share(reference: DoseVolume) -> None:
    same = gamma_index(reference, reference, percent=3.0, distance_mm=2.0)
    assert same.pass_percent == 100.0
    assert np.nanmax(same.gamma) == 0.0
    assert np.isnan(same.gamma[reference.dose_gy < 1.0]).all()
    # A flat dose 1.5 % too high is half of 3 %, wherever one looks.
    flat = dose_of(lambda x, y, z: 10.0 + 0.0 * x, half_mm=8.0, spacing_mm=4.0)
    higher = gamma_index(flat, flat.scaled(1.015), percent=3.0, distance_mm=2.0)
    assert higher.mean == pytest.approx(0.5, abs=1e-3)


def test_the_axes_of_the_evaluated_dose_may_run_otherwise(reference: DoseVolume) -> None:
    grid = reference.grid
    moved = dose_of(lambda x, y, z: ball(x - 2.0, y, z), half_mm=16.0, spacing_mm=4.0)
    plain = gamma_index(reference, moved, percent=3.0, distance_mm=2.0)
    # The same dose with k backwards along y, j along z and i backwards along x.
    turned = np.transpose(moved.dose_gy, (1, 0, 2))[::-1, :, ::-1]
    direction = np.array([(-1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)])
    other = Grid(PLANNING, turned.shape, moved.grid.spacing_mm, np.array([16.0, 16.0, -16.0]), direction)
    found = gamma_index(reference, DoseVolume(other, turned), percent=3.0, distance_mm=2.0)
    np.testing.assert_allclose(found.gamma, plain.gamma, atol=1e-6)
    # Shifted by 2 mm, the distance allowed; between voxels 4 mm apart the dose is not quite linear.
    assert plain.pass_percent > 95.0
    assert plain.gamma.shape == grid.shape


def test_where_the_evaluated_dose_ends_is_failed_not_passed_over(reference: DoseVolume) -> None:
    part = Grid.axial(PLANNING, (7, 7, 2), (4.0, 4.0, 4.0), (-12.0, -12.0, -12.0))
    cut = DoseVolume(part, reference.dose_gy[:, :, :2])
    found = gamma_index(reference, cut, percent=3.0, distance_mm=2.0)
    assert found.outside_points > found.points / 2
    assert found.pass_percent < 50.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("planned", "measured", "is_local", "published_percent"),
    [
        ("GeometricSquare_Evaluated_1mmPx_DD_Test", "GeometricSquare_Reference_1mmPx", False, 96.0),
        ("H&N_VMAT_Reference_1mmPx", "H&N_VMAT_Evaluated_1mmPx", True, 93.6),
    ],
)
def test_published_pass_rates_are_found(
    shared_data: Path, planned: str, measured: str, is_local: bool, published_percent: float
) -> None:
    """Agnew and McGarry, Radiother. Oncol. 118 (2016) 568, at 1 % and 1 mm."""
    pytest.importorskip("pymedphys")
    doses = [image(shared_data / IMAGES / f"{name}.dcm") for name in (planned, measured)]
    threshold_percent = 20.0 if is_local else 1e-6
    found = gamma_index(
        *doses, percent=1.0, distance_mm=1.0, threshold_percent=threshold_percent, is_local=is_local
    )
    assert found.pass_percent == pytest.approx(published_percent, abs=0.05)


def image(path: Path) -> DoseVolume:
    """A published image twice, 1 mm apart: the nearest place is in the image's own plane."""
    file = open_dicom(path)
    scaling = file.item.need_number("DoseGridScaling")
    plane = (read_stored(file).values.squeeze() * scaling).astype(np.float32)
    grid = Grid.axial(PLANNING, (2, *plane.shape), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    return DoseVolume(grid, np.stack([plane, plane]))


def test_doses_that_cannot_be_compared_are_refused(reference: DoseVolume) -> None:
    grid = reference.grid
    elsewhere = Grid(DAILY, grid.shape, grid.spacing_mm, grid.origin_mm, grid.direction)
    with pytest.raises(MismatchError, match="one frame of reference"):
        gamma_index(reference, DoseVolume(elsewhere, reference.dose_gy), percent=3.0, distance_mm=2.0)
    turn = Rotation.from_euler("z", 20.0, degrees=True).as_matrix()
    turned = Grid(PLANNING, grid.shape, grid.spacing_mm, grid.origin_mm, turn)
    with pytest.raises(GeometryError, match="turned against each other"):
        gamma_index(reference, DoseVolume(turned, reference.dose_gy), percent=3.0, distance_mm=2.0)
    plane = Grid.axial(PLANNING, (1, 7, 7), (4.0, 4.0, 4.0), (-12.0, -12.0, 0.0))
    with pytest.raises(GeometryError, match="single plane"):
        gamma_index(reference, DoseVolume(plane, reference.dose_gy[:1]), percent=3.0, distance_mm=2.0)
    for percent, threshold in ((0.0, 10.0), (3.0, 100.0)):
        with pytest.raises(MissingEvidenceError, match="is not defined"):
            gamma_index(reference, reference, percent=percent, distance_mm=2.0, threshold_percent=threshold)
    with pytest.raises(MissingEvidenceError, match="of 0 Gy"):
        gamma_index(reference.scaled(0.0), reference, percent=3.0, distance_mm=2.0)


def test_without_pymedphys_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymedphys", None)
    dose = dose_of(ball, half_mm=8.0, spacing_mm=4.0)
    with pytest.raises(MissingEvidenceError, match=r"pip install 'isoguide\[gamma\]'"):
        gamma_index(dose, dose, percent=3.0, distance_mm=2.0)
