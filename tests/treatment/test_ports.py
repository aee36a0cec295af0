"""What devices answer is refused at once where it cannot be right."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from fake_room import MORNING, SET_UP_POSE, day_image

from isoguide.errors import GeometryError, InputError, MismatchError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import gantry_view
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.images.ultrasound_volume import UltrasoundVolume
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


def films(frame) -> tuple[RadiographView, ...]:
    view = gantry_view(0.0, sad_mm=1000.0, sid_mm=1500.0, size=(4, 4), pixel_spacing_mm=(1.0, 1.0))
    there = view.in_frame(RigidTransform.identity(frame, FIXED))
    return (RadiographView.whole(Radiograph(there, np.ones((4, 4), np.float32), "intensity"), "film"),)


def test_radiographs_are_an_image_without_a_volume() -> None:
    image = day_image("1", MORNING, LATER, SET_UP_POSE, content=films(DAILY))
    assert image.exposure.uid == "1"
    with pytest.raises(MismatchError, match=r"holds radiographs, of which"):
        _ = image.volume


def test_ultrasound_is_an_image_without_a_ct_volume() -> None:
    seen = np.ones((2, 2, 2), dtype=bool)
    where = {"shape": (2, 2, 2), "spacing_mm": (1.0, 1.0, 1.0), "origin_mm": (0.0, 0.0, 0.0)}
    scans = [
        UltrasoundVolume(Grid.axial(frame, **where), np.ones((2, 2, 2), np.uint8), seen, ~seen)
        for frame in (DAILY, FIXED)
    ]
    image = day_image("1", MORNING, LATER, SET_UP_POSE, content=scans[0])
    assert image.ultrasound is scans[0]
    with pytest.raises(MismatchError, match="holds ultrasound, of which there is no CT volume"):
        _ = image.volume
    with pytest.raises(InputError, match="image 2 is in the frame 'IEC fixed'"):
        day_image("2", MORNING, LATER, SET_UP_POSE, content=scans[1])
    with pytest.raises(MismatchError, match="holds radiographs, which is no ultrasound"):
        _ = day_image("3", MORNING, LATER, SET_UP_POSE, content=films(DAILY)).ultrasound


def test_radiographs_in_another_frame_and_none_at_all_are_refused() -> None:
    with pytest.raises(InputError, match="is in the frame"):
        day_image("1", MORNING, LATER, SET_UP_POSE, content=films(PLANNING))
    with pytest.raises(InputError, match="holds no radiograph"):
        day_image("1", MORNING, LATER, SET_UP_POSE, content=())


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
