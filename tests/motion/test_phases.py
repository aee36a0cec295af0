"""What a 4DCT says about the motion of a target or marker: against known truth, and when it says nothing."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.motion.phases import FollowSettings, PhaseMotion, follow_marker, follow_structure
from isoguide.plan import Fiducial
from isoguide.virtual import Breathing, Phantom, breathing_phases, build_phantom, moved_anatomy

Array = NDArray[np.float64]
NOISE_HU = 15.0
PHASES = 10


def breath(phantom: Phantom, count: int = PHASES) -> tuple[list[Volume], list]:
    """The phases of one breath, with the noise of a scanner, and the displacement fields that made them."""
    fields = breathing_phases(phantom, Breathing(), count)
    noise = np.random.default_rng(2).normal(0.0, NOISE_HU, phantom.volume.grid.shape).astype(np.float32)
    volumes = []
    for n, field in enumerate(fields):
        still = moved_anatomy(phantom, field)
        volumes.append(replace(still, values=still.values + np.roll(noise, 7 * n, axis=0)))
    return volumes, list(fields)


def structure_named(phantom: Phantom, name: str) -> Structure:
    return next(one for one in phantom.structures if one.name == name)


def true_motion(fields: list, points_mm: Array) -> Array:
    """Mean displacement of tissue in each phase, (phases, 3)."""
    return np.array([(field.moved(points_mm) - points_mm).mean(axis=0) for field in fields])


@pytest.fixture(scope="module")
def lung() -> tuple[Phantom, list[Volume], list]:
    phantom = build_phantom("thorax", spacing_mm=(2.5, 2.5, 3.0))
    return phantom, *breath(phantom)


@pytest.fixture(scope="module")
def liver() -> tuple[Phantom, list[Volume], list]:
    phantom = build_phantom("abdomen", spacing_mm=(2.5, 2.5, 3.0))
    return phantom, *breath(phantom, 6)


def check_against(found: PhaseMotion, truth: Array, tolerance_mm: float) -> None:
    assert found.reasons == ()
    assert found.displacement_mm is not None
    assert found.from_planning_mm is not None
    np.testing.assert_allclose(found.from_planning_mm, truth[0], atol=tolerance_mm)
    np.testing.assert_allclose(found.displacement_mm, truth - truth[0], atol=tolerance_mm)
    amplitude = np.ptp(found.displacement_mm, axis=0)
    np.testing.assert_allclose(amplitude, np.ptp(truth, axis=0), atol=tolerance_mm)
    assert found.closure_mm < tolerance_mm + 0.5
    assert len(found.similarity) == len(found.disagreement_mm) == len(truth)


def test_a_tumour_in_the_lung_is_followed_through_the_breath_within_a_third_of_a_millimetre(
    lung: tuple[Phantom, list[Volume], list],
) -> None:
    phantom, phases, fields = lung
    tumour = structure_named(phantom, "GTV")
    found = follow_structure(tumour, phantom.volume, phases)
    mask = structure_mask(tumour, phantom.volume.grid)
    truth = true_motion(fields, phantom.volume.grid.xyz(np.argwhere(mask)[:, ::-1].astype(np.float64)))
    assert np.ptp(truth[:, 2]) > 9.0
    check_against(found, truth, 0.3)
    assert min(found.similarity) > 0.9


def test_a_gold_seed_in_the_liver_is_followed_through_the_breath_within_a_third_of_a_millimetre(
    liver: tuple[Phantom, list[Volume], list],
) -> None:
    phantom, phases, fields = liver
    seed = phantom.fiducials[0]
    found = follow_marker(seed, phantom.volume, phases)
    check_against(found, true_motion(fields, np.atleast_2d(seed.position_mm)), 0.3)


def test_a_lesion_of_low_contrast_in_the_liver_is_followed_within_half_a_millimetre(
    liver: tuple[Phantom, list[Volume], list],
) -> None:
    phantom, phases, fields = liver
    lesion = structure_named(phantom, "GTV")
    mask = structure_mask(lesion, phantom.volume.grid)
    truth = true_motion(fields, phantom.volume.grid.xyz(np.argwhere(mask)[:, ::-1].astype(np.float64)))
    found = follow_structure(lesion, phantom.volume, phases)
    assert found.displacement_mm is not None
    np.testing.assert_allclose(np.ptp(found.displacement_mm, axis=0), np.ptp(truth, axis=0), atol=0.5)


# A small world whose truth is exact: Gaussian blobs that are moved by formula, not by interpolation.
SHAPE = (50, 54, 52)
GRID = Grid(PLANNING, SHAPE, np.array([2.0, 2.0, 2.0]), np.array([-50.0, -52.0, -49.0]), np.eye(3))
CYCLE_MM = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 6.5], [2.3, -3.1, 11.2], [0.7, -1.4, 5.9]])


def blob_world(shift_mm: Array, *, rod: bool = False, flat: bool = False, seed: int = 4) -> Volume:
    """A textured ball at the origin, displaced; the outside stays where it is."""
    k, j, i = np.indices(SHAPE)
    xyz = GRID.xyz(np.stack([i, j, k], axis=-1).astype(np.float64))
    values = np.full(SHAPE, -700.0)
    if not flat:
        rng = np.random.default_rng(seed)
        centres, sizes = rng.uniform(-9.0, 9.0, (12, 3)), rng.uniform(300.0, 700.0, 12)
        if rod:
            centres[:, 2] = 0.0
        for centre, size in zip(centres, sizes, strict=True):
            apart = xyz - centre - shift_mm
            if rod:
                apart[..., 2] = 0.0
            values += size * np.exp(-0.5 * (apart**2).sum(axis=-1) / 3.5**2)
    return Volume(GRID, values.astype(np.float32))


def ball(radius_mm: float = 12.0, centre_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Structure:
    angle = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    contours = []
    for z in np.arange(-radius_mm + 1.0, radius_mm, 2.0):
        r = np.sqrt(radius_mm**2 - z**2)
        ring = np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(48, z)])
        contours.append(Contour("CLOSED_PLANAR", ring + np.array(centre_mm)))
    return Structure("target", 1, PLANNING, tuple(contours), "GTV")


@pytest.fixture(scope="module")
def cycle() -> list[Volume]:
    return [blob_world(shift) for shift in CYCLE_MM]


def test_a_target_that_moves_as_one_is_followed_within_a_tenth_of_a_millimetre(cycle: list[Volume]) -> None:
    planning = blob_world(np.array([0.5, -1.0, 3.0]))
    drawn = ball(centre_mm=(0.5, -1.0, 3.0))
    found = follow_structure(drawn, planning, cycle)
    assert found.is_available
    np.testing.assert_allclose(found.from_planning_mm, [-0.5, 1.0, -3.0], atol=0.1)
    np.testing.assert_allclose(found.displacement_mm, CYCLE_MM, atol=0.1)
    assert found.closure_mm < 0.1
    assert max(found.disagreement_mm) < 0.1


def test_a_marker_is_followed_like_a_structure(cycle: list[Volume]) -> None:
    found = follow_marker(Fiducial("seed", np.zeros(3)), blob_world(np.zeros(3)), cycle)
    assert found.name == "seed"
    np.testing.assert_allclose(found.displacement_mm, CYCLE_MM, atol=0.1)


def test_a_target_without_contrast_has_no_motion_rather_than_none() -> None:
    nothing = blob_world(np.zeros(3), flat=True)
    found = follow_structure(ball(), nothing, [nothing] * 3)
    assert not found.is_available
    assert found.reasons == ("phase 1 of 3, compared with the planning CT, shows too little contrast there",)
    assert found.from_planning_mm is None
    assert np.isnan([*found.similarity, *found.disagreement_mm, found.closure_mm]).all()


def test_a_vessel_that_looks_the_same_along_itself_does_not_determine_its_place() -> None:
    rod = blob_world(np.zeros(3), rod=True)
    found = follow_structure(ball(), rod, [rod, rod, rod])
    assert not found.is_available
    assert "does not determine its place from head to feet" in found.reasons[0]


def test_a_phase_of_another_patient_is_not_followed(cycle: list[Volume]) -> None:
    stranger = replace(blob_world(np.zeros(3), seed=9), source="phase 50 %")
    found = follow_structure(ball(), blob_world(np.zeros(3)), [*cycle[:2], stranger, cycle[3]])
    assert not found.is_available
    assert re.match(r"phase 50 %, compared with phase 2 of 4, looks different there", found.reasons[0])


def test_a_marker_outside_the_images_is_not_followed(cycle: list[Volume]) -> None:
    found = follow_marker(Fiducial("lost", np.array([400.0, 0.0, 0.0])), cycle[0], cycle)
    assert found.reasons == ("it lies outside the planning CT",)


def test_a_phase_that_does_not_reach_to_the_marker_is_named(cycle: list[Volume]) -> None:
    legs = GRID.xyz(np.array([0.0, 0.0, -40.0]))
    short = Volume(
        Grid(PLANNING, SHAPE, GRID.spacing_mm, legs - [0.0, 0.0, 20.0], np.eye(3)), cycle[1].values
    )
    found = follow_marker(Fiducial("seed", np.zeros(3)), cycle[0], [cycle[0], short])
    assert found.reasons == ("it lies outside phase 2 of 2",)


def test_a_structure_outside_the_planning_ct_is_not_followed(cycle: list[Volume]) -> None:
    found = follow_structure(ball(centre_mm=(300.0, 0.0, 0.0)), cycle[0], cycle)
    assert found.reasons == ("it lies outside the planning CT",)


def test_two_ways_of_following_that_disagree_are_no_answer(cycle: list[Volume]) -> None:
    # A limit that no match can keep shows the guard at work.
    settings = FollowSettings(largest_disagreement_mm=1e-5)
    found = follow_structure(ball(), cycle[0], cycle, settings=settings)
    assert not found.is_available
    assert found.displacement_mm is None
    assert any("followed from phase to phase, it is" in reason for reason in found.reasons)
    assert any(re.match(r"its cycle ends \d\.\d mm from where it began", reason) for reason in found.reasons)
    assert found.closure_mm > 0.0


def test_one_phase_is_no_breath(cycle: list[Volume]) -> None:
    with pytest.raises(InputError, match="a 4DCT has two phases or more, not 1"):
        follow_structure(ball(), cycle[0], cycle[:1])


def test_a_phase_in_another_frame_is_refused(cycle: list[Volume]) -> None:
    grid = Grid(DAILY, SHAPE, GRID.spacing_mm, GRID.origin_mm, GRID.direction)
    stray = Volume(grid, cycle[1].values)
    with pytest.raises(GeometryError, match="phase 2 of 2 is in 'daily patient LPS' but the planning CT in"):
        follow_structure(ball(), cycle[0], [cycle[0], stray])


@pytest.mark.parametrize("name", ["search_mm", "margin_mm", "least_similarity", "largest_disagreement_mm"])
def test_an_impossible_setting_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} of the 4DCT must be a positive number, not 0"):
        FollowSettings(**{name: 0.0})


def test_the_cycle_of_a_real_tumour_closes_within_one_voxel(shared_data: Path) -> None:
    folder = shared_data / "pohl-LucasKanade-4DCT" / "Input images" / "117_HM10395 4DCT"
    if not folder.is_dir():
        pytest.skip("the public 4DCT is absent")
    phases = []
    for n in range(1, PHASES + 1):
        values = pydicom.dcmread(folder / f"image{n}.dcm").pixel_array.astype(np.float32) - 1000.0
        grid = Grid(PLANNING, values.shape, np.ones(3), np.zeros(3), np.eye(3))  # nominally 1 mm
        phases.append(Volume(grid, values, is_hounsfield=False))
    # The mass beside the hilum, where anybody would draw it: 20 mm wide about voxel (47, 38, 36).
    found = follow_structure(ball(10.0, (47.0, 38.0, 36.0)), phases[0], phases)
    assert found.reasons == ()
    assert found.closure_mm < 1.0
    assert max(found.disagreement_mm) < 1.0
    # It is drawn in its own first phase.
    np.testing.assert_allclose(found.from_planning_mm, 0.0, atol=1e-3)
