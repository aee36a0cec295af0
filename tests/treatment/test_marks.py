"""Set-up to the skin marks: which way the couch goes, and when a measurement is not believed."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError, InputError, IsoguideError, MismatchError, MissingEvidenceError
from isoguide.geometry.iec61217 import PATIENT_POSITIONS, TableTopPose
from isoguide.plan import SkinMark
from isoguide.treatment.limits import CouchLimits
from isoguide.treatment.marks import MarkLimits, MarksSetUp, mark_shifts, set_up_from_marks

Array = NDArray[np.float64]

ISOCENTRE_MM = np.array([12.0, -34.0, 56.0])
MARKS = (
    SkinMark("anterior", np.array([2.0, -110.0, 40.0])),
    SkinMark("left", np.array([180.0, 10.0, 42.0])),
    SkinMark("right", np.array([-175.0, 5.0, 38.0])),
    SkinMark("chest", np.array([0.0, -100.0, 190.0])),
)
COUCH = TableTopPose(20.0, 900.0, -150.0)

# Where the axes left, posterior, superior of a patient lying so point in the room (+X right of an observer
# who faces the gantry, +Y to the gantry, +Z up), written down from the words of the position.
LEFT, POSTERIOR, SUPERIOR = 0, 1, 2
IN_ROOM = {
    "HFS": ([1, 0, 0], [0, 0, -1], [0, 1, 0]),
    "HFP": ([-1, 0, 0], [0, 0, 1], [0, 1, 0]),
    "HFDR": ([0, 0, 1], [1, 0, 0], [0, 1, 0]),
    "HFDL": ([0, 0, -1], [-1, 0, 0], [0, 1, 0]),
    "FFS": ([-1, 0, 0], [0, 0, -1], [0, -1, 0]),
    "FFP": ([1, 0, 0], [0, 0, 1], [0, -1, 0]),
    "FFDR": ([0, 0, 1], [-1, 0, 0], [0, -1, 0]),
    "FFDL": ([0, 0, -1], [1, 0, 0], [0, -1, 0]),
}


def planned_in_room(position: str, marks: tuple[SkinMark, ...] = MARKS) -> dict[str, Array]:
    """Where the marks lie when everything is as planned; from the table above alone."""
    axes = np.array(IN_ROOM[position], dtype=np.float64).T
    return {mark.name: axes @ (mark.position_mm - ISOCENTRE_MM) for mark in marks}


def moved(places: dict[str, Array], shift_mm: list[float], turn: Rotation | None = None) -> dict[str, Array]:
    """The patient turned about the machine isocentre, then shifted."""
    turn = turn or Rotation.identity()
    return {name: turn.apply(place) + np.array(shift_mm) for name, place in places.items()}


def set_up(
    measured: dict[str, Array],
    position: str = "HFS",
    *,
    marks: tuple[SkinMark, ...] = MARKS,
    limits: MarkLimits | None = None,
) -> MarksSetUp:
    return set_up_from_marks(
        marks, measured, isocentre_mm=ISOCENTRE_MM, patient_position=position, pose=COUCH, limits=limits
    )


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
@pytest.mark.parametrize(
    ("axis", "side", "other"),
    [(LEFT, "left", "right"), (POSTERIOR, "back", "front"), (SUPERIOR, "head", "feet")],
)
def test_a_patient_5_mm_too_far_to_one_of_his_sides_is_moved_5_mm_to_the_other(
    position: str, axis: int, side: str, other: str
) -> None:
    towards = np.array(IN_ROOM[position][axis], dtype=np.float64)
    found = set_up(moved(planned_in_room(position), list(5.0 * towards)), position)
    np.testing.assert_allclose(found.correction.shift_mm, -5.0 * towards, atol=1e-9)
    np.testing.assert_allclose(found.correction.rotation, np.eye(3), atol=1e-9)
    assert found.rms_mm < 1e-9


@pytest.mark.parametrize(
    ("position", "shift"),
    [
        ("HFS", (5.0, 0.0, 0.0)),
        ("HFP", (-5.0, 0.0, 0.0)),
        ("FFS", (-5.0, 0.0, 0.0)),
        ("FFP", (5.0, 0.0, 0.0)),
    ],
)
def test_a_patient_5_mm_too_far_right_is_moved_to_his_left(
    position: str, shift: tuple[float, float, float]
) -> None:
    # +lateral is to the right of somebody who faces the gantry: the left of a patient HFS (reference 1.4).
    present = moved(planned_in_room(position), [-value for value in shift])
    np.testing.assert_allclose(set_up(present, position).correction.shift_mm, shift, atol=1e-9)


def test_a_mark_50_mm_left_of_the_isocentre_lets_the_couch_go_50_mm_to_his_left() -> None:
    # Head first supine, the mark in the lasers: the isocentre is at -X and has to come to 0.
    mark = SkinMark("laser", ISOCENTRE_MM + [50.0, 20.0, 30.0])
    (shift,) = mark_shifts((mark,), ISOCENTRE_MM, "HFS")
    assert (shift.name, shift.lateral_mm, shift.longitudinal_mm, shift.vertical_mm) == (
        "laser",
        50.0,
        30.0,
        -20.0,
    )


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
def test_the_shift_of_a_mark_brings_the_isocentre_to_where_the_mark_was(position: str) -> None:
    for shift in mark_shifts(MARKS, ISOCENTRE_MM, position):
        # With the mark in the lasers, the isocentre lies where the planned mark, seen from it, is not.
        isocentre_in_room = -planned_in_room(position)[shift.name]
        couch = [shift.lateral_mm, shift.longitudinal_mm, shift.vertical_mm]
        np.testing.assert_allclose(isocentre_in_room + couch, 0.0, atol=1e-9)


def test_the_couch_goes_where_the_reference_says() -> None:
    # Reference example C: wrong by Rz(1.5) Rx(-1) Ry(2) about the isocentre, then +(4, -6, 3).
    turn = Rotation.from_euler("ZXY", [1.5, -1.0, 2.0], degrees=True)
    found = set_up(moved(planned_in_room("HFS"), [4.0, -6.0, 3.0], turn))
    np.testing.assert_allclose(found.correction.shift_mm, [-4.0, 6.0, -3.0], atol=1e-9)
    angles = (found.correction.yaw_deg, found.correction.pitch_deg, found.correction.roll_deg)
    np.testing.assert_allclose(angles, [-1.4644, 1.0514, -1.9735], atol=5e-5)
    np.testing.assert_allclose(found.pose.position_mm, [21.259, 908.643, -135.708], atol=5e-4)


def horn(present: Array, wanted: Array) -> tuple[Array, Array]:
    """B. K. P. Horn, J. Opt. Soc. Am. A 4:629 (1987): the same motion from a quaternion, without an SVD."""
    m = (present - present.mean(axis=0)).T @ (wanted - wanted.mean(axis=0))
    delta = np.array([m[1, 2] - m[2, 1], m[2, 0] - m[0, 2], m[0, 1] - m[1, 0]])
    matrix = np.empty((4, 4))
    matrix[0, 0] = np.trace(m)
    matrix[0, 1:] = matrix[1:, 0] = delta
    matrix[1:, 1:] = m + m.T - np.trace(m) * np.eye(3)
    w, x, y, z = np.linalg.eigh(matrix)[1][:, -1]
    rotation = Rotation.from_quat([x, y, z, w]).as_matrix()
    return rotation, wanted.mean(axis=0) - rotation @ present.mean(axis=0)


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
def test_marks_that_moved_on_the_skin_give_the_motion_of_horn(position: str) -> None:
    rng = np.random.default_rng(5)
    turn = Rotation.from_euler("zxy", [2.0, -1.5, 1.0], degrees=True)
    present = moved(planned_in_room(position), [15.0, -40.0, 20.0], turn)
    present = {name: place + rng.normal(0.0, 1.2, 3) for name, place in present.items()}
    found = set_up(present, position)
    here, there = (np.stack(list(d.values())) for d in (present, planned_in_room(position)))
    rotation, translation = horn(here, there)
    np.testing.assert_allclose(found.needed.fixed_from_fixed.rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(found.needed.fixed_from_fixed.translation_mm, translation, atol=1e-8)
    left = np.linalg.norm(here @ rotation.T + translation - there, axis=1)
    np.testing.assert_allclose([found.misfit_mm[mark.name] for mark in MARKS], left, atol=1e-9)
    np.testing.assert_allclose(found.rms_mm, np.sqrt((left**2).mean()), atol=1e-9)


@pytest.fixture(scope="session")
def kinematics() -> ModuleType:
    """The independent model of the room that the geometry is tested with."""
    path = Path(__file__).resolve().parents[1] / "geometry" / "forward_kinematics.py"
    spec = importlib.util.spec_from_file_location("forward_kinematics", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


angles = st.floats(-2.5, 2.5)
shifts = st.floats(-80.0, 80.0)


@given(
    position=st.sampled_from(PATIENT_POSITIONS),
    turn_deg=st.tuples(angles, angles, angles),
    shift_mm=st.tuples(shifts, shifts, shifts),
)
def test_a_couch_that_goes_to_the_pose_brings_every_patient_to_the_plan(
    kinematics: ModuleType, position: str, turn_deg: tuple[float, ...], shift_mm: tuple[float, ...]
) -> None:
    axes = kinematics.patient_axes_in_room(position)[None]
    points = np.stack([mark.position_mm for mark in MARKS])[None]
    planned = kinematics.lay_down(points, ISOCENTRE_MM[None], axes)
    turn = Rotation.from_euler("ZXY", [turn_deg], degrees=True)
    present = kinematics.misplace(planned, turn, np.array([shift_mm]))
    measured = {mark.name: place for mark, place in zip(MARKS, present[0], strict=True)}
    wide = MarkLimits(couch=CouchLimits(pitch_deg=(-9.0, 9.0), roll_deg=(-9.0, 9.0)))
    found = set_up(measured, position, limits=wide)
    on_table = kinematics.step_off(present, _as_arrays(COUCH))
    np.testing.assert_allclose(kinematics.ride(on_table, _as_arrays(found.pose)), planned, atol=1e-7)


def _as_arrays(pose: TableTopPose) -> dict[str, Array]:
    return {
        name.rsplit("_", 1)[0].replace("eccentric_distance", "distance"): np.array([getattr(pose, name)])
        for name in pose.__slots__
    }


@pytest.mark.parametrize("freedom", [3, 4])
def test_a_couch_that_cannot_pitch_brings_the_isocentre_to_its_place_and_says_what_remains(
    freedom: int,
) -> None:
    turn = Rotation.from_euler("ZXY", [1.2, 2.0, 0.0], degrees=True)
    present = moved(planned_in_room("HFS"), [4.0, -6.0, 3.0], turn)
    limits = MarkLimits(couch=CouchLimits(degrees_of_freedom=freedom))
    found = set_up(present, limits=limits)
    # The isocentre tissue lies where the misplacement took the origin of the room.
    now = found.correction.fixed_from_fixed.apply(np.array([[4.0, -6.0, 3.0]]))
    np.testing.assert_allclose(now, 0.0, atol=1e-9)
    assert (found.correction.pitch_deg, found.correction.roll_deg) == (0.0, 0.0)
    assert (abs(found.correction.yaw_deg) > 1.0) == (freedom == 4)
    assert found.needed.pitch_deg == pytest.approx(-2.0, abs=0.1)
    # 2° over 134 mm from the isocentre to the chest mark.
    assert found.residual_mm["chest"] > 4.0
    assert max(found.misfit_mm.values()) < 1e-9


def test_two_marks_are_too_few() -> None:
    two = MARKS[:2]
    with pytest.raises(MissingEvidenceError, match=r"the plan has 2 skin marks .*3 are needed"):
        set_up(planned_in_room("HFS", two), marks=two)
    with pytest.raises(MissingEvidenceError, match=r"0 skin marks \(none\)"):
        set_up({}, marks=())


def test_a_mark_that_was_not_measured_is_named() -> None:
    present = planned_in_room("HFS")
    del present["left"]
    with pytest.raises(MissingEvidenceError, match="the mark 'left' was not measured"):
        set_up(present)


def test_a_mark_that_the_plan_does_not_know_is_named() -> None:
    present = planned_in_room("HFS") | {"Left": np.zeros(3)}
    with pytest.raises(MismatchError, match="the plan has no mark called 'Left'"):
        set_up(present)


def test_two_marks_of_one_name_are_refused() -> None:
    doubled = (*MARKS, MARKS[0])
    with pytest.raises(MismatchError, match="several marks called 'anterior'"):
        set_up(planned_in_room("HFS"), marks=doubled)


@pytest.mark.parametrize("bad", [[np.nan, 0.0, 0.0], [np.inf, 0.0, 0.0], [1.0, 2.0]])
def test_a_measurement_that_is_no_position_is_refused(bad: list[float]) -> None:
    with pytest.raises(GeometryError, match="the measured mark 'left'"):
        set_up(planned_in_room("HFS") | {"left": np.array(bad)})


def test_marks_on_a_line_are_refused_with_how_far_they_are_from_it() -> None:
    # 10 mm off the line of the two others: 10/3, 10/3 and 20/3 to the best line, 4.7 mm root mean square.
    line = tuple(
        SkinMark(name, ISOCENTRE_MM + np.array(place))
        for name, place in (("a", (-150.0, 0.0, 0.0)), ("b", (150.0, 0.0, 0.0)), ("c", (0.0, 0.0, 10.0)))
    )
    with pytest.raises(GeometryError, match=r"the marks of the plan lie on a line but for 4\.7 mm"):
        set_up(planned_in_room("HFS", line), marks=line)


def test_measured_marks_on_a_line_are_refused() -> None:
    present = {name: np.array([n * 100.0, 0.0, 0.0]) for n, name in enumerate(planned_in_room("HFS"))}
    with pytest.raises(GeometryError, match=r"the measured marks lie on a line but for 0\.0 mm"):
        set_up(present)


@pytest.mark.parametrize("marks", [MARKS, MARKS[:3]])
@pytest.mark.parametrize("position", ["HFS", "FFP"])
def test_two_marks_under_each_others_names_are_recognised_and_named(
    position: str, marks: tuple[SkinMark, ...]
) -> None:
    present = moved(planned_in_room(position, marks), [10.0, -20.0, 5.0])
    present["left"], present["right"] = present["right"], present["left"]
    with pytest.raises(MismatchError, match="'left' and 'right' are exchanged"):
        set_up(present, position, marks=marks)


@pytest.mark.parametrize(("axis", "name"), [(0, "lateral"), (1, "longitudinal"), (2, "vertical")])
def test_an_axis_that_was_reversed_is_recognised_and_named(axis: int, name: str) -> None:
    present = moved(planned_in_room("HFS"), [10.0, -20.0, 5.0])
    for place in present.values():
        place[axis] *= -1.0
    with pytest.raises(MismatchError, match=f"the {name} axis is reversed"):
        set_up(present)


def test_a_mark_that_was_drawn_anew_elsewhere_is_recognised_among_four() -> None:
    present = moved(planned_in_room("HFS"), [10.0, -20.0, 5.0])
    present["left"] += [0.0, 14.0, 9.0]
    # sqrt(14² + 9²) = 16.6 mm.
    with pytest.raises(MismatchError, match=r"the mark 'left' is 16\.6 mm from where the others place it"):
        set_up(present)


def test_marks_that_could_each_be_the_wrong_one_are_all_named() -> None:
    # Both lie on the midline: a longer distance between them tells that one moved, not which.
    present = planned_in_room("HFS")
    present["anterior"] += [0.0, 9.0, 0.0]
    with pytest.raises(MismatchError, match=r"the mark 'anterior' is 9\.0 mm or 'chest' is \d+\.\d mm from"):
        set_up(present)


def test_of_three_marks_that_disagree_none_is_accused() -> None:
    present = moved(planned_in_room("HFS", MARKS[:3]), [10.0, -20.0, 5.0])
    present["left"] += [-40.0, 0.0, 0.0]
    with pytest.raises(MismatchError, match=r"do not lie to each other as planned: .* off by up to"):
        set_up(present, marks=MARKS[:3])


def test_values_in_cm_are_refused() -> None:
    present = {name: place / 10.0 for name, place in planned_in_room("HFS").items()}
    with pytest.raises(IsoguideError, match=re.escape("in mm")):
        set_up(present, limits=MarkLimits(least_spread_mm=1.0))


def test_skin_that_moved_a_little_is_accepted_and_shown() -> None:
    present = planned_in_room("HFS")
    present["left"] += [2.0, 2.0, 0.0]
    found = set_up(present)
    assert 0.5 < max(found.misfit_mm.values()) < 2.0
    assert found.rms_mm == pytest.approx(
        np.sqrt(np.mean([found.residual_mm[mark.name] ** 2 for mark in MARKS])), rel=1e-12
    )


@pytest.mark.parametrize(
    ("shift_mm", "yaw_deg", "words"),
    [([0.0, 400.0, 0.0], 0.0, r"a move of 400 mm"), ([0.0, 0.0, 0.0], 90.0, r"a turn of 90\.0°")],
)
def test_a_move_that_no_set_up_needs_is_refused(shift_mm: list[float], yaw_deg: float, words: str) -> None:
    turn = Rotation.from_euler("z", yaw_deg, degrees=True)
    with pytest.raises(GeometryError, match=words):
        set_up(moved(planned_in_room("HFS"), shift_mm, turn))


def test_a_rotation_beyond_the_couch_calls_for_a_new_set_up() -> None:
    turn = Rotation.from_euler("x", 5.0, degrees=True)
    with pytest.raises(
        GeometryError, match=r"pitch would have to be -5\.0°, beyond -3 to 3°: set the patient"
    ):
        set_up(moved(planned_in_room("HFS"), [0.0, 0.0, 0.0], turn))


@pytest.mark.parametrize("name", ["residual_mm", "least_spread_mm", "largest_shift_mm", "largest_angle_deg"])
@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_an_impossible_limit_of_the_marks_is_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} of the marks must be a positive number"):
        MarkLimits(**{name: value})


def test_an_unknown_patient_position_is_refused() -> None:
    with pytest.raises(GeometryError, match="SITTING"):
        mark_shifts(MARKS, ISOCENTRE_MM, "SITTING")
