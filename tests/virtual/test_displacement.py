import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform, rotation_z
from isoguide.virtual import (
    Displacement,
    displacement_of,
    random_displacement,
    target_error_mm,
    target_points,
)

ISOCENTRE = np.array([7.5, -234.0, -16.1])
MACHINE = np.array([1.0, 2.0, 3.0])


def moved(translation_mm, rotation=None):
    displacement = Displacement(np.array(translation_mm), np.eye(3) if rotation is None else rotation)
    return displacement.planning_from_daily(isocentre_mm=ISOCENTRE, machine_isocentre_mm=MACHINE)


def test_in_set_up_position_the_planned_isocentre_lies_at_the_machine_isocentre():
    np.testing.assert_allclose(moved([0.0, 0.0, 0.0]).apply(MACHINE), ISOCENTRE)


@pytest.mark.parametrize(
    ("axis", "direction"), [(0, "to his left"), (1, "to his back"), (2, "towards his head")]
)
def test_a_patient_5_mm_too_far_along_an_axis_shows_the_isocentre_5_mm_further_in_the_daily_image(
    axis, direction
):
    offset = 5.0 * np.eye(3)[axis]
    np.testing.assert_allclose(moved(offset).inverse().apply(ISOCENTRE), MACHINE + offset, err_msg=direction)


def test_a_patient_turned_about_his_length_turns_the_tissue_and_not_the_isocentre():
    # Rz(+90°) takes left (x) to back (y): what was 10 mm to the left of the isocentre is now 10 mm behind it.
    daily_from_planning = moved([0.0, 0.0, 0.0], rotation_z(90.0)).inverse()
    np.testing.assert_allclose(daily_from_planning.apply(ISOCENTRE), MACHINE, atol=1e-9)
    np.testing.assert_allclose(
        daily_from_planning.apply(ISOCENTRE + [10.0, 0.0, 0.0]), MACHINE + [0.0, 10.0, 0.0], atol=1e-9
    )


def test_random_displacements_agree_with_an_independent_composition():
    for seed in range(20):
        found = random_displacement(
            np.random.default_rng(seed),
            largest_mm=50.0,
            largest_deg=15.0,
            isocentre_mm=ISOCENTRE,
            machine_isocentre_mm=MACHINE,
        )
        same = np.random.default_rng(seed)
        shift = same.uniform(-50.0, 50.0, 3)
        angles = same.uniform(-15.0, 15.0, 3)
        turn = Rotation.from_euler("xyz", angles, degrees=True)  # lower case: about fixed axes, x first
        tissue = ISOCENTRE + np.array([30.0, -20.0, 45.0])
        expected = MACHINE + shift + turn.apply(tissue - ISOCENTRE)
        np.testing.assert_allclose(found.inverse().apply(tissue), expected, atol=1e-9)
        assert np.abs(shift).max() <= 50.0


def test_the_displacement_is_recovered_from_the_transform():
    rotation = rotation_z(3.0)
    found = displacement_of(
        moved([1.0, -2.0, 3.0], rotation), isocentre_mm=ISOCENTRE, machine_isocentre_mm=MACHINE
    )
    np.testing.assert_allclose(found.translation_mm, [1.0, -2.0, 3.0], atol=1e-9)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-12)
    assert found.angle_deg == pytest.approx(3.0)


def test_a_transform_between_other_frames_is_refused():
    backwards = RigidTransform.identity(DAILY, PLANNING)
    with pytest.raises(GeometryError, match="expected 'planning patient LPS from daily patient LPS'"):
        displacement_of(backwards, isocentre_mm=ISOCENTRE, machine_isocentre_mm=MACHINE)
    with pytest.raises(GeometryError, match="expected"):
        target_error_mm(backwards, backwards, np.zeros((1, 3)))


def test_target_points_fill_the_ball_evenly_and_are_the_same_every_time():
    points = target_points(ISOCENTRE)
    assert points.shape == (200, 3)
    np.testing.assert_array_equal(points, target_points(ISOCENTRE))
    radius = np.linalg.norm(points - ISOCENTRE, axis=1)
    assert 59.8 < radius.max() <= 60.0
    # Half of the volume lies beyond 0.794 of the radius; a full ball is centred and round.
    assert np.mean(radius > 0.794 * 60.0) == pytest.approx(0.5, abs=0.02)
    np.testing.assert_allclose(points.mean(axis=0), ISOCENTRE, atol=2.0)
    np.testing.assert_allclose((points - ISOCENTRE).std(axis=0), 60.0 / np.sqrt(5.0), rtol=0.05)


def test_the_target_error_of_a_pure_shift_is_that_shift_everywhere():
    truth, estimate = moved([0.0, 0.0, 0.0]), moved([0.3, 0.0, 0.4])
    np.testing.assert_allclose(target_error_mm(estimate, truth, target_points(ISOCENTRE)), 0.5, atol=1e-9)


def test_the_target_error_of_a_turn_about_the_isocentre_grows_with_the_distance_from_its_axis():
    truth, estimate = moved([0.0, 0.0, 0.0]), moved([0.0, 0.0, 0.0], rotation_z(1.0))
    at_60_mm = ISOCENTRE + np.array([[0.0, 0.0, 0.0], [60.0, 0.0, 0.0], [0.0, 0.0, 60.0]])
    chord = 2.0 * 60.0 * np.sin(np.deg2rad(0.5))
    np.testing.assert_allclose(target_error_mm(estimate, truth, at_60_mm), [0.0, chord, 0.0], atol=1e-9)
