"""The true dose of a virtual course: as treated, without image guidance, in its report and document."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace

import jsonschema
import numpy as np
import pytest
from ball_of_dose import ball_of_dose
from small_course import coarse_room, scenario, small_patient

from isoguide.dose.density_curve import GENERIC_CURVE
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.plan import Plan
from isoguide.virtual.prescribed_dose import with_prescribed_dose
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.treatment_plan import treatment_plan
from isoguide.workflow import course_dosimetry, simulate
from isoguide.workflow.course import Course
from isoguide.workflow.course_dose import CourseDose, DeliveredDay, DoseFigures, named
from isoguide.workflow.course_dosimetry import CourseDosimetry, coarse_anatomy
from isoguide.workflow.course_json import course_record, course_schema, course_text
from isoguide.workflow.course_report import course_html
from isoguide.workflow.dose_section import dose_section
from isoguide.workflow.scenario_dose import CourseDoseSection
from isoguide.workflow.scenario_settings import room_settings
from isoguide.workflow.simulate import drawn_days, treatment_day
from isoguide.workflow.virtual_patient import VirtualPatient

DOSE = (
    "[dose]\ngoals = ['Prostate D95% >= 57 Gy', 'Rectum V30Gy <= 50 %']\nwithin_percent = 2.0\n"
    "structures = ['Rectum', 'Femur_Head_L', 'Femur_Head_R']\n"
)
OFF = "[set_up]\nfixed_mm = [20.0, 0.0, 0.0]\nfixed_deg = [0.0, 0.0, 0.0]\n"


@pytest.fixture(scope="module")
def patient() -> VirtualPatient:
    return small_patient()


def day_room(patient: VirtualPatient, text: str = OFF) -> VirtualRoom:
    """Return the room of the first day, with radiation from 100 s to 200 s and no couch movement."""
    wanted = scenario(text)
    day = drawn_days(wanted, patient)[0]
    room = VirtualRoom(
        patient.phantom, day, settings=room_settings(wanted, 1), started_at=treatment_day(1), seed=1
    )
    room.beam._intervals = [(100.0, 200.0)]
    return room


def a_plan_of_200_mu(patient: VirtualPatient) -> Plan:
    plan = treatment_plan(patient.phantom)
    arc = replace(plan.beams[0], meterset_mu=200.0)
    return replace(plan, beams=(arc, *plan.beams[1:]))


@pytest.fixture(scope="module")
def planned(patient: VirtualPatient) -> Iterator[CourseDosimetry]:
    """The planning side of a course, with the ball of dose for all that is computed."""
    section = scenario(DOSE).dose
    assert section is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course_dosimetry, "compute_dose", ball_of_dose)
        yield CourseDosimetry(patient.phantom, a_plan_of_200_mu(patient), section)


def course_of(planned: CourseDosimetry, *days: tuple[float, VirtualRoom]) -> CourseDose:
    """Return the course of these days: meterset and room of each."""
    computed = copy.copy(planned)
    computed._days, computed._approximations = [], dict(planned._approximations)
    for number, (delivered_mu, room) in enumerate(days, start=1):
        computed.add(number, delivered_mu, room)
    return computed.course()


@pytest.fixture(scope="module")
def aside(planned: CourseDosimetry, patient: VirtualPatient) -> CourseDose:
    """He lies 20 mm to his left of where he should."""
    return course_of(planned, (200.0, day_room(patient)))


@pytest.fixture(scope="module")
def half(planned: CourseDosimetry, patient: VirtualPatient) -> CourseDose:
    """He lies where he should, and half of the meterset is given; on the next day nothing is."""
    centred = day_room(patient, OFF.replace("20.0", "0.0"))
    return course_of(planned, (100.0, centred), (0.0, centred))


class TestDosimetry:
    def test_the_dose_is_that_of_the_plan_as_it_is(self, aside: CourseDose) -> None:
        """The ball of dose gives 3 Gy in its middle, and nothing is made of it."""
        assert aside.prescribed_gy == pytest.approx(3.0)
        assert named(aside.planned, "PTV").dose_at_volume_gy(2.0) == pytest.approx(3.0, rel=1e-3)
        assert not any("multiplied" in one for one in aside.approximations)
        assert aside.target_name == "Prostate"
        assert [one.name for one in aside.planned[:2]] == ["PTV", "Prostate"]

    def test_organs_that_are_not_asked_for_are_left_out(self, aside: CourseDose) -> None:
        organs = {one.name for one in aside.planned if not one.is_target}
        assert organs == {"Rectum", "Femur_Head_L", "Femur_Head_R"}

    def test_without_a_correction_both_ways_are_the_same(self, aside: CourseDose) -> None:
        """The couch stays where it was at set-up, so guidance changed nothing."""
        for guided, unguided in zip(aside.guided, aside.unguided, strict=True):
            np.testing.assert_allclose(guided.dose_gy, unguided.dose_gy, rtol=1e-6)

    def test_a_patient_who_lies_aside_gets_the_dose_there(self, aside: CourseDose, half: CourseDose) -> None:
        """20 mm to his left of where he should: what lies at his right of the target is in the beam."""
        for name, share in (("Femur_Head_R", 1.0), ("Femur_Head_L", -1.0)):
            change = named(aside.unguided, name).mean_gy - 2.0 * named(half.unguided, name).mean_gy
            assert share * change > 0.0, name
        assert aside.change_percent("unguided", "PTV") < -5.0
        assert half.change_percent("unguided", "PTV") == pytest.approx(0.0, abs=0.3)

    def test_an_interrupted_fraction_counts_by_its_share_and_one_without_beam_not_at_all(
        self, half: CourseDose
    ) -> None:
        assert (half.fractions, [day.number for day in half.days]) == (0.5, [1])
        assert named(half.guided, "PTV").dose_at_volume_gy(50.0) == pytest.approx(1.5, rel=0.02)
        assert half.change_percent("guided", "Prostate") == pytest.approx(0.0, abs=0.5)

    def test_goals_are_judged_for_the_whole_course(self, aside: CourseDose, half: CourseDose) -> None:
        first, _ = aside.goals
        assert first.goal == "Prostate D95% >= 57 Gy"
        assert first.planned.is_met
        assert first.planned.value == pytest.approx(60.0, abs=2.0)
        assert first.unguided.value is not None
        assert first.unguided.value < 59.0
        assert half.goals[0].guided.value == pytest.approx(60.0, abs=2.0)

    def test_tissue_outside_the_target_is_told_where_a_body_is_drawn(self, aside: CourseDose) -> None:
        assert aside.outside_target_ml is not None
        before, guided, unguided = aside.outside_target_ml
        assert guided == pytest.approx(unguided)
        assert 0.0 < before < guided

    def test_a_patient_without_a_target_or_a_prescription_is_refused(self, patient: VirtualPatient) -> None:
        organs = tuple(one for one in patient.phantom.structures if one.interpreted_type == "ORGAN")
        plan = treatment_plan(patient.phantom)
        with pytest.raises(MissingEvidenceError, match="target"):
            CourseDosimetry(replace(patient.phantom, structures=organs), plan, CourseDoseSection())
        with pytest.raises(MissingEvidenceError, match="does not say what its target shall get"):
            CourseDosimetry(patient.phantom, replace(plan, prescriptions=()), CourseDoseSection())


def test_with_a_dose_the_room_delivers_the_plan_that_the_dose_is_of(patient: VirtualPatient) -> None:
    wanted, planned = simulate._with_plan(scenario(DOSE), patient)
    assert planned.plan is not None
    total_mu = planned.plan.treatment_mu
    assert (wanted.plan.meterset_mu, wanted.plan.dose_gy) == (total_mu, 3.0)
    room = VirtualRoom(
        patient.phantom,
        drawn_days(wanted, patient)[0],
        settings=room_settings(wanted, 1),
        started_at=treatment_day(1),
        seed=1,
        plan=planned.plan,
    )
    assert room.beam.status().planned_mu == pytest.approx(total_mu, abs=1e-6)
    with pytest.raises(InputError, match="leave out the section plan"):
        simulate._with_plan(scenario("[plan]\nmeterset_mu = 300.0\n" + DOSE), patient)


def test_moments_are_spread_over_the_time_with_radiation() -> None:
    held = course_dosimetry._evenly(np.array([0.0, 50.0]), np.array([10.0, 60.0]), 4)
    assert held == pytest.approx([2.5, 7.5, 52.5, 57.5])


def test_the_anatomy_of_a_day_is_the_planned_one_where_nothing_moved(patient: VirtualPatient) -> None:
    coarse = coarse_anatomy(patient.phantom.anatomy, None, DAILY)
    assert coarse.grid.frame == DAILY
    at_mm = patient.phantom.isocentre_mm[None]
    fine, there = patient.phantom.anatomy, coarse.grid.index(at_mm)[0]
    i, j, k = np.rint(there).astype(int)
    x, y, z = np.rint(fine.grid.index(coarse.grid.xyz(np.array([[i, j, k]], float)))[0]).astype(int)
    assert coarse.values[k, j, i] == pytest.approx(fine.values[z, y, x], abs=60.0)


def test_tissue_weighs_by_the_curve_of_densities() -> None:
    grid = Grid.axial(DAILY, (1, 1, 3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    hu = Volume(grid, np.array([[[-1000.0, 0.0, 900.0]]], np.float32))
    density = GENERIC_CURVE.weighed(hu).values
    assert density[0, 0, 1] == pytest.approx(1.0)
    assert density[0, 0, 0] < 0.01 < 1.3 < density[0, 0, 2]


def flat(name: str, d95_gy: float, *, is_target: bool) -> DoseVolumeHistogram:
    return DoseVolumeHistogram(name, is_target, np.array([d95_gy, d95_gy + 1.0]), np.array([60.0, 40.0]))


def told(guided_gy: float = 14.7, unguided_gy: float = 12.0, **said: object) -> CourseDose:
    """Return five fractions of 3 Gy, planned with 14.8 Gy in a target."""
    section = CourseDoseSection.model_validate({"within_percent": 2.0, "lost_percent": 10.0} | said)
    figures = {"<b>GTV</b>": DoseFigures(3.0, 2.95, 3.1), "Cord": DoseFigures(1.0, 0.5, 1.5)}

    def histograms(d95_gy: float, organ_gy: float) -> tuple[DoseVolumeHistogram, ...]:
        return flat("<b>GTV</b>", d95_gy, is_target=True), flat("Cord", organ_gy, is_target=False)

    return CourseDose(
        section=section,
        target_name="<b>GTV</b>",
        prescribed_gy=3.0,
        fractions_planned=20,
        days=tuple(DeliveredDay(n, 1.0, figures, figures) for n in range(1, 6)),
        one_fraction=figures,
        planned=histograms(14.8, 5.0),
        guided=histograms(guided_gy, 5.1),
        unguided=histograms(unguided_gy, 6.5),
        body=(),
        goals=(),
        approximations=("<i>assumed</i>",),
    )


def test_what_the_scenario_expects_of_the_dose_is_held_against_it() -> None:
    assert list(told().surprises()) == []
    (off,) = told(14.2, 12.0).surprises()
    assert "expected within 2 % of the prescription of the plan, and is -4.0 % off" in off
    (kept,) = told(14.7, 14.0).surprises()
    assert "expected to lose at least 10 % of the prescription more, and loses 4.7 % more" in kept
    nothing = replace(told(), days=())
    assert list(nothing.surprises()) == ["a dose was expected, and there was no radiation in any fraction"]


def course_with(dose: CourseDose | None) -> Course:
    return Course(scenario(DOSE), "somebody", None, (), 1.0, dose)


def test_the_report_tells_planned_with_and_without() -> None:
    html = dose_section(course_with(told()))
    assert "with image guidance and would have got 12.00 Gy without it; planned were 14.80 Gy" in html
    assert "Image guidance spared Cord 1.40 Gy of mean dose." in html
    assert html.count('class="chart dvh"') == 2
    assert "<b>GTV</b>" not in html
    assert "<i>assumed</i>" not in html
    assert dose_section(course_with(None)) == ""
    assert "There was no radiation" in dose_section(course_with(replace(told(), days=())))


def test_the_document_holds_it_and_keeps_its_schema() -> None:
    course = course_with(told())
    document = json.loads(course_text(course))
    jsonschema.validate(document, course_schema())
    assert document["dose"]["guided_change_percent"] == pytest.approx(-0.6667, abs=1e-3)
    assert document["dose"]["structures"][0]["unguided"]["d95_gy"] == pytest.approx(12.0)
    assert course_record(course_with(None)).dose is None


def test_goals_that_cannot_be_read_are_refused_with_the_scenario() -> None:
    with pytest.raises(InputError, match="is not a goal; write it like"):
        scenario("[dose]\ngoals = ['Rectum gets little']\n")


def test_a_treated_course_brings_its_dose_into_report_and_document(
    patient: VirtualPatient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course_dosimetry, "compute_dose", ball_of_dose)
    monkeypatch.setattr(simulate, "room_settings", coarse_room)
    wanted = scenario(OFF.replace("20.0", "18.0") + DOSE + "lost_percent = 3.0\n")
    course = simulate.simulate(wanted, patient=patient, for_report=False)
    assert course.dose is not None
    assert course.surprises == ()
    assert course.dose.spared_percent > 3.0
    assert "What the course delivered" in course_html(course)
    assert json.loads(course_text(course))["dose"]["fractions"] == pytest.approx(1.0)


@pytest.mark.slow
def test_a_target_that_moves_is_followed_at_several_moments_by_the_true_engine(
    patient: VirtualPatient,
) -> None:
    section = CourseDoseSection(structures=("Rectum",), arc_step_deg=30.0)
    plan = with_prescribed_dose(treatment_plan(patient.phantom), patient.phantom)
    computed = CourseDosimetry(patient.phantom, plan, section)
    computed.add(
        1,
        plan.treatment_mu,
        day_room(patient, "[prostate_motion]\n" + OFF.replace("20.0", "0.0")),
    )
    course = computed.course()
    assert any("interplay" in one for one in course.approximations)
    assert course.days[0].guided["Prostate"].mean_gy == pytest.approx(3.0, rel=0.03)
