"""Doses of days are taken home by their tissue: energy and mass, and what the deformation leaves open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from isoguide.dose.accumulate import (
    AccumulatedDose,
    DeliveredPart,
    Undecided,
    accumulate,
    carried_dose,
)
from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.images.displacement_field import DisplacementField, node_positions_mm
from isoguide.images.volume import Volume

Floats = NDArray[np.float32]
SHAPE = (16, 18, 20)
SPACING_MM = 2.5
AS_PLANNED = RigidTransform.identity(PLANNING, DAILY)


def grid(frame: Frame, shape: tuple[int, int, int] = SHAPE, spacing_mm: float = SPACING_MM) -> Grid:
    """Return voxels about the origin."""
    origin = tuple(-(n - 1) / 2.0 * spacing_mm for n in shape[::-1])
    return Grid.axial(frame, shape, (spacing_mm,) * 3, origin)  # type: ignore[arg-type]  # three of them


PLAN = grid(PLANNING)


def peak(points_mm: Array, width_mm: float = 12.0) -> Floats:
    """Return a dose that falls off from the origin, Gy."""
    values: Floats = (2.0 * np.exp(-0.5 * np.square(points_mm / width_mm).sum(axis=-1))).astype(np.float32)
    return values


def dose_of(points_mm: Array, where: Grid) -> DoseVolume:
    """Return the peaked dose at these points as voxels."""
    return DoseVolume(where, peak(points_mm).reshape(where.shape))


def stretch(share: float, where: Grid = PLAN) -> DisplacementField:
    """Return a field that squeezes tissue about the origin by Gaussians in every direction."""
    points = node_positions_mm(where)
    pull = -share * points * np.exp(-0.5 * np.square(points / 10.0).sum(axis=1, keepdims=True))
    return DisplacementField(where, pull.astype(np.float32).reshape(*where.shape, 3))


def test_nothing_changes_where_nothing_moved() -> None:
    dose = dose_of(node_positions_mm(PLAN), grid(DAILY))
    light = np.random.default_rng(1).uniform(0.2, 1.5, SHAPE).astype(np.float32)
    part = DeliveredPart("fraction 1", dose, AS_PLANNED, density=Volume(grid(DAILY), light))
    sum_of_two = accumulate([part, part], PLAN)
    np.testing.assert_allclose(sum_of_two.dose.dose_gy, 2.0 * dose.dose_gy, rtol=2e-6)
    assert sum_of_two.fractions == 2
    assert not sum_of_two.sigma_gy.any()
    assert sum_of_two.approximations == ()


def test_a_patient_who_lies_elsewhere_by_whole_voxels_brings_his_dose_along_exactly() -> None:
    moved = RigidTransform.translation(PLANNING, DAILY, (2 * SPACING_MM, -SPACING_MM, 0.0))
    dose = dose_of(node_positions_mm(PLAN), grid(DAILY))
    home = carried_dose(DeliveredPart("fraction 1", dose, moved), PLAN).dose_gy
    # What lay at index i of the day lies two further to +x, and one less along y, in the plan.
    np.testing.assert_allclose(home[:, :-1, 2:], dose.dose_gy[:, 1:, :-2], rtol=2e-6)


def test_the_match_leads_from_the_day_to_the_plan_and_not_back() -> None:
    turned = RigidTransform.from_parts(PLANNING, DAILY, rotation_z(20.0), np.array([4.0, 3.0, -2.0]))
    fine = grid(DAILY, (48, 54, 60), 1.0)
    dose = DoseVolume(fine, peak(node_positions_mm(fine) - [5.0, 0.0, 0.0]).reshape(fine.shape))
    home = carried_dose(DeliveredPart("fraction 1", dose, turned), grid(PLANNING, (32, 36, 40), 1.0))
    points = node_positions_mm(grid(PLANNING, (32, 36, 40), 1.0))
    heaviest = (points * home.dose_gy.reshape(-1, 1) ** 8).sum(axis=0) / (home.dose_gy**8).sum()
    np.testing.assert_allclose(heaviest, turned.apply(np.array([[5.0, 0.0, 0.0]]))[0], atol=0.1)


@settings(max_examples=12, deadline=None)
@given(share=st.floats(-0.35, 0.35), lightest=st.floats(0.01, 1.0), seed=st.integers(0, 99))
def test_a_uniform_dose_stays_uniform_whatever_moves(share: float, lightest: float, seed: int) -> None:
    weights = np.random.default_rng(seed).uniform(lightest, 1.0, SHAPE).astype(np.float32)
    part = DeliveredPart(
        "fraction 1",
        DoseVolume(grid(DAILY), np.full(SHAPE, 2.0, np.float32)),
        RigidTransform.from_parts(PLANNING, DAILY, rotation_z(5.0), np.array([1.3, -0.4, 0.9])),
        stretch(share),
        np.full(SHAPE, 3.0, np.float32),
        Volume(grid(DAILY), weights),
    )
    home = carried_dose(part, PLAN)
    np.testing.assert_allclose(home.dose_gy, 2.0, rtol=1e-5)
    assert not home.sigma_gy.any()


@pytest.mark.parametrize("share", [0.3, -0.3])
def test_tissue_that_is_squeezed_or_swells_keeps_its_energy_and_its_mass(share: float) -> None:
    wide, fine = grid(PLANNING, (40, 40, 40), 2.0), grid(DAILY, (40, 40, 40), 2.0)
    points = node_positions_mm(fine)
    density = (1.0 + 0.4 * np.sin(points[:, 0] / 6.0)).astype(np.float32).reshape(fine.shape)
    dose = DoseVolume(fine, peak(points, 8.0).reshape(fine.shape))
    part = DeliveredPart("fraction 1", dose, AS_PLANNED, stretch(share, wide), density=Volume(fine, density))
    home = carried_dose(part, wide)
    mass_g = float(density.sum()) * 0.008
    energy_j = float((density * dose.dose_gy).sum()) * 0.008 / 1000.0
    assert home.mass_g.sum() == pytest.approx(mass_g, rel=2e-3)
    assert home.energy_j == pytest.approx(energy_j, rel=5e-3)


def test_the_heavier_tissue_decides_where_two_meet_in_a_voxel() -> None:
    where = grid(DAILY, (4, 4, 8))
    left = node_positions_mm(where)[:, 0].reshape(where.shape) < 0.0
    dose = DoseVolume(where, np.where(left, 2.0, 0.5).astype(np.float32))
    density = Volume(where, np.where(left, 1.0, 0.25).astype(np.float32))
    half = RigidTransform.translation(PLANNING, DAILY, (SPACING_MM / 2.0, 0.0, 0.0))
    home = carried_dose(
        DeliveredPart("fraction 1", dose, half, density=density), grid(PLANNING, (4, 4, 8))
    ).dose_gy
    # Energy 2.0 · 1 + 0.5 · 0.25 over a mass of 1 + 0.25; the mean of the doses alone would be 1.25 Gy.
    np.testing.assert_allclose(home[:, :, 4], 1.7, rtol=1e-6)


def test_voxels_of_the_plan_that_are_larger_take_the_mean_of_the_days() -> None:
    fine, coarse = grid(DAILY, (24, 24, 24), 1.0), grid(PLANNING, (6, 6, 6), 4.0)
    line = np.arange(24, dtype=np.float32)
    dose = DoseVolume(fine, np.broadcast_to(line, fine.shape).copy())
    home = carried_dose(DeliveredPart("fraction 1", dose, AS_PLANNED), coarse).dose_gy
    np.testing.assert_allclose(home[2, 2], np.arange(6) * 4.0 + 1.5, atol=0.02)
    checked = np.where(np.indices(fine.shape).sum(axis=0) % 2, 2.0, 0.0).astype(np.float32)
    mixed = carried_dose(DeliveredPart("fraction 1", DoseVolume(fine, checked), AS_PLANNED), coarse).dose_gy
    np.testing.assert_allclose(mixed[1:-1, 1:-1, 1:-1], 1.0, atol=0.05)


def test_the_band_is_the_steepness_of_the_dose_times_how_unsure_the_field_is() -> None:
    where = grid(DAILY)
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32) * np.float32(0.1 * SPACING_MM), SHAPE).copy()
    part = DeliveredPart(
        "fraction 1", DoseVolume(where, ramp), AS_PLANNED, stretch(0.0), np.full(SHAPE, 1.5, np.float32)
    )
    total = accumulate([part] * 4, PLAN)
    np.testing.assert_allclose(total.sigma_gy, 4 * 1.5 * 0.1, rtol=1e-5)
    low, high = total.band(2.0)
    assert low.dose_gy.min() == 0.0
    np.testing.assert_allclose(high.dose_gy - total.dose.dose_gy, 1.2, rtol=1e-5)


def _doubtful() -> DeliveredPart:
    dose = dose_of(node_positions_mm(PLAN), grid(DAILY))
    return DeliveredPart("fraction 7", dose, AS_PLANNED, stretch(0.3), is_for_decision=False)


def test_a_day_that_may_not_be_decided_by_is_added_as_a_whole_and_named() -> None:
    found = accumulate([_doubtful()], PLAN)
    np.testing.assert_allclose(found.dose.dose_gy, _doubtful().dose.dose_gy, rtol=2e-6)
    assert any("fraction 7" in one and "rigid match" in one for one in found.approximations)


def test_or_there_is_no_sum_at_all_where_that_is_asked_for() -> None:
    with pytest.raises(MissingEvidenceError, match="fraction 7"):
        accumulate([_doubtful()], PLAN, undecided=Undecided.REFUSED)
    with pytest.raises(MissingEvidenceError, match="no dose"):
        accumulate([], PLAN)


def test_tissue_outside_the_dose_of_the_day_is_named_and_a_dose_elsewhere_is_refused() -> None:
    dose = dose_of(node_positions_mm(PLAN), grid(DAILY))
    aside = RigidTransform.translation(PLANNING, DAILY, (10.0, 0.0, 0.0))
    told = carried_dose(DeliveredPart("fraction 2", dose, aside), PLAN).approximations
    assert any("outside the dose grid of fraction 2" in one for one in told)
    away = RigidTransform.translation(PLANNING, DAILY, (500.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="fraction 2"):
        carried_dose(DeliveredPart("fraction 2", dose, away), PLAN)


def test_frames_that_do_not_fit_are_refused() -> None:
    dose = dose_of(node_positions_mm(PLAN), PLAN)
    with pytest.raises(GeometryError, match="fraction 1"):
        DeliveredPart("fraction 1", dose, AS_PLANNED)
    daily = dose_of(node_positions_mm(PLAN), grid(DAILY))
    with pytest.raises(GeometryError, match="planning"):
        carried_dose(DeliveredPart("fraction 1", daily, AS_PLANNED), grid(DAILY))
    with pytest.raises(GeometryError, match="uncertainty"):
        DeliveredPart("fraction 1", daily, AS_PLANNED, None, np.zeros(SHAPE, np.float32))


def test_one_day_after_the_other_is_the_same_as_all_at_once() -> None:
    dose = dose_of(node_positions_mm(PLAN), grid(DAILY))
    parts = [DeliveredPart(f"fraction {n}", dose, AS_PLANNED, stretch(0.1 * n)) for n in (1, 2)]
    at_once = accumulate(parts, PLAN)
    first = accumulate(parts[:1], PLAN)
    later: AccumulatedDose = first.plus(carried_dose(parts[1], PLAN))
    np.testing.assert_array_equal(at_once.dose.dose_gy, later.dose.dose_gy)
    assert at_once.approximations == later.approximations
