"""Ultrasound as the image of the day: where it shows the patient, and what spoils it."""

from dataclasses import replace

import numpy as np
import pytest
from room_parts import BLIND, day_in_room, five_mm_too_far_left, room_of
from scipy import ndimage
from ultrasound_parts import QUICK_SCAN, by_ultrasound

from isoguide.errors import ImageLostError, InputError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform, rotation_x
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.virtual import Phantom
from isoguide.virtual.faults import Fault
from isoguide.virtual.ultrasound_reference import aim_mm, simulation_ultrasound
from isoguide.virtual.ultrasound_settings import UltrasoundRoomSettings

AROUND_MM = 18.0


def agreement(patient: Phantom, day: UltrasoundVolume, planning_from_daily: RigidTransform) -> float:
    """Correlation of the day's volume with that of the simulation about the prostate."""
    reference = simulation_ultrasound(patient, QUICK_SCAN)
    steps = np.arange(-AROUND_MM, AROUND_MM + 0.1, 1.5)
    places_mm = aim_mm(patient) + np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    there_mm = planning_from_daily.inverse().apply(places_mm)
    grey = [
        ndimage.map_coordinates(one.values.astype(float), one.grid.index(xyz_mm)[:, ::-1].T, order=1)
        for one, xyz_mm in ((reference, places_mm), (day, there_mm))
    ]
    return float(np.corrcoef(*grey)[0, 1])


def moved(transform: RigidTransform, shift_mm: tuple[float, float, float]) -> RigidTransform:
    return RigidTransform.translation(PLANNING, PLANNING, shift_mm) @ transform


def test_the_reference_shows_the_prostate_in_planning_coordinates(pelvis: Phantom) -> None:
    reference = simulation_ultrasound(pelvis, QUICK_SCAN)
    assert reference.frame == PLANNING
    i, j, k = np.rint(reference.grid.index(aim_mm(pelvis))).astype(int).ravel()
    assert reference.seen[k, j, i]
    assert simulation_ultrasound(pelvis, QUICK_SCAN) is reference  # made once


def test_a_patient_too_far_left_is_seen_too_far_left(pelvis: Phantom) -> None:
    room = room_of(pelvis, five_mm_too_far_left(), by_ultrasound())
    image = room.room.imager.acquire()
    assert image.model == "tracked ultrasound"
    assert image.ultrasound.frame == DAILY
    np.testing.assert_array_equal(image.machine_isocentre_mm, 0.0)
    true = room.planning_from_daily()
    # Tissue of the plan isocentre is found 5 mm to the left of the machine isocentre: +x of LPS.
    np.testing.assert_allclose(true.inverse().apply(pelvis.isocentre_mm).ravel(), [5.0, 0.0, 0.0], atol=1e-9)
    right = agreement(pelvis, image.ultrasound, true)
    assert right > 0.8
    assert right > agreement(pelvis, image.ultrasound, moved(true, (5.0, 0.0, 0.0))) + 0.3
    assert right > agreement(pelvis, image.ultrasound, moved(true, (10.0, 0.0, 0.0))) + 0.3


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFS"])
def test_it_is_so_however_he_lies(pelvis: Phantom, position: str) -> None:
    day = day_in_room((4.0, -3.0, 2.0), rotation_x(1.0), position)
    room = room_of(pelvis, day, by_ultrasound().with_changes(patient_position=position))
    image = room.room.imager.acquire()
    assert agreement(pelvis, image.ultrasound, room.planning_from_daily()) > 0.8


def test_an_isocentre_that_is_off_is_off_in_the_image(pelvis: Phantom) -> None:
    settings = by_ultrasound()
    settings = settings.with_changes(imaging=replace(settings.imaging, isocentre_offset_mm=(3.0, 0.0, 0.0)))
    room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)), settings)
    image = room.room.imager.acquire()
    assert agreement(pelvis, image.ultrasound, room.planning_from_daily()) > 0.8
    # What lies truly 3 mm to the side is shown at the isocentre.
    np.testing.assert_allclose(
        room.planning_from_daily().apply(np.zeros(3)).ravel(),
        pelvis.isocentre_mm + [3.0, 0.0, 0.0],
        atol=1e-9,
    )


def test_the_probe_is_never_put_on_twice_alike(pelvis: Phantom) -> None:
    settings = by_ultrasound(replace(QUICK_SCAN, placed_mm=2.0, placed_deg=2.0, press_mm=1.0))
    room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)), settings)
    poses, pressures = [], []
    for _ in range(2):
        room.ultrasound.expose(room.monitor_link, room.machine)
        poses.append(room.ultrasound.pose(room.clock.seconds))
        pressures.append(room.ultrasound.probe.press_mm)
    apart = poses[0].inverse() @ poses[1]
    assert 0.2 < np.linalg.norm(apart.translation_mm) < 15.0
    assert 0.2 < apart.angle_deg < 15.0
    assert pressures[0] != pressures[1]


def test_no_volume_is_made_of_a_sweep_in_which_the_tracking_jumps(pelvis: Phantom) -> None:
    room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)), by_ultrasound(), faults=[Fault("sweep-jumps")])
    with pytest.raises(ImageLostError, match="no volume came of the ultrasound sweep"):
        room.room.imager.acquire()
    assert isinstance(room.room.imager.acquire().content, UltrasoundVolume)


def test_another_patient_is_imaged_under_his_own_name(pelvis: Phantom) -> None:
    faults = [Fault("wrong-patient-image")]
    room = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)), by_ultrasound(), faults=faults)
    image = room.room.imager.acquire()
    assert image.patient_id not in ("", pelvis.name)
    assert isinstance(image.content, UltrasoundVolume)


def test_a_room_that_images_otherwise_has_no_probe_on_the_patient(pelvis: Phantom) -> None:
    with pytest.raises(InputError, match="no ultrasound probe lies on the patient"):
        _ = room_of(pelvis, day_in_room((0.0, 0.0, 0.0)), BLIND).ultrasound


def test_an_impossible_scan_is_refused() -> None:
    with pytest.raises(InputError, match="sweep_deg of the ultrasound"):
        UltrasoundRoomSettings(sweep_deg=1.0)
