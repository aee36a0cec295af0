"""The ladder, climbed in a block of tissue with doses that cost nothing: what is tested is who gets what."""

from dataclasses import replace

import numpy as np
import pytest
from beams_to_correct import arc, field_of, plan_of, small_machine

from isoguide.adaptation.ladder import climb, require_one_isocentre
from isoguide.adaptation.problem import AdaptationProblem, Stand
from isoguide.adaptation.result import Rung, RungDose
from isoguide.adaptation.virtual_couch_shift import AS_PLANNED
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.pencil_beam import SegmentDoses, SegmentKey
from isoguide.dose.result import DoseDistribution
from isoguide.errors import GeometryError, InputError, MissingEvidenceError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import DAILY, FIXED, PLANNING, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning, rotation_iec
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.plan import Plan

ISOCENTRE_MM = np.array([10.0, -20.0, 30.0])
NOWHERE = np.zeros(3)


def ball(
    frame: Frame, radius_mm: float = 30.0, name: str = "PTV", at_mm: tuple = (0.0, 0.0, 0.0)
) -> Structure:
    angles = np.linspace(0.0, 2.0 * np.pi, 49)[:-1]
    contours = []
    for z in np.arange(-radius_mm + 2.5, radius_mm, 5.0):
        ring = np.sqrt(radius_mm**2 - z**2) * np.column_stack([np.cos(angles), np.sin(angles)])
        points = np.column_stack([ring, np.full(48, z)]) + ISOCENTRE_MM + np.array(at_mm)
        contours.append(Contour("CLOSED_PLANAR", points))
    return Structure(name, 1, frame, tuple(contours), "PTV" if name == "PTV" else "ORGAN")


def some_dose() -> RungDose:
    grid = Grid.axial(DAILY, (2, 2, 2), (5.0, 5.0, 5.0), (0.0, 0.0, 0.0))
    histogram = DoseVolumeHistogram("PTV", is_target=True, dose_gy=np.array([1.9, 2.0]), part_ml=np.ones(2))
    return RungDose(DoseDistribution(grid, np.ones((2, 2, 2), np.float32)), {"PTV": histogram}, ())


class KnownDoses:
    """Notes which plan was computed for which patient; segments give the target too little from the left."""

    def __init__(self) -> None:
        self.asked: list[tuple[Plan, RigidTransform]] = []

    def effect(self, plan, fixed_from_daily, progress) -> RungDose:
        self.asked.append((plan, fixed_from_daily))
        return some_dose()

    def segments(self, plan, fixed_from_daily, points_mm, progress) -> SegmentDoses:
        beam = plan.beams[0]
        keys = tuple(SegmentKey(1, n, n + 1) for n in range(len(beam.control_points) - 1))
        slope = np.linspace(0.5, 1.5, len(keys))[:, None] * (1.0 + 0.01 * points_mm[None, :, 0])
        doses = (slope * 2.0 / (beam.meterset_mu * 1.2)).astype(np.float32)
        return SegmentDoses(keys, np.full(len(keys), beam.meterset_mu / len(keys)), np.maximum(doses, 0.0))


def problem(
    motion: RigidTransform | None = None, *, target_mm: float = 30.0, couch: int | None = None, plan=None
) -> AdaptationProblem:
    """A patient who lies displaced by a motion of the room, on an image with axes like the plan's."""
    plan = plan or plan_of(arc(12))
    fixed = fixed_from_planning("HFS", ISOCENTRE_MM)
    planning_from_daily = RigidTransform.identity(PLANNING, DAILY)
    moved = (motion or RigidTransform.identity(FIXED, FIXED)) @ fixed @ planning_from_daily
    grid = Grid.axial(DAILY, (28, 28, 28), (5.0, 5.0, 5.0), tuple(ISOCENTRE_MM - 67.5))
    return AdaptationProblem(
        plan,
        some_dose(),
        ball(PLANNING),
        Volume(grid, np.zeros(grid.shape, np.int16)),
        (ball(DAILY, target_mm), ball(DAILY, 12.0, "Cord", (50.0, 0.0, 0.0))),
        moved,
        planning_from_daily,
        small_machine(),
        couch,
        fractions=20,
        prescription_gy=40.0,
    )


def shift(*mm: float) -> RigidTransform:
    return RigidTransform.from_parts(FIXED, FIXED, np.eye(3), np.array(mm))


def by_rung(results):
    return {one.rung: one for one in results}


def test_every_rung_answers_from_what_changes_least_to_what_changes_most() -> None:
    doses = KnownDoses()
    results = climb(problem(shift(6.0, -4.0, 5.0), target_mm=26.0), doses=doses)
    assert [one.rung for one in results] == list(Rung)
    found = by_rung(results)
    assert found[Rung.COUCH].reasons == ("the couch was to stay where it is",)
    for rung in (Rung.VIRTUAL_COUCH_SHIFT, Rung.APERTURE_MORPHING, Rung.REWEIGHTING):
        one = found[rung]
        assert one.is_available, one.reasons
        assert one.plan is not None
        assert one.plan.approval_status == "UNAPPROVED"
        assert one.plan.sop_instance_uid.startswith("2.25.")
        assert one.effect is not None
    uids = [one.plan.sop_instance_uid for one in results if one.plan is not None]
    assert len(set(uids)) == 3
    assert found[Rung.REPLAN].is_available
    assert found[Rung.REPLAN].effect is None


def test_the_planned_plan_is_what_the_patient_gets_who_is_not_corrected() -> None:
    doses = KnownDoses()
    asked = problem(shift(6.0, 0.0, 0.0))
    climb(asked, doses=doses, rungs=[Rung.UNCORRECTED])
    assert doses.asked == [(asked.plan, asked.fixed_from_daily)]


def test_a_corrected_plan_lies_about_where_the_isocentre_is_in_the_patient_of_the_day() -> None:
    found = by_rung(climb(problem(shift(6.0, -4.0, 5.0)), doses=KnownDoses()))
    plan = found[Rung.VIRTUAL_COUCH_SHIFT].plan
    # The patient lies 6 mm to his left, 4 to his feet, 5 to the front (HFS): the isocentre lies opposite.
    np.testing.assert_allclose(plan.beams[0].isocentre_mm, ISOCENTRE_MM + np.array([-6.0, 5.0, 4.0]))
    assert found[Rung.VIRTUAL_COUCH_SHIFT].plan_frame == DAILY
    assert found[Rung.VIRTUAL_COUCH_SHIFT].plan.beams[0].control_points[0].table_top_mm is None


@pytest.mark.parametrize("couch", [3, 4, 6])
def test_beams_do_what_the_couch_leaves(couch: int) -> None:
    turn = RigidTransform.from_parts(FIXED, FIXED, rotation_iec(2.0, 1.0, 1.5), np.array([5.0, -3.0, 2.0]))
    doses = KnownDoses()
    found = by_rung(
        climb(problem(turn, couch=couch), doses=doses, rungs=[Rung.COUCH, Rung.VIRTUAL_COUCH_SHIFT])
    )
    correction = found[Rung.COUCH].couch
    left = correction.fixed_from_fixed @ turn
    assert left.angle_deg == pytest.approx({3: turn.angle_deg, 4: 1.8, 6: 0.0}[couch], abs=0.1)
    plan = found[Rung.VIRTUAL_COUCH_SHIFT].plan
    assert plan is not None
    if couch == 6:
        before = problem().plan.beams[0].control_points[3].leaf_positions_mm
        np.testing.assert_allclose(plan.beams[0].control_points[3].leaf_positions_mm, before, atol=0.02)
        assert AS_PLANNED in found[Rung.VIRTUAL_COUCH_SHIFT].changes


def test_a_yaw_of_the_couch_is_the_couch_angle_of_the_corrected_plan() -> None:
    yaw = RigidTransform.from_parts(FIXED, FIXED, rotation_iec(3.0, 0.0, 0.0), NOWHERE)
    asked = problem()
    stand = Stand.after(asked, CouchCorrection.from_transform(yaw))
    assert stand.frame == DAILY
    assert stand.turn_couch_deg == pytest.approx(3.0)
    np.testing.assert_allclose(stand.fixed_from_daily.matrix, asked.fixed_from_daily.matrix, atol=1e-9)


def test_a_patient_who_is_pitched_keeps_the_coordinates_of_the_planning_ct() -> None:
    pitch = RigidTransform.from_parts(FIXED, FIXED, rotation_iec(0.0, 2.0, 0.0), NOWHERE)
    found = by_rung(climb(problem(pitch), doses=KnownDoses(), rungs=[Rung.VIRTUAL_COUCH_SHIFT]))
    one = found[Rung.VIRTUAL_COUCH_SHIFT]
    assert one.plan_frame == PLANNING
    assert "its isocentre is in the coordinates of the planning CT" in one.changes


def test_a_rung_that_is_not_available_leaves_the_next_one_to_the_last_that_is() -> None:
    found = by_rung(climb(problem(shift(5.0, 0.0, 0.0)), doses=KnownDoses()))
    assert "nothing to morph" in found[Rung.APERTURE_MORPHING].reasons[0]
    assert found[Rung.REWEIGHTING].is_available


def test_without_the_virtual_couch_shift_there_is_nothing_to_morph_or_to_weigh() -> None:
    found = by_rung(climb(problem(shift(70.0, 0.0, 0.0)), doses=KnownDoses()))
    assert "set the patient up again" in found[Rung.VIRTUAL_COUCH_SHIFT].reasons[0]
    for rung in (Rung.APERTURE_MORPHING, Rung.REWEIGHTING):
        assert "virtual couch shift, which is not available" in found[rung].reasons[0]
        assert found[rung].plan is None


def test_the_plan_that_is_corrected_is_never_changed() -> None:
    asked = problem(shift(4.0, 3.0, -5.0), target_mm=26.0)
    before = [one.leaf_positions_mm.copy() for one in asked.plan.beams[0].control_points]
    climb(asked, doses=KnownDoses())
    assert asked.plan.approval_status == "APPROVED"
    assert asked.plan.beams[0].meterset_mu == 300.0
    for point, kept in zip(asked.plan.beams[0].control_points, before, strict=True):
        np.testing.assert_array_equal(point.leaf_positions_mm, kept)


def test_a_target_that_is_not_known_today_is_asked_for() -> None:
    with pytest.raises(MissingEvidenceError, match="carry it to the day's image"):
        replace(problem(), structures=(ball(DAILY, 12.0, "Cord"),))


def test_a_patient_in_another_frame_is_refused() -> None:
    with pytest.raises(GeometryError, match="patient of the day"):
        replace(problem(), planned_target=ball(DAILY))


def test_a_plan_with_two_isocentres_is_refused() -> None:
    elsewhere = tuple(
        replace(one, isocentre_mm=np.array([50.0, 0.0, 0.0])) for one in field_of(0.0, 0.0).control_points
    )
    plan = plan_of(field_of(0.0, 0.0), replace(field_of(0.0, 0.0), number=2, control_points=elsewhere))
    with pytest.raises(InputError, match="one isocentre"):
        require_one_isocentre(plan)
