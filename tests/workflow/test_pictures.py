import io

import numpy as np
import pytest
from PIL import Image

from isoguide.workflow.pictures import (
    CT_WINDOW,
    DAILY_COLOUR,
    OUTSIDE,
    PLANNING_COLOUR,
    Window,
    checkerboard,
    colour_blend,
    daily_window,
    grey_picture,
    planning_window,
    png,
)
from isoguide.workflow.planes import planes_through

AXIAL = planes_through(np.zeros(3), field_mm=80.0, pixels=80)[0]


def flat(value):
    return np.full((80, 80), value, np.float32)


def test_the_tile_up_and_left_of_the_centre_shows_the_planning_image():
    board = checkerboard(flat(1.0), flat(0.0), AXIAL.pixel_mm)

    assert board[39, 39].tolist() == [255, 255, 255]
    assert board[39, 41].tolist() == [0, 0, 0]
    assert board[41, 41].tolist() == [255, 255, 255]
    assert board[39 - 20, 39].tolist() == [0, 0, 0]


def test_images_that_agree_blend_to_white_and_others_show_their_colour():
    assert colour_blend(flat(1.0), flat(1.0))[5, 5].tolist() == [255, 255, 255]
    assert colour_blend(flat(1.0), flat(0.0))[5, 5].tolist() == [int(value) for value in PLANNING_COLOUR]
    assert colour_blend(flat(0.0), flat(1.0))[5, 5].tolist() == [int(value) for value in DAILY_COLOUR]


@pytest.mark.parametrize(
    "draw", [colour_blend, lambda p, d: checkerboard(p, d, AXIAL.pixel_mm)], ids=["blend", "board"]
)
def test_the_edge_of_a_field_of_view_is_dim_and_grey_not_a_difference(draw):
    planning, daily = flat(1.0), flat(1.0)
    daily[:, 40:] = np.nan
    planning[60:, :] = np.nan

    picture = draw(planning, daily)

    assert picture[10, 70].tolist() == [102, 102, 102]
    assert picture[70, 10].tolist() == [102, 102, 102]
    assert picture[70, 70].tolist() == list(OUTSIDE)


def test_a_cone_beam_image_is_drawn_like_the_ct_whatever_its_grey_scale():
    rng = np.random.default_rng(1)
    planning = [rng.uniform(-200, 400, (60, 60)).astype(np.float32) for _ in range(3)]
    daily = [0.5 * plane + 700.0 for plane in planning]
    daily[0][:10] = np.nan

    window = daily_window(CT_WINDOW, planning, daily, same_scale=False)

    assert window.low == pytest.approx(0.5 * CT_WINDOW.low + 700.0, abs=4.0)
    assert window.high == pytest.approx(0.5 * CT_WINDOW.high + 700.0, abs=4.0)


def test_two_calibrated_images_share_one_window():
    assert daily_window(CT_WINDOW, [flat(0.0)], [flat(5.0)], same_scale=True) is CT_WINDOW


def test_windows_of_odd_images_stay_usable():
    nothing = flat(np.nan)
    far_away = flat(5000.0) + np.arange(80, dtype=np.float32)

    assert daily_window(CT_WINDOW, [flat(0.0)], [nothing], same_scale=False) is CT_WINDOW
    assert daily_window(CT_WINDOW, [far_away], [far_away], same_scale=False).low >= 5000.0
    ramp = np.arange(6400, dtype=np.float32).reshape(80, 80) / 20.0
    assert daily_window(CT_WINDOW, [ramp], [ramp], same_scale=False).high > CT_WINDOW.low
    assert planning_window([nothing], is_hounsfield=False) is CT_WINDOW
    assert planning_window([ramp], is_hounsfield=True) is CT_WINDOW
    grey = planning_window([ramp], is_hounsfield=False)
    assert 0.0 <= grey.low < grey.high <= 320.0


def test_a_window_scales_and_keeps_what_is_outside_the_image():
    scaled = Window(0.0, 100.0).grey(np.array([-5.0, 25.0, 300.0, np.nan], np.float32))

    assert scaled[:3].tolist() == [0.0, 0.25, 1.0]
    assert np.isnan(scaled[3])


def test_png_bytes_are_read_back_identically_by_other_software():
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 256, (37, 53, 3), dtype=np.uint8)

    with Image.open(io.BytesIO(png(picture))) as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), picture)


def test_a_dimmed_picture_keeps_its_outside_colour():
    pixels = flat(1.0)
    pixels[0, 0] = np.nan

    picture = grey_picture(pixels, brightness=0.5)

    assert picture[5, 5].tolist() == [128, 128, 128]
    assert picture[0, 0].tolist() == list(OUTSIDE)
