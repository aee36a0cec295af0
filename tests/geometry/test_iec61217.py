"""The IEC 61217 chain and the eight patient positions, against definitions and worked examples."""

from dataclasses import replace

import numpy as np
import pytest
from forward_kinematics import patient_axes_in_room, ride, step_off
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import (
    BEAM_LIMITING_DEVICE,
    DAILY,
    FIXED,
    GANTRY,
    PATIENT_SUPPORT,
    PLANNING,
    TABLE_TOP,
    TABLE_TOP_ECCENTRIC,
    XRAY_IMAGE_RECEPTOR,
    Points,
)
from isoguide.geometry.iec61217 import (
    PATIENT_POSITIONS,
    TableTopPose,
    angles_iec,
    fixed_from_beam_limiting_device,
    fixed_from_daily,
    fixed_from_gantry,
    fixed_from_patient_support,
    fixed_from_planning,
    fixed_from_table_top,
    fixed_from_table_top_eccentric,
    fixed_from_xray_image_receptor,
    gantry_from_beam_limiting_device,
    gantry_from_xray_image_receptor,
    iec_from_lps,
    patient_support_from_table_top_eccentric,
    rotation_iec,
    table_top_eccentric_from_table_top,
)
from isoguide.geometry.transforms import rotation_y, rotation_z

X, Y, Z = np.eye(3)
any_angle = st.floats(-360.0, 360.0)
poses = st.builds(
    TableTopPose,
    lateral_mm=st.floats(-300, 300),
    longitudinal_mm=st.floats(0, 1500),
    vertical_mm=st.floats(-600, 0),
    pitch_deg=st.floats(-5, 5),
    roll_deg=st.floats(-5, 5),
    support_deg=st.floats(-180, 180),
    eccentric_deg=st.floats(-180, 180),
    eccentric_distance_mm=st.floats(0, 1200),
)


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("HFS", (10, 30, -20)),
        ("HFP", (-10, 30, 20)),
        ("FFS", (-10, -30, -20)),
        ("FFP", (10, -30, 20)),
        ("HFDR", (20, 30, 10)),
        ("HFDL", (-20, 30, -10)),
        ("FFDR", (-20, -30, 10)),
        ("FFDL", (20, -30, -10)),
    ],
)
def test_axes_of_the_eight_positions_as_in_the_reference_table(position, expected):
    np.testing.assert_array_equal(iec_from_lps(position) @ [10.0, 20.0, 30.0], expected)


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
def test_the_axes_of_a_position_follow_from_its_words_without_mirroring(position):
    np.testing.assert_array_equal(iec_from_lps(position), patient_axes_in_room(position))
    assert np.linalg.det(iec_from_lps(position)) == pytest.approx(1.0)


@pytest.mark.parametrize("position", ["SITTING", "LFP", "RFP", "AFDR", "", "hfs"])
def test_other_positions_are_refused_by_name(position):
    with pytest.raises(InputError, match=f"the patient position '{position}'.*HFS"):
        iec_from_lps(position)


@pytest.mark.parametrize(
    ("gantry_deg", "source"),
    [(0, (0, 0, 1000)), (90, (1000, 0, 0)), (180, (0, 0, -1000)), (270, (-1000, 0, 0))],
)
def test_the_source_of_a_gantry_at_90_degrees_is_on_the_right_of_an_observer_facing_it(gantry_deg, source):
    device = fixed_from_beam_limiting_device(gantry_deg, 30.0, source_axis_distance_mm=1000.0)
    np.testing.assert_allclose(device.translation_mm, source, atol=1e-9)


def test_the_collimator_turns_counter_clockwise_seen_from_the_source():
    gantry_from_device = gantry_from_beam_limiting_device(90.0, source_axis_distance_mm=1000.0)
    np.testing.assert_allclose(gantry_from_device.rotation @ X, Y, atol=1e-15)


@pytest.mark.parametrize(
    ("gantry_deg", "x_fixed", "expected_xy"),
    [
        (0, (10, 0, 0), (15, 0)),
        (0, (0, 10, 0), (0, 15)),
        (90, (0, 0, 10), (-15, 0)),
        (180, (10, 0, 0), (-15, 0)),
        (270, (0, 0, 10), (15, 0)),
    ],
)
def test_shadows_on_the_image_receptor_as_in_the_reference_table(gantry_deg, x_fixed, expected_xy):
    receptor_from_fixed = fixed_from_xray_image_receptor(gantry_deg, (0.0, 0.0, -500.0)).inverse()
    source = receptor_from_fixed.apply(rotation_y(gantry_deg) @ [0.0, 0.0, 1000.0])
    point = receptor_from_fixed.apply(np.array(x_fixed, dtype=float))
    shadow = source + (point - source) * source[2] / (source[2] - point[2])
    np.testing.assert_allclose(shadow[:2], expected_xy, atol=1e-9)


def test_a_receptor_moved_aside_sees_the_shadow_on_the_other_side():
    point = (
        fixed_from_xray_image_receptor(0.0, (50.0, 0.0, -500.0))
        .inverse()
        .apply(np.array([15.0, 0.0, -500.0]))
    )
    np.testing.assert_allclose(point, [-35.0, 0.0, 0.0], atol=1e-12)


def test_the_receptor_turns_counter_clockwise_seen_from_the_source():
    np.testing.assert_allclose(gantry_from_xray_image_receptor(np.zeros(3), 90.0).rotation @ X, Y, atol=1e-15)


def test_the_couch_turns_counter_clockwise_seen_from_above():
    np.testing.assert_allclose(fixed_from_patient_support(90.0).rotation @ X, Y, atol=1e-15)


def test_positive_pitch_raises_the_gantry_end_and_positive_roll_lowers_the_plus_x_side():
    tilted = table_top_eccentric_from_table_top(TableTopPose(0, 0, 0, pitch_deg=2.0))
    assert (tilted.rotation @ Y)[2] > 0.0
    rolled = table_top_eccentric_from_table_top(TableTopPose(0, 0, 0, roll_deg=2.0))
    assert (rolled.rotation @ X)[2] < 0.0


def test_pitch_comes_before_roll():
    pose = TableTopPose(0, 0, 0, pitch_deg=90.0, roll_deg=90.0)
    # Rx(90) Ry(90) takes Z to X; the other order would take it to -Y.
    np.testing.assert_allclose(table_top_eccentric_from_table_top(pose).rotation @ Z, X, atol=1e-15)


def test_the_eccentric_axis_lies_along_y_of_the_support():
    eccentric = patient_support_from_table_top_eccentric(0.0, 300.0)
    np.testing.assert_array_equal(eccentric.translation_mm, [0.0, 300.0, 0.0])


def test_without_eccentric_the_table_is_turned_then_driven_then_tilted():
    pose = TableTopPose(20.0, 900.0, -150.0, pitch_deg=1.0, roll_deg=-2.0, support_deg=30.0)
    whole = fixed_from_table_top(pose)
    np.testing.assert_allclose(whole.rotation, rotation_iec(30.0, 1.0, -2.0), atol=1e-15)
    np.testing.assert_allclose(whole.translation_mm, rotation_z(30.0) @ [20.0, 900.0, -150.0], atol=1e-12)


@given(poses)
@settings(deadline=None, max_examples=50)
def test_the_couch_chain_agrees_with_moving_its_parts_one_after_the_other(pose):
    names = ("lateral_mm", "longitudinal_mm", "vertical_mm", "pitch_deg", "roll_deg", "support_deg")
    parts = {name.rsplit("_", 1)[0]: np.array([getattr(pose, name)]) for name in names}
    parts |= {"eccentric": np.array([pose.eccentric_deg]), "distance": np.array([pose.eccentric_distance_mm])}
    on_table = np.array([[[0.0, 0.0, 0.0], [250.0, -1200.0, 80.0]]])
    in_room = fixed_from_table_top(pose) @ Points(TABLE_TOP, on_table[0])
    np.testing.assert_allclose(in_room.xyz_mm, ride(on_table, parts)[0], atol=1e-9)
    np.testing.assert_allclose(step_off(in_room.xyz_mm[None], parts), on_table, atol=1e-9)


@given(any_angle, any_angle, poses)
@settings(deadline=None, max_examples=30)
def test_every_step_of_the_chain_names_its_frames_and_can_be_walked_back(gantry_deg, other_deg, pose):
    steps = {
        (FIXED, GANTRY): fixed_from_gantry(gantry_deg),
        (GANTRY, BEAM_LIMITING_DEVICE): gantry_from_beam_limiting_device(
            other_deg, source_axis_distance_mm=1000.0
        ),
        (FIXED, BEAM_LIMITING_DEVICE): fixed_from_beam_limiting_device(
            gantry_deg, other_deg, source_axis_distance_mm=1000.0
        ),
        (GANTRY, XRAY_IMAGE_RECEPTOR): gantry_from_xray_image_receptor((1.0, 2.0, -500.0), other_deg),
        (FIXED, XRAY_IMAGE_RECEPTOR): fixed_from_xray_image_receptor(
            gantry_deg, (1.0, 2.0, -500.0), other_deg
        ),
        (FIXED, PATIENT_SUPPORT): fixed_from_patient_support(other_deg),
        (PATIENT_SUPPORT, TABLE_TOP_ECCENTRIC): patient_support_from_table_top_eccentric(other_deg, 100.0),
        (FIXED, TABLE_TOP_ECCENTRIC): fixed_from_table_top_eccentric(pose),
        (TABLE_TOP_ECCENTRIC, TABLE_TOP): table_top_eccentric_from_table_top(pose),
        (FIXED, TABLE_TOP): fixed_from_table_top(pose),
    }
    for (to_frame, from_frame), step in steps.items():
        point = Points(from_frame, [[10.0, -20.0, 30.0]])
        there = step @ point
        assert there.frame == to_frame
        np.testing.assert_allclose((step.inverse() @ there).xyz_mm, point.xyz_mm, atol=1e-9)


@given(st.floats(-179.9, 180.0), st.floats(-89.0, 89.0), st.floats(-179.9, 180.0))
@settings(deadline=None, max_examples=100)
def test_angles_are_recovered_from_the_rotation(yaw_deg, pitch_deg, roll_deg):
    recovered = angles_iec(rotation_iec(yaw_deg, pitch_deg, roll_deg))
    np.testing.assert_allclose(recovered, (yaw_deg, pitch_deg, roll_deg), atol=1e-6)


def test_the_published_sample_matrix_decomposes_into_round_angles():
    # Geometry reference §1.5: only the IEC order gives -1.8, 1.7, -1.8; six stored digits allow 1e-4 degrees.
    in_lps = np.array(
        [[0.998984, 0.032327, 0.031397], [-0.031397, 0.999067, -0.029666], [-0.032327, 0.02865, 0.999067]]
    )
    supine = iec_from_lps("HFS")
    np.testing.assert_allclose(angles_iec(supine @ in_lps @ supine.T), (-1.8, 1.7, -1.8), atol=1e-4)


def test_half_a_turn_reads_180_and_nothing_reads_minus_zero():
    assert angles_iec(np.diag([-1.0, -1.0, 1.0])) == (180.0, 0.0, 0.0)
    assert str(angles_iec(np.eye(3))) == "(0.0, 0.0, 0.0)"


@pytest.mark.parametrize("pitch_deg", [90.0, -90.0])
def test_a_pitch_of_90_degrees_is_refused(pitch_deg):
    with pytest.raises(GeometryError, match="yaw and roll undefined"):
        angles_iec(rotation_iec(10.0, pitch_deg, 20.0))


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
@pytest.mark.parametrize("support_deg", [0.0, 15.0, 90.0, 180.0, 270.0, -30.0])
def test_the_planned_isocentre_lies_at_the_machine_isocentre_at_any_couch_angle(position, support_deg):
    isocentre_mm = np.array([12.0, -34.0, 56.0])
    planned = fixed_from_planning(position, isocentre_mm, support_deg)
    np.testing.assert_allclose((planned @ Points(PLANNING, isocentre_mm)).xyz_mm, 0.0, atol=1e-12)
    head = planned.rotation @ Z
    towards_gantry = 1.0 if position.startswith("HF") else -1.0
    np.testing.assert_allclose(head, towards_gantry * (rotation_z(support_deg) @ Y), atol=1e-15)


def test_the_daily_image_is_placed_by_the_machine_isocentre():
    placed = fixed_from_daily("HFS", (1.0, 2.0, 3.0))
    assert (placed.to_frame, placed.from_frame) == (FIXED, DAILY)
    np.testing.assert_allclose(placed.apply(np.array([1.0, 2.0, 13.0])), [0.0, 10.0, 0.0], atol=1e-15)


def test_isocentres_that_are_not_three_numbers_are_refused():
    with pytest.raises(GeometryError, match="the plan isocentre"):
        fixed_from_planning("HFS", (1.0, 2.0))
    with pytest.raises(GeometryError, match="the machine isocentre"):
        fixed_from_daily("HFS", (1.0, 2.0, np.nan))


def test_a_pose_without_a_value_is_refused():
    pose = TableTopPose(1.0, 2.0, 3.0)
    np.testing.assert_array_equal(pose.position_mm, [1.0, 2.0, 3.0])
    with pytest.raises(GeometryError, match="the table-top pose"):
        replace(pose, pitch_deg=np.nan)
