"""What devices answer is refused at once where it cannot be right."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from fake_room import MORNING, SET_UP_POSE, day_image

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.treatment.ports import BeamStatus, CouchReading

LATER = MORNING + timedelta(seconds=60)
NAIVE = datetime(2026, 3, 2, 8, 0)


def test_the_machine_isocentre_of_an_image_cannot_be_changed_afterwards() -> None:
    image = day_image("1", MORNING, LATER, SET_UP_POSE)
    with pytest.raises(ValueError, match="read-only"):
        image.machine_isocentre_mm[0] = 0.0


def test_an_image_without_uid_is_refused() -> None:
    with pytest.raises(InputError, match="no UID"):
        day_image("", MORNING, LATER, SET_UP_POSE)


def test_an_image_in_another_frame_is_refused() -> None:
    grid = Grid.axial(PLANNING, shape=(2, 2, 2), spacing_mm=(1.0, 1.0, 1.0), origin_mm=(0.0, 0.0, 0.0))
    volume = Volume(grid, np.zeros((2, 2, 2), dtype=np.int16))
    with pytest.raises(InputError, match="is in the frame 'planning patient LPS'"):
        day_image("1", MORNING, LATER, SET_UP_POSE, content=volume)


def test_an_image_with_an_isocentre_that_is_no_point_is_refused() -> None:
    with pytest.raises(GeometryError, match="machine isocentre"):
        day_image("1", MORNING, LATER, SET_UP_POSE, machine_isocentre_mm=(1.0, float("nan"), 0.0))


def test_an_image_that_ended_before_it_began_is_refused() -> None:
    with pytest.raises(InputError, match="before it began"):
        day_image("1", LATER, MORNING, SET_UP_POSE)


@pytest.mark.parametrize(
    "answer",
    [
        lambda: day_image("1", NAIVE, NAIVE, SET_UP_POSE),
        lambda: CouchReading(SET_UP_POSE, NAIVE),
        lambda: BeamStatus(False, 0.0, 10.0, NAIVE),
    ],
)
def test_times_without_time_zone_are_refused(answer) -> None:
    with pytest.raises(InputError, match="without a time zone"):
        answer()


@pytest.mark.parametrize("wrong_mu", [-1.0, float("nan"), float("inf")])
def test_what_is_no_meterset_is_refused(wrong_mu: float) -> None:
    with pytest.raises(InputError, match="which is not a meterset"):
        BeamStatus(True, wrong_mu, 10.0, MORNING)
