"""The size of a pixel from the depth that the user states, and a ruler that contradicts a wrong one."""

from dataclasses import replace

import numpy as np
import pytest
from ultrasound_screens import Screen, draw_ruler

from isoguide.errors import InputError
from isoguide.images.ultrasound_depth import depth_scale_mm
from isoguide.images.ultrasound_fan import find_fan
from isoguide.images.ultrasound_ruler import find_ruler

SCREEN = Screen(frames=2)
"""330 px deep, radius 120 px: at 150 mm a pixel is 0.4545 mm and the radius 54.5 mm."""


def with_ruler(step: float, major: int, count: int = 16) -> np.ndarray:
    pixels = SCREEN.paint()
    draw_ruler(pixels, column=20, first=SCREEN.face[1], step=step, count=count, major=major)
    return pixels


def test_the_depth_alone_gives_the_size_of_a_pixel_unconfirmed() -> None:
    pixels = SCREEN.paint()
    scale = depth_scale_mm(pixels, find_fan(pixels, source="it"), depth_mm=150.0, source="it")
    assert scale.pixel_mm == pytest.approx(150.0 / 330.0, rel=2e-3)
    assert scale.pixel_spacing_mm == (scale.pixel_mm, scale.pixel_mm)
    assert not scale.confirmed


@pytest.mark.parametrize(("step", "major"), [(22.0, 5), (22.0, 10), (11.0, 2), (22.0, 99)])
def test_a_ruler_confirms_the_depth_and_gives_the_finer_number(step: float, major: int) -> None:
    count = round(330.0 / step) + 1
    pixels = with_ruler(step, major, count)
    fan = find_fan(pixels, source="it")
    scale = depth_scale_mm(pixels, fan, depth_mm=150.0, source="it")
    assert scale.confirmed
    assert scale.pixel_mm == pytest.approx(10.0 / 22.0, rel=1e-3)


@pytest.mark.parametrize("depth_mm", [120.0, 140.0, 160.0, 180.0, 75.0])
def test_a_wrong_depth_is_refused_by_the_ruler_with_the_one_that_fits(depth_mm: float) -> None:
    pixels = with_ruler(22.0, 5)
    fan = find_fan(pixels, source="it")
    with pytest.raises(InputError, match=r"put the marks of the ruler in it .* mm apart: .*150 mm would fit"):
        depth_scale_mm(pixels, fan, depth_mm=depth_mm, source="it")


@pytest.mark.parametrize("depth_mm", [0.0, -150.0, 5.0, 900.0, np.nan, np.inf])
def test_a_depth_that_no_scanner_has_is_refused(depth_mm: float) -> None:
    pixels = SCREEN.paint()
    fan = find_fan(pixels, source="it")
    with pytest.raises(InputError, match="cannot show a depth of"):
        depth_scale_mm(pixels, fan, depth_mm=depth_mm, source="it")


def test_a_depth_that_makes_an_impossible_transducer_is_refused() -> None:
    pixels = SCREEN.paint()
    fan = find_fan(pixels, source="it")
    with pytest.raises(InputError, match="with a transducer of 109 mm radius: correct the depth"):
        depth_scale_mm(pixels, fan, depth_mm=300.0, source="it")


def test_a_linear_array_has_no_radius_to_go_by() -> None:
    pixels = replace(SCREEN, radius=0.0).paint()
    fan = find_fan(pixels, source="it")
    assert depth_scale_mm(pixels, fan, depth_mm=40.0, source="it").pixel_mm == pytest.approx(40.0 / 330.0)


def test_a_pointer_on_the_ruler_does_not_hide_it() -> None:
    pixels = with_ruler(22.0, 5)
    pixels[:, 203:209, 18:32] = 220
    ruler = find_ruler(pixels, SCREEN.in_fan())
    assert ruler is not None
    assert ruler.step_px == pytest.approx(22.0, abs=0.05)


def test_marks_at_uneven_distances_and_lines_of_text_are_no_ruler() -> None:
    pixels = SCREEN.paint()
    for row in (40, 70, 95, 180, 260, 300, 370):
        pixels[:, row : row + 2, 20:30] = 200
    for line in range(8):
        pixels[:, 50 + 13 * line : 53 + 13 * line, 480:520:3] = 200
    assert find_ruler(pixels, SCREEN.in_fan()) is None
