"""The dose of a day: where the patient lay decides it, and it is no better than what it rests on."""

import re
from collections.abc import Callable
from dataclasses import replace

import dosed_phantom as phantom
import numpy as np
import pytest

from isoguide.dose.goal_text import parse_goal
from isoguide.errors import AmbiguityError, GeometryError, InputError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.assess.anatomy import AnatomyOfDay
from isoguide.workflow.dose.day import (
    DayDose,
    DayPlacement,
    DosePrescription,
    PlannedDose,
    dose_of_day,
    planned_dose,
)
from isoguide.workflow.treatment_setup import TreatmentSetup

SHIFT_MM = np.array([15.0, 0.0, 5.0])
"""So far left and towards the head the patient lies today."""
SETUP = TreatmentSetup(phantom.ISOCENTRE_MM, phantom.MACHINE_ISOCENTRE_MM, PatientPosition.HFS)
PLANNING_FROM_DAILY = RigidTransform.translation(
    PLANNING, DAILY, phantom.ISOCENTRE_MM - phantom.MACHINE_ISOCENTRE_MM - SHIFT_MM
)


@pytest.fixture(scope="module")
def planned() -> PlannedDose:
    return planned_dose(phantom.order())


@pytest.fixture(scope="module")
def placement() -> DayPlacement:
    return DayPlacement.of(SETUP, SETUP.correction(PLANNING_FROM_DAILY), with_as_found=True)


def day_of(planned: PlannedDose, placement: DayPlacement, **changes: object) -> DayDose:
    image = phantom.daily_block(PLANNING_FROM_DAILY)
    found = phantom.still_field(PLANNING_FROM_DAILY, changes.pop("verdict", FieldVerdict.FOR_DECISION))
    anatomy = phantom.anatomy(found, image, lost=changes.pop("lost", ()), cut=changes.pop("cut", ()))
    anatomy = replace(anatomy, **changes)
    return dose_of_day(planned, anatomy, placement, image=image)


@pytest.fixture(scope="module")
def day(planned: PlannedDose, placement: DayPlacement) -> DayDose:
    return day_of(planned, placement, cut=("Right",))


def test_the_plan_gives_its_target_a_uniform_dose(planned: PlannedDose) -> None:
    target = planned.placed.histograms["PTV"]
    assert target.dose_at_volume_gy(98.0) > 0.9 * target.mean_gy
    assert target.is_covered
    assert planned.placed.histograms["Left"].mean_gy == pytest.approx(
        planned.placed.histograms["Right"].mean_gy, rel=0.01
    )


def test_what_is_assumed_is_told_with_the_weakness_of_the_algorithm(planned: PlannedDose) -> None:
    assert planned.approximations[0] == "the block is water"
    assert any(one.startswith("the pencil beam takes every ray") for one in planned.approximations)
    assert len(set(planned.approximations)) == len(planned.approximations)


def test_a_patient_put_right_gets_the_planned_dose(planned: PlannedDose, day: DayDose) -> None:
    assert day.verdict is FieldVerdict.FOR_DECISION
    for name, histogram in planned.placed.histograms.items():
        assert day.histograms[name].mean_gy == pytest.approx(histogram.mean_gy, rel=0.02, abs=0.02)
    target, today = planned.placed.histograms["PTV"], day.histograms["PTV"]
    assert today.dose_at_volume_gy(95.0) == pytest.approx(target.dose_at_volume_gy(95.0), rel=0.02)


def test_a_patient_who_lies_to_the_left_gets_more_on_his_right(planned: PlannedDose, day: DayDose) -> None:
    assert day.as_found is not None
    found, plan = day.as_found.histograms, planned.placed.histograms
    assert found["Right"].mean_gy > 2.0 * plan["Right"].mean_gy
    assert found["Left"].mean_gy < 0.7 * plan["Left"].mean_gy
    assert found["PTV"].dose_at_volume_gy(95.0) < 0.5 * plan["PTV"].dose_at_volume_gy(95.0)


def test_goals_are_those_of_the_course_if_every_fraction_were_like_this(day: DayDose) -> None:
    target, organ = day.goals
    assert target.value == pytest.approx(100.0 * day.histograms["PTV"].dose_at_volume_gy(95.0) * 20 / 60.0)
    assert organ.value == pytest.approx(day.histograms["Left"].mean_gy * 20)


def test_couch_and_cushions_do_not_count(planned: PlannedDose, day: DayDose) -> None:
    """The plate below the block takes nothing from the beam that comes from below."""
    without = planned_dose(replace(planned.order, body=None))
    assert without.placed.histograms["PTV"].mean_gy < 0.97 * planned.placed.histograms["PTV"].mean_gy
    assert any("couch and cushions are left out" in one for one in day.approximations)


def test_the_density_holds_the_whole_patient_and_not_only_what_the_image_shows(day: DayDose) -> None:
    assert day.density is not None
    assert day.density.body.sum() * 0.125 == pytest.approx(160.0 * 120.0 * 100.0 / 1000.0, rel=0.08)


def test_a_structure_that_leaves_the_image_is_followed_and_named(day: DayDose) -> None:
    words = "'Right' reaches beyond the day's image: there it follows the deformation, unseen"
    assert words in day.approximations
    assert day.histograms["Right"].volume_ml == pytest.approx(18.0, rel=0.15)


def test_doubts_about_match_field_and_plan_make_the_dose_doubtful(
    planned: PlannedDose, placement: DayPlacement
) -> None:
    half_gy = planned.placed.histograms["PTV"].dose_at_volume_gy(50.0)
    much = replace(planned.order, prescription=DosePrescription(20.0 * half_gy / 1.6, 20))
    doubted = day_of(
        replace(planned, order=much), replace(placement, as_found=None, doubts=("two vertebrae fit",)),
        verdict=FieldVerdict.NOT_FOR_DECISION,
    )  # fmt: skip
    assert doubted.verdict is FieldVerdict.NOT_FOR_DECISION
    *known, prescribed = doubted.reasons
    assert known == [
        "the rigid match needs a look first: two vertebrae fit",
        "the anatomy of the day is not for decision: the test says so",
    ]
    assert prescribed.startswith("the plan gives half of 'PTV' at least 160 % of the prescription")
    assert doubted.as_found is None
    assert doubted.dose is not None


def test_a_target_that_the_image_hardly_shows_is_no_ground_for_a_decision(
    planned: PlannedDose, placement: DayPlacement
) -> None:
    image = phantom.daily_block(PLANNING_FROM_DAILY)
    full = phantom.anatomy(phantom.still_field(PLANNING_FROM_DAILY), image)
    half = tuple(replace(one, seen_fraction=0.6) for one in full.structures)
    doubted = dose_of_day(planned, replace(full, structures=half), placement, image=image)
    assert doubted.reasons == ("the day's image shows only 60 % of 'PTV'",)


def test_without_a_field_or_a_target_there_is_no_dose(planned: PlannedDose, placement: DayPlacement) -> None:
    none = day_of(planned, placement, verdict=FieldVerdict.NOT_AVAILABLE)
    assert (none.verdict, none.reasons) == (FieldVerdict.NOT_AVAILABLE, ("the test says so",))
    assert (none.dose, dict(none.histograms), none.goals) == (None, {}, ())
    lost = day_of(planned, placement, lost=("PTV",))
    assert lost.verdict is FieldVerdict.NOT_AVAILABLE
    assert lost.reasons[0] == "the target 'PTV' could not be carried to the day"


@pytest.fixture(scope="module")
def seen() -> tuple[Volume, AnatomyOfDay]:
    image = phantom.daily_block(PLANNING_FROM_DAILY)
    return image, phantom.anatomy(phantom.still_field(PLANNING_FROM_DAILY), image)


@pytest.fixture
def again(
    planned: PlannedDose, placement: DayPlacement, day: DayDose, seen: tuple[Volume, AnatomyOfDay]
) -> Callable[..., DayDose]:
    """The day again, with another target of the day or another place before the couch moved."""

    def with_changes(target: Structure | None = None, as_found: RigidTransform | None = None) -> DayDose:
        image, whole = seen
        others = tuple(one for one in whole.carried if target is None or one.name != target.name)
        found = replace(whole, carried=others if target is None else (*others, target))
        placed = replace(placement, as_found=as_found)
        return dose_of_day(planned, found, placed, image=image, density=day.density)

    return with_changes


def ptv_of(day: DayDose) -> Structure:
    return next(one for one in day.structures if one.name == "PTV")


def displaced(structure: Structure, by_mm: float) -> Structure:
    contours = tuple(
        replace(one, xyz_mm=one.xyz_mm + np.array([0.0, 0.0, by_mm])) for one in structure.contours
    )
    return replace(structure, contours=contours)


@pytest.mark.parametrize(("by_mm", "missed"), [(300.0, "100 %"), (55.0, r"\d+ %")])
def test_a_target_of_the_day_beside_the_dose_grid_has_no_dose(
    again: Callable[..., DayDose], day: DayDose, by_mm: float, missed: str
) -> None:
    """Beams of that day do not reach it, or not all of it: what lies outside would count with 0 Gy."""
    none = again(displaced(ptv_of(day), by_mm))
    assert none.verdict is FieldVerdict.NOT_AVAILABLE
    assert re.match(f"the dose of the day misses {missed} of 'PTV'", none.reasons[0])
    assert (none.dose, dict(none.histograms), none.goals) == (None, {}, ())


def test_a_target_of_the_day_without_volume_has_no_dose(again: Callable[..., DayDose], day: DayDose) -> None:
    flat = replace(ptv_of(day), contours=ptv_of(day).contours[:1])
    none = again(flat)
    assert none.verdict is FieldVerdict.NOT_AVAILABLE
    assert none.reasons[0].startswith(
        "the dose of the day says nothing of the target 'PTV' (no dose is given"
    )


@pytest.mark.parametrize(
    ("aside_mm", "why"),
    [
        ((0.0, 170.0, 0.0), r"the dose if the couch had not moved misses \d+ % of 'PTV', so it is not given"),
        ((0.0, 700.0, 0.0), "the dose if the couch had not moved is not given: no beam"),
    ],
)
def test_a_patient_who_lay_beside_the_beams_has_a_dose_only_where_the_couch_brought_him(
    again: Callable[..., DayDose],
    placement: DayPlacement,
    day: DayDose,
    aside_mm: tuple[float, ...],
    why: str,
) -> None:
    aside = RigidTransform.translation(FIXED, FIXED, np.array(aside_mm)) @ placement.treated
    told = again(as_found=aside)
    assert told.as_found is None
    assert any(re.match(why, one) for one in told.approximations)
    assert told.verdict is FieldVerdict.FOR_DECISION
    assert told.histograms["PTV"].mean_gy == pytest.approx(day.histograms["PTV"].mean_gy, rel=1e-6)


def test_a_planned_target_without_volume_is_refused(planned: PlannedDose) -> None:
    flat = replace(phantom.structures()[1], contours=phantom.structures()[1].contours[:1])
    with pytest.raises(GeometryError, match="says nothing of the target 'PTV'"):
        planned_dose(replace(planned.order, structures=(flat,)))


def test_an_organ_that_is_lost_is_named(planned: PlannedDose, placement: DayPlacement) -> None:
    lost = day_of(planned, replace(placement, as_found=None), lost=("Left",))
    assert "no dose of the day is given for 'Left': it is not there" in lost.approximations
    assert lost.goals[1].value is None


def test_a_plan_with_several_isocentres_has_no_dose_of_the_day(
    planned: PlannedDose, placement: DayPlacement
) -> None:
    first, second = phantom.plan().beams
    elsewhere = tuple(replace(one, isocentre_mm=phantom.ISOCENTRE_MM + 30.0) for one in second.control_points)
    several = phantom.plan(first, replace(second, control_points=elsewhere))
    with pytest.raises(AmbiguityError, match="2 isocentres"):
        day_of(replace(planned, order=replace(planned.order, plan=several)), placement)


def test_beams_that_miss_the_target_are_refused() -> None:
    aside = phantom.ISOCENTRE_MM + np.array([0.0, 0.0, 400.0])
    beams = tuple(
        replace(one, control_points=tuple(replace(p, isocentre_mm=aside) for p in one.control_points))
        for one in phantom.plan().beams
    )
    with pytest.raises(InputError, match=r"meets the patient|misses"):
        planned_dose(phantom.order(plan=phantom.plan(*beams)))


def test_a_target_that_the_dose_does_not_hold_is_refused(planned: PlannedDose) -> None:
    far = phantom.box("PTV", 2, "PTV", phantom.ISOCENTRE_MM + np.array([0.0, 0.0, 300.0]), np.full(3, 10.0))
    with pytest.raises(GeometryError, match=r"misses 100 % of 'PTV'"):
        planned_dose(replace(planned.order, structures=(far,)))


def test_a_structure_on_a_single_slice_is_left_out_and_named(planned: PlannedDose) -> None:
    flat = replace(phantom.structures()[2], name="Flat", contours=phantom.structures()[2].contours[:1])
    goals = (parse_goal("Flat mean <= 1 Gy"),)
    found = planned_dose(replace(planned.order, structures=(phantom.structures()[1], flat), goals=goals))
    assert found.left_out[0].startswith("no dose is given for 'Flat'")
    assert found.placed.goals[0].value is None
    assert set(found.placed.histograms) == {"PTV"}


def test_a_patient_is_placed_in_the_room() -> None:
    with pytest.raises(GeometryError, match=f"placed by '{FIXED} from {DAILY}'"):
        DayPlacement(PLANNING_FROM_DAILY)
