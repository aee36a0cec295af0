"""Following a pose from exposure to exposure: how far off it may start, and what its pixels are."""

import numpy as np
import pytest
from radiograph_cases import (
    PAIR,
    SMALL_PIXELS,
    anatomy,
    errors_mm,
    expose,
    lying,
    prepared_pair,
    prepared_small_pixels,
)

from isoguide.errors import InputError
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.registration import Verdict, register_radiographs
from isoguide.registration.radiographs.follow import binned_image

TRUTH = lying((8.0, -6.0, 9.0), (2.0, -2.5, 3.0))


@pytest.fixture(scope="module")
def small_pixels():
    return expose(anatomy(), TRUTH, SMALL_PIXELS, noise=0.02)


def off(mm, deg):
    """Where a patient lies who moved by so many mm and degrees, about each axis, since."""
    return lying((8.0 + mm, -6.0 - mm, 9.0 + mm), (2.0 + deg, -2.5 + deg, 3.0 - deg)).inverse()


@pytest.mark.parametrize(("mm", "deg"), [(0.0, 0.0), (0.5, 0.2), (2.5, 0.6)])
def test_pixels_put_together_follow_to_a_fraction_of_a_voxel(small_pixels, mm, deg):
    prepared = prepared_small_pixels()
    assert prepared.following.factors == (2, 2)
    answer = register_radiographs(prepared, small_pixels, initial=off(mm, deg), tracking=True)
    assert answer.verdict is Verdict.ACCEPT
    assert errors_mm(answer.planning_from_daily, TRUTH).max() < 0.3


def test_a_start_that_is_too_far_off_has_no_answer_instead_of_a_wrong_one(small_pixels):
    answer = register_radiographs(
        prepared_small_pixels(), small_pixels, initial=off(20.0, 0.0), tracking=True
    )
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert answer.planning_from_daily is None
    assert answer.uncertainty is None
    assert "match without tracking" in answer.reasons[-1]


def test_pixels_that_do_not_count_take_no_part_in_following_either(small_pixels):
    first, second = small_pixels
    values, counts = first.values.copy(), np.ones(first.values.shape, dtype=bool)
    values[130:230, 150:260], counts[130:230, 150:260] = 0.0, False
    spotted = RadiographView(Radiograph(first.view, values, "line integral"), counts, "spot.dcm")
    prepared = prepared_small_pixels()
    answer = register_radiographs(prepared, (spotted, second), initial=off(1.0, 0.2), tracking=True)
    whole = register_radiographs(prepared, small_pixels, initial=off(1.0, 0.2), tracking=True)
    assert errors_mm(answer.planning_from_daily, TRUTH).max() < 0.3
    assert answer.quality.views[0].shown_fraction < whole.quality.views[0].shown_fraction


def test_a_blank_exposure_is_refused_when_following(small_pixels):
    blank = Radiograph(SMALL_PIXELS[0], np.zeros((410, 411), np.float32), "line integral")
    with pytest.raises(InputError, match="radiograph 1 is blank"):
        register_radiographs(
            prepared_small_pixels(), (blank, small_pixels[1]), initial=off(0.0, 0.0), tracking=True
        )


def test_noise_alone_is_not_followed():
    rng = np.random.default_rng(3)
    noise = tuple(
        Radiograph(one, rng.normal(2.0, 0.3, (128, 128)).astype(np.float32), "line integral") for one in PAIR
    )
    answer = register_radiographs(prepared_pair(), noise, initial=off(0.0, 0.0), tracking=True)
    assert answer.verdict is Verdict.NOT_AVAILABLE
    assert answer.planning_from_daily is None


def test_a_square_of_pixels_has_their_mean_line_integral_and_counts_if_all_do():
    view = SMALL_PIXELS[0]
    intensity = np.full((410, 411), np.exp(-2.0), np.float32)
    intensity[1, 0] = np.exp(-4.0)
    counts = np.ones(intensity.shape, dtype=bool)
    counts[3, 5] = False
    binned = binned_image(RadiographView(Radiograph(view, intensity, "intensity"), counts, "one.dcm"), 2)
    assert binned.radiograph.values.shape == (205, 205)
    # One of four pixels lets e⁻⁴ through, three e⁻².
    assert binned.radiograph.line_integrals[0, 0] == pytest.approx(2.5, abs=1e-5)
    assert np.argwhere(~binned.counts).tolist() == [[1, 2]]
