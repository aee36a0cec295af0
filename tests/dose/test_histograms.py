"""Histograms from contours: volumes and doses known from geometry, and a public benchmark."""

import math
from pathlib import Path

import numpy as np
import pytest
from drawn_structures import cylinder, dose_of, histogram
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from isoguide.dicom import read_dose, read_structure_set
from isoguide.dose.dvh import DoseVolumeHistogram, beyond_grid
from isoguide.dose.histograms import dose_volume_histogram, dose_volume_histograms, is_target
from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, MismatchError
from isoguide.geometry.frames import DAILY
from isoguide.images.structure import Contour, Structure

NELMS = "pps/tests/tests_validation/benchmark_data/DVH-Analysis-Data-Etc"
RADIUS_MM = 12.0
MIDDLE_GY = 16.0
"""Of the sphere and the cylinder of the benchmark, whose gradient is 1 Gy/mm."""


@pytest.fixture(scope="module")
def rising() -> DoseVolume:
    """2 Gy/mm along z, 60 Gy in the middle."""
    return dose_of(lambda x, y, z: 60.0 + 2.0 * z)


def test_a_cylinder_in_a_gradient_gets_what_geometry_says(rising: DoseVolume) -> None:
    found = dose_volume_histogram(rising, cylinder())
    assert found.is_target
    assert found.volume_ml == pytest.approx(math.pi * 100.0 * 24.0 / 1000.0, rel=1e-3)
    assert found.mean_gy == pytest.approx(60.0, abs=0.02)
    assert found.dose_at_volume_gy(95.0) == pytest.approx(36.0 + 0.05 * 48.0, abs=0.05)
    assert found.dose_at_ml_gy(found.volume_ml / 4.0) == pytest.approx(72.0, abs=0.05)
    assert found.volume_at_dose_percent(60.0) == pytest.approx(50.0, abs=0.1)
    assert found.volume_at_dose_ml(72.0) == pytest.approx(found.volume_ml / 4.0, rel=5e-3)
    assert found.least_gy == pytest.approx(36.0, abs=0.1)
    assert found.largest_gy == pytest.approx(84.0, abs=0.1)
    np.testing.assert_allclose(found.curve(np.array([0.0, 48.0, 99.0])), [100.0, 75.0, 0.0], atol=0.1)


def test_contours_and_dose_may_lie_across_each_other(rising: DoseVolume) -> None:
    rotation = Rotation.from_euler("xyz", [25.0, -40.0, 15.0], degrees=True).as_matrix()
    found = dose_volume_histogram(rising, cylinder(turned=rotation))
    straight = dose_volume_histogram(rising, cylinder())
    assert found.volume_ml == pytest.approx(straight.volume_ml, rel=1e-3)
    assert found.mean_gy == pytest.approx(60.0, abs=0.05)
    # Spread of a cylinder along the gradient, whichever way it lies: the sum of two variances.
    along = abs(rotation[2, 2])
    variance = 4.0 * (along**2 * 24.0**2 / 12.0 + (1.0 - along**2) * 100.0 / 4.0)
    spread = np.average((found.dose_gy - found.mean_gy) ** 2, weights=found.part_ml)
    assert spread == pytest.approx(variance, rel=0.01)


def test_two_parts_end_at_their_own_outermost_planes(rising: DoseVolume) -> None:
    both = cylinder(positions_mm=np.array([-12.0, -10.0, -8.0, 8.0, 10.0, 12.0]))
    found = dose_volume_histogram(rising, both)
    assert found.volume_ml == pytest.approx(math.pi * 100.0 * 8.0 / 1000.0, rel=1e-3)
    assert found.volume_at_dose_ml(60.0) == pytest.approx(found.volume_ml / 2.0, rel=2e-3)


def test_what_lies_outside_the_dose_grid_counts_with_nothing_and_is_named() -> None:
    small = dose_of(lambda x, y, z: 50.0 + 0.0 * z, half_mm=11.0, spacing_mm=1.0)
    found = dose_volume_histogram(small, cylinder(positions_mm=np.arange(-23.0, 23.1, 2.0)))
    assert found.outside_percent == pytest.approx(50.0, abs=0.1)
    assert not found.is_covered
    assert found.mean_gy == pytest.approx(25.0, abs=0.05)
    assert found.dose_at_volume_gy(95.0) == 0.0
    assert beyond_grid(found) == "50.0 % of 'PTV' lies outside the dose grid and counts with 0 Gy"
    assert beyond_grid(dose_volume_histogram(small, cylinder(positions_mm=np.arange(-8.0, 8.1, 2.0)))) == ""


def test_several_structures_give_the_same_as_one_by_one(rising: DoseVolume) -> None:
    several = [cylinder(name=f"S{n}", radius_mm=3.0 + n, kind="ORGAN") for n in range(5)]
    steps: list[str] = []
    found = dose_volume_histograms(rising, several, lambda _, step: steps.append(step))
    assert [one.name for one in found] == ["S0", "S1", "S2", "S3", "S4"]
    for one, structure in zip(found, several, strict=True):
        np.testing.assert_array_equal(one.dose_gy, dose_volume_histogram(rising, structure).dose_gy)
    assert steps == ["Dose-volume histograms"]


def test_what_cannot_be_compared_or_has_no_volume_is_refused(rising: DoseVolume) -> None:
    with pytest.raises(MismatchError, match="in the frame"):
        dose_volume_histogram(rising, cylinder(frame=DAILY))
    with pytest.raises(GeometryError, match="single slice"):
        dose_volume_histogram(rising, cylinder(positions_mm=np.array([0.0])))
    flat = [np.array([(0.0, 0.0, z), (5.0, 0.0, z), (9.0, 0.0, z)]) for z in (0.0, 2.0, 4.0)]
    line = Structure("Line", 2, rising.grid.frame, tuple(Contour("CLOSED_PLANAR", part) for part in flat))
    with pytest.raises(GeometryError, match="'Line' encloses no volume"):
        dose_volume_histogram(rising, line)
    with pytest.raises(GeometryError, match="has no volume, and so no dose"):
        histogram("Empty", [])
    with pytest.raises(GeometryError, match="increasing order"):
        DoseVolumeHistogram("Mixed", False, np.array([2.0, 1.0]), np.ones(2))


def test_a_target_is_known_by_its_type_or_by_its_name() -> None:
    assert is_target(cylinder(name="Boost", kind="GTV"))
    assert is_target(cylinder(name="ptv_60", kind=""))
    assert not is_target(cylinder(name="PTV ring", kind="AVOIDANCE"))
    assert not is_target(cylinder(name="Lung", kind=""))


def analytic_gy(shape: str, direction: str, percent: float) -> float:
    """D_x% of a sphere or an upright cylinder of radius and half length 12 mm in 1 Gy/mm."""
    r = RADIUS_MM

    def share_above(h: float) -> float:
        if shape == "Sphere":
            return (2.0 * r**3 - 3.0 * r * r * h + h**3) / (4.0 * r**3)
        if direction == "SupInf":
            return (r - h) / (2.0 * r)
        return (r * r * math.acos(h / r) - h * math.sqrt(max(r * r - h * h, 0.0))) / (math.pi * r * r)

    return MIDDLE_GY + brentq(lambda h: share_above(h) - percent / 100.0, -r, r)


@pytest.mark.parametrize("direction", ["SupInf", "AntPost"])
@pytest.mark.parametrize("shape", ["Sphere", "Cylinder"])
def test_the_analytic_structures_of_the_public_benchmark_agree(
    shared_data: Path, shape: str, direction: str
) -> None:
    drawn = read_structure_set(shared_data / NELMS / f"STRUCTURES/{shape}_20_0.dcm").structures
    structure = next(one for one in drawn if one.is_volume)
    dose = read_dose(shared_data / NELMS / f"DOSE GRIDS/Linear_{direction}_2mm_Aligned.dcm")
    found = dose_volume_histogram(DoseVolume(dose.grid, dose.dose_gy), structure)
    true_ml = (4.0 / 3.0 if shape == "Sphere" else 2.0) * math.pi * RADIUS_MM**3 / 1000.0
    assert found.volume_ml == pytest.approx(true_ml, rel=0.01)
    assert found.mean_gy == pytest.approx(MIDDLE_GY, abs=0.01)
    for percent in (99.0, 95.0, 50.0, 5.0, 1.0):
        # Slabs of 2 mm are a staircase to a sphere, so at its poles a tenth of a millimetre stays.
        limit_gy = 0.11 if shape == "Sphere" else 0.01
        assert found.dose_at_volume_gy(percent) == pytest.approx(
            analytic_gy(shape, direction, percent), abs=limit_gy
        )
