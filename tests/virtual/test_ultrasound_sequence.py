"""Simulated sequences of ultrasound: the truth is where the image shows it, and upsets are what they say."""

import numpy as np
import pytest
from scipy import ndimage

from isoguide.errors import InputError
from isoguide.virtual.ultrasound_losses import PERIOD_S, WITHIN, Loss, QuietSequence, place_mm, try_loss
from isoguide.virtual.ultrasound_probe import UltrasoundProbe
from isoguide.virtual.ultrasound_sequence import Blob, MovingTissue, UltrasoundSequence, Upset
from isoguide.virtual.ultrasound_volumes import Pose, VolumeSequence

PROBE = UltrasoundProbe(fan_deg=30.0, depth_mm=80.0, lines=160)


def dark_spot(moving):
    """Tissue with one black ball in it, whose middle in an image can be computed."""
    ball = Blob((0.0, 45.0, 0.0), (5.0, 5.0, 5.0), -40.0)
    return UltrasoundSequence(moving, (ball,), np.array([[0.0, 45.0]]), probe=PROBE)


def middle_of_dark_mm(image):
    rows, columns = np.indices(image.values.shape)
    x = image.corner_mm[0] + columns * image.pixel_spacing_mm[0]
    y = image.corner_mm[1] + rows * image.pixel_spacing_mm[1]
    near = image.in_fan & (np.abs(y - 45.0) < 14.0) & (np.abs(x) < 14.0)
    dark = near & (image.values < 30)
    return np.array([x[dark].mean(), y[dark].mean()]), int(dark.sum())


def test_a_structure_is_where_the_truth_says():
    moving = MovingTissue(
        lambda seconds: np.array([3.0, 2.0, 0.0]) * seconds, turn_deg_per_mm=0.5, bend_mm=0.5
    )
    sequence, rng = dark_spot(moving), np.random.default_rng(1)
    for seconds in (0.0, 1.0):
        found, _ = middle_of_dark_mm(sequence.image(seconds, rng))
        np.testing.assert_allclose(found, sequence.truth_mm(seconds)[0, :2], atol=0.5)
    assert sequence.truth_mm(1.0)[0, :2] == pytest.approx([3.0, 47.0], abs=0.6)


def test_a_ball_that_leaves_the_plane_by_more_than_its_radius_is_gone():
    moving = MovingTissue(lambda seconds: np.array([0.0, 0.0, 9.0 * seconds]))
    sequence, rng = dark_spot(moving), np.random.default_rng(1)
    _, before = middle_of_dark_mm(sequence.image(0.0, rng))
    _, after = middle_of_dark_mm(sequence.image(1.0, rng))
    assert after < 0.1 * before
    assert sequence.truth_mm(1.0)[0, 2] == pytest.approx(9.0)


def test_upsets_darken_what_they_say():
    sequence = dark_spot(MovingTissue(lambda _: np.zeros(3)))
    rng = np.random.default_rng(1)
    plain = sequence.image(0.0, rng).values.astype(float)
    columns = np.arange(plain.shape[1]) - plain.shape[1] // 2
    shadow = sequence.image(0.0, rng, Upset(0.0, 10.0)).values.astype(float)
    assert shadow[60:, np.abs(columns) < 6].mean() < 0.3 * plain[60:, np.abs(columns) < 6].mean()
    assert shadow[60:, np.abs(columns) > 30].mean() > 0.9 * plain[60:, np.abs(columns) > 30].mean()
    lifted = sequence.image(0.0, rng, Upset(is_lifted=True)).values.astype(float)
    assert lifted[60:].mean() < 0.1 * plain[60:].mean()
    louder = sequence.image(0.0, rng, Upset(gain_db=6.0)).values.astype(float)
    assert louder[60:].mean() > 1.1 * plain[60:].mean()


def test_the_seed_of_a_sequence_must_not_be_negative():
    with pytest.raises(InputError, match="seed"):
        UltrasoundSequence(MovingTissue(lambda _: np.zeros(3)), seed=-1)


def test_a_volume_shows_the_dark_ellipsoid_where_the_truth_says():
    block, rng = VolumeSequence(40, 0.8), np.random.default_rng(1)
    pose = Pose(np.array([3.0, -2.0, 1.0]), np.zeros(3))
    volume = block.volume(pose, rng)
    smooth = ndimage.gaussian_filter(volume.values.astype(float), 2.5)
    darkest = np.argwhere(smooth <= np.quantile(smooth, 0.002))[:, ::-1]
    found = block.grid.xyz(darkest).mean(axis=0)
    np.testing.assert_allclose(found, block.truth_mm(np.zeros((1, 3)), pose)[0], atol=1.0)


@pytest.fixture(scope="module")
def quiet():
    return [QuietSequence(0), QuietSequence(1)]


@pytest.mark.parametrize("loss", list(Loss))
def test_every_injected_loss_is_noticed_within_three_frames(loss, quiet):
    for number, tissue in enumerate(quiet):
        rng = np.random.default_rng([5, number])
        tried = try_loss(tissue, loss, number, rng)
        assert tried.was_seen, "the target has to be followed before it is lost"
        assert tried.is_noticed
        assert 1 <= tried.noticed_after <= WITHIN
        assert tried.said


def test_a_liver_that_breathes_is_followed_within_0_8_mm(quiet):
    from isoguide.motion.ultrasound_points import UltrasoundPointTracker

    tissue = quiet[0]
    first, sequence = tissue.images[0], tissue.sequence
    start = (sequence.truth_mm(0.0)[:, :2] - first.corner_mm) / np.array(first.pixel_spacing_mm)
    tracker = UltrasoundPointTracker(first.values, first.in_fan, first.pixel_spacing_mm, start)
    for number, image in enumerate(tissue.images[1:], start=1):
        points = tracker.see(image.values)
        off_mm = place_mm(image, points) - sequence.truth_mm(number * PERIOD_S)[:, :2]
        assert points.seen.all()
        assert np.linalg.norm(off_mm, axis=1).max() < 0.8
