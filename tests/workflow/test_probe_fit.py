"""Spatial calibration: truth that is known is found, and what determines nothing is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from tracked_phantom import FACE_PX, PROBE_FROM_IMAGE, SPACING_MM, Noise, looking, sightings

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Frame
from isoguide.geometry.probe_fit import PhantomSightings, calibrate_probe

NOISE = Noise(mark_px=0.6, track_mm=0.1, track_deg=0.05)


def error_of(calibration):
    """Small motion (6,) about the face that is missing."""
    found = calibration.probe_from_image
    turn = Rotation.from_matrix(PROBE_FROM_IMAGE.rotation @ found.rotation.T).as_rotvec()
    return np.concatenate([PROBE_FROM_IMAGE.translation_mm - found.translation_mm, turn])


def test_without_noise_the_true_calibration_is_found():
    fit = calibrate_probe(sightings(), face_px=FACE_PX)
    np.testing.assert_allclose(error_of(fit.calibration), 0.0, atol=1e-8)
    np.testing.assert_allclose(fit.calibration.pixel_spacing_mm, SPACING_MM, atol=1e-9)
    assert fit.used.all()
    assert fit.leave_one_out_mm < 1e-6


def test_the_error_is_what_the_covariance_says():
    distances = []
    for seed in range(40):
        calibration = calibrate_probe(sightings(seed, noise=NOISE), face_px=FACE_PX).calibration
        error = error_of(calibration)
        distances.append(error @ np.linalg.solve(calibration.covariance, error))
    # Of a covariance that is right, the mean is 6 and 95 % are below 12.6 (chi squared with 6 degrees of
    # freedom).
    assert 4.0 < np.mean(distances) < 9.0
    assert np.mean(np.array(distances) < 16.8) > 0.85


def test_known_pixels_leave_less_to_find():
    seen = sightings(3, noise=NOISE)
    free = calibrate_probe(seen, face_px=FACE_PX)
    known = calibrate_probe(seen, face_px=FACE_PX, pixel_spacing_mm=SPACING_MM)
    assert known.calibration.pixel_spacing_mm == SPACING_MM
    assert known.spacing_sd_mm.tolist() == [0.0, 0.0]
    assert np.trace(known.calibration.covariance[:3, :3]) < np.trace(free.calibration.covariance[:3, :3])
    assert free.leave_one_out_mm > free.calibration.rms_mm * 0.9


def test_a_point_at_rest_calibrates_though_nobody_knows_where_it_is():
    turns = np.random.default_rng(7).uniform(-0.6, 0.6, (40, 3))
    fit = calibrate_probe(at_rest(turns), face_px=FACE_PX)
    np.testing.assert_allclose(error_of(fit.calibration), 0.0, atol=1e-6)


def test_wrong_marks_are_left_out_and_named():
    seen = sightings(2, noise=NOISE)
    pixels = seen.pixels.copy()
    pixels[[7, 100, 200]] += [[14.0, 0.0], [0.0, -18.0], [12.0, 12.0]]
    fit = calibrate_probe(replace(seen, pixels=pixels), face_px=FACE_PX)
    assert np.flatnonzero(~fit.used).tolist() == [7, 100, 200]
    error = error_of(fit.calibration)
    assert error @ np.linalg.solve(fit.calibration.covariance, error) < 22.5  # 99.9 %


def test_a_phantom_with_another_geometry_is_refused_with_the_residual():
    seen = sightings(2, noise=NOISE)
    points = seen.points_mm.copy()
    points[3:6, 1] += 4.0  # the second layer hangs 4 mm lower than stated
    with pytest.raises(GeometryError, match=r"do not fit|residual of \d\.\d\d mm"):
        calibrate_probe(replace(seen, points_mm=points), face_px=FACE_PX)


def test_a_large_residual_is_refused_with_its_figure():
    with pytest.raises(GeometryError, match=r"residual of \d\.\d\d mm per coordinate, more than 1 mm"):
        calibrate_probe(sightings(1, noise=Noise(mark_px=4.0)), face_px=FACE_PX)


def test_too_few_images_are_refused():
    with pytest.raises(GeometryError, match="marked in 9 images, but a calibration needs 16"):
        calibrate_probe(sightings(images=9), face_px=FACE_PX)


def test_images_from_one_direction_are_refused():
    with pytest.raises(GeometryError, match="from one direction only"):
        calibrate_probe(sightings(spread_deg=2.0), face_px=FACE_PX)


def test_a_target_always_at_one_place_of_the_image_determines_nothing():
    seen = sightings()
    one = seen.only(seen.target == 4)
    with pytest.raises(GeometryError, match=r"do not determine|determine the calibration only to"):
        calibrate_probe(
            replace(one, pixels=np.broadcast_to(one.pixels[0], one.pixels.shape)), face_px=FACE_PX
        )


def test_numbers_that_name_nothing_are_refused():
    seen = sightings()
    with pytest.raises(GeometryError, match="names the target 9, but there are 9, counted from 0"):
        replace(seen, target=seen.target + 1)
    with pytest.raises(GeometryError, match="need a pixel, an image and a target each"):
        replace(seen, image=seen.image[:-1])


def at_rest(turns, noise_px=0.0, seed=5):
    """A point at rest, whose place nobody knows, seen from ``turns`` (n, 3) in radians."""
    rng = np.random.default_rng(seed)
    point = np.array([12.0, 20.0, 5.0])
    pixels, poses = [], []
    for turn in turns:
        axes = Rotation.from_rotvec(turn).as_matrix()
        on_plane = np.array([rng.uniform(-18.0, 18.0), rng.uniform(8.0, 32.0), 0.0])
        poses.append(looking(Frame("tank"), point - axes @ on_plane, axes) @ PROBE_FROM_IMAGE.inverse())
        pixels.append(on_plane[:2] / SPACING_MM + FACE_PX + rng.normal(0.0, noise_px, 2))
    count = len(turns)
    nowhere = np.full((1, 3), np.nan)
    return PhantomSightings(
        np.array(pixels), np.arange(count), np.zeros(count, int), tuple(poses), nowhere, np.zeros((1, 3)), (""
        "point",)
    )  # fmt: skip


def test_turns_about_one_axis_only_leave_the_probe_undetermined():
    about_x = np.zeros((30, 3))
    about_x[:, 0] = np.linspace(-0.6, 0.6, 30)
    with pytest.raises(GeometryError, match="do not determine the calibration"):
        calibrate_probe(at_rest(about_x), face_px=FACE_PX)


def test_turns_about_nearly_one_axis_determine_it_too_badly():
    rng = np.random.default_rng(6)
    turns = np.column_stack([np.linspace(-0.6, 0.6, 30), *rng.normal(0.0, 0.004, (2, 30))])
    with pytest.raises(GeometryError, match=r"determine the calibration only to \d+\.\d mm, more than 2 mm"):
        calibrate_probe(at_rest(turns, noise_px=0.6), face_px=FACE_PX)


def test_a_fifth_of_the_marks_wrong_is_no_matter_of_marks():
    seen = sightings(2, noise=NOISE)
    pixels = seen.pixels.copy()
    pixels[::5, 0] += 10.0 * (-1.0) ** np.arange(54)
    with pytest.raises(
        GeometryError, match=r"of 270 points of the phantom do not fit, the worst, .* by \d+\.\d mm"
    ):
        calibrate_probe(replace(seen, pixels=pixels), face_px=FACE_PX)
