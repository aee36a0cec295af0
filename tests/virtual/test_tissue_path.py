"""A path of tissue is the truth of the room at every moment, only quicker."""

import numpy as np
import pytest
from room_parts import NOT_TURNED, day_in_room, room_of

from isoguide.geometry.iec61217 import TableTopPose
from isoguide.virtual import Breathing, CourseSettings, Displacement, Phantom, ProstateMotion, draw_days
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.tissue_path import TissuePath


@pytest.mark.parametrize(
    ("site", "moves"),
    [("thorax", {"breathing": Breathing()}), ("pelvis", {"prostate": ProstateMotion()}), ("pelvis", {})],
)
def test_it_is_where_the_truth_says(site: str, moves: dict, request) -> None:
    patient: Phantom = request.getfixturevalue(site)
    (day,) = draw_days(patient, CourseSettings(**moves), 1, np.random.default_rng(3))
    room = room_of(patient, day)
    points_mm = room.truth.target_points_mm[::40]
    path = TissuePath(room.truth, points_mm)
    for at_s in (0.0, 1.23, 40.0, 100.4):
        wanted_mm = room.truth.displacement_mm(points_mm, at_s)
        np.testing.assert_allclose(path.positions_mm(at_s) - path.planned_mm, wanted_mm, atol=1e-4)
        np.testing.assert_allclose(path.displacement_mm(at_s), wanted_mm.mean(axis=0), atol=1e-4)


def test_a_couch_that_moves_takes_it_along(pelvis: Phantom) -> None:
    room = room_of(pelvis, PatientDay(1, Displacement(np.zeros(3), NOT_TURNED)))
    path = TissuePath(room.truth, pelvis.isocentre_mm[None])
    pose = room.couch.read().pose
    room.couch.move_to(
        TableTopPose(pose.lateral_mm + 4.0, pose.longitudinal_mm - 3.0, pose.vertical_mm + 2.0)
    )
    np.testing.assert_allclose(path.displacement_mm(room.clock.seconds), [4.0, -3.0, 2.0], atol=1e-6)
    np.testing.assert_allclose(path.displacement_mm(0.0), np.zeros(3), atol=1e-6)


def test_signs_are_those_of_the_room(pelvis: Phantom) -> None:
    room = room_of(pelvis, day_in_room((5.0, -2.0, 1.0)))
    path = TissuePath(room.truth, pelvis.isocentre_mm[None])
    np.testing.assert_allclose(path.displacement_mm(0.0), [5.0, -2.0, 1.0], atol=1e-9)
