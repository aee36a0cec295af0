"""A match is taken for a known one only where nothing differs but what its images are called."""

from dataclasses import replace

import numpy as np
import pytest
from known_matches import key_of

from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.registration import MatchSettings, Region

DAY = Volume(
    Grid.axial(DAILY, (3, 4, 5), (3.0, 3.0, 4.0), (-5.0, -6.0, 7.0)),
    np.zeros((3, 4, 5), np.int16),
    source="a",
)
CENTRE_MM = np.zeros(3)
KEY = key_of(DAY, CENTRE_MM, MatchSettings(), None)


def test_the_name_of_an_image_makes_no_difference() -> None:
    assert key_of(replace(DAY, source="b"), CENTRE_MM.copy(), MatchSettings(), None) == KEY


def with_one_bright_voxel() -> Volume:
    values = DAY.values.copy()
    values[2, 3, 4] = 1
    return replace(DAY, values=values)


@pytest.mark.parametrize(
    "other",
    [
        (with_one_bright_voxel(), CENTRE_MM, MatchSettings(), None),
        (replace(DAY, is_hounsfield=False), CENTRE_MM, MatchSettings(), None),
        (
            replace(DAY, grid=replace(DAY.grid, origin_mm=np.array([-5.0, -6.0, 7.1]))),
            CENTRE_MM,
            MatchSettings(),
            None,
        ),
        (DAY, np.array([0.0, 0.0, 0.1]), MatchSettings(), None),
        (DAY, CENTRE_MM, MatchSettings(content="bone"), None),
        (DAY, CENTRE_MM, MatchSettings(region=Region.box(CENTRE_MM, 120.0)), None),
        (DAY, CENTRE_MM, MatchSettings(), np.zeros((1, 3))),
    ],
)
def test_whatever_the_engine_is_told_makes_another_match(other: tuple) -> None:
    assert key_of(*other) != KEY
