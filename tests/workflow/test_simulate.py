"""Whole fractions on the virtual machine: what the couch does, what is true afterwards, how faults end."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_course import coarse_room, scenario, small_course
from small_patient import SmallPatient

from isoguide.errors import Cancelled, InputError, MissingEvidenceError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.treatment import State
from isoguide.treatment.ports import DayImage
from isoguide.virtual.room import VirtualRoom
from isoguide.workflow import simulate as module
from isoguide.workflow.alignment import CORRECTION_KEYS
from isoguide.workflow.course import Course
from isoguide.workflow.scenario import ExpectSection, Scenario
from isoguide.workflow.scenario_file import load_scenario, parse_scenario, shipped_scenarios
from isoguide.workflow.scenario_settings import scenario_faults
from isoguide.workflow.simulate import VirtualPatient, simulate, treatment_day, virtual_patient

FAULTY = [name for name in shipped_scenarios() if scenario_faults(load_scenario(name))]
LEFT_MM, LEFT_DEG = 0.7, 0.4
"""What 95 % of rigid days have to keep."""


def of_export(folder: Path) -> Scenario:
    return parse_scenario(f'title = "Mine"\n[patient]\nct = "{folder}"\n', "test.toml")


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "room_settings", coarse_room)


def six(correction: CouchCorrection) -> Array:
    return np.array([getattr(correction, key) for key in CORRECTION_KEYS])


def test_a_patient_who_lies_wrong_is_treated_where_the_plan_wants_him(course: Course) -> None:
    assert course.closed == 2
    for fraction in course.fractions:
        assert fraction.set_up.residual.largest_mm > 2.0
        assert fraction.treated.residual.largest_mm < LEFT_MM
        assert fraction.treated.residual.angle_deg < LEFT_DEG
        assert fraction.beam_is_off
        assert fraction.was_corrected
    assert course.surprises == ()


def test_the_measured_correction_has_the_size_and_the_signs_of_the_one_that_is_needed(course: Course) -> None:
    for fraction in course.fractions:
        measured, needed = six(fraction.measured), six(fraction.set_up.needed)
        assert measured == pytest.approx(needed, abs=0.4)
        large = np.abs(needed) > 0.5
        assert large.any()
        assert (np.sign(measured[large]) == np.sign(needed[large])).all()


def test_the_same_scenario_gives_the_same_course_and_its_images_to_whoever_asks(
    course: Course, virtual: VirtualPatient
) -> None:
    kept: list[tuple[int, tuple[DayImage, ...], VirtualRoom]] = []
    again = simulate(
        scenario(first="fractions = 2\n"),
        patient=virtual,
        for_report=False,
        keep=lambda *given: kept.append(given),
    )
    for first, second in zip(course.fractions, again.fractions, strict=True):
        assert first.measured == second.measured
        assert first.outcome.journal == second.outcome.journal
        assert first.treated.residual.largest_mm == second.treated.residual.largest_mm
    assert [number for number, _, _ in kept] == [1, 2]
    assert all(images[0].patient_id == virtual.phantom.name for _, images, _ in kept)


@pytest.mark.parametrize("name", FAULTY)
def test_every_fault_that_ships_ends_as_its_scenario_says_with_a_reason_and_no_beam(
    name: str, virtual: VirtualPatient
) -> None:
    course = simulate(load_scenario(name), patient=virtual, for_report=False)

    assert course.surprises == ()
    (fraction,) = course.fractions
    assert fraction.beam_is_off
    assert fraction.outcome.state in (State.CLOSED, State.STOPPED)
    assert fraction.outcome.reason


def test_a_patient_too_far_off_his_marks_is_not_treated_without_a_person(virtual: VirtualPatient) -> None:
    wanted = "[limits]\nlargest_shift_mm = 1.0\n[[expect]]\nends = 'stopped'\nreason = 'more than 1 mm'\n"
    course = small_course(virtual, wanted)

    (fraction,) = course.fractions
    assert fraction.treated is None
    assert fraction.outcome.delivered_mu == 0.0
    assert course.surprises == ()


def test_an_imager_off_by_1_mm_treats_the_patient_off_by_1_mm_and_no_image_shows_it(
    virtual: VirtualPatient,
) -> None:
    fraction = small_course(virtual, "[room.imaging]\nisocentre_offset_mm = [1.5, 0.0, 0.0]\n").fractions[0]

    assert fraction.outcome.state is State.CLOSED
    assert fraction.treated.residual.mean_shift_mm == pytest.approx([1.5, 0.0, 0.0], abs=0.3)


def test_a_prostate_that_drifts_to_the_back_is_off_in_the_mean_and_more_at_the_end(
    virtual: VirtualPatient,
) -> None:
    drift = "walk_mm = [0, 0, 0]\ndrift_mm_per_min = [0, 3, 0]\ntransients_per_min = 0\n"
    fraction = small_course(virtual, f"[prostate_motion]\n{drift}[room]\ndose_rate_mu_min = 60\n").fractions[
        0
    ]

    treated = fraction.treated
    # 3 mm a minute to the back of a supine patient is down, for the image, the couch and 50 s of beam.
    assert treated.residual.mean_shift_mm[2] < -1.0
    assert treated.excursion_mm > treated.residual.mean_mm + 1.0


class TestExpectations:
    """An unmet expectation is told in a sentence that names the fraction."""

    @pytest.mark.parametrize(
        ("wish", "said"),
        [
            (ExpectSection(ends="stopped"), "fraction 1 was expected to end 'stopped', not 'closed'"),
            (ExpectSection(reason="earthquake"), "with a reason that says 'earthquake', not 'delivered"),
            (ExpectSection(images=3), "was expected to take 3 images, not 1"),
            (
                ExpectSection(residual_mm=0.001),
                "was expected to leave at most 0.001 mm at the target, not 0.",
            ),
            (ExpectSection(residual_deg=0.001), "was expected to leave at most 0.001° at the target, not 0."),
        ],
    )
    def test_of_a_fraction_that_closes(self, wish: ExpectSection, said: str, course: Course) -> None:
        (surprise,) = replace(course.fractions[0], expected=wish).surprises
        assert said in surprise

    def test_of_a_fraction_without_beam(self, course: Course) -> None:
        treated = course.fractions[0]
        wish = ExpectSection(ends="closed", residual_mm=1.0)
        assert replace(treated, treated=None, expected=wish).surprises == (
            "fraction 1 was expected to be treated within a residual, but the beam never came on",
        )
        assert replace(treated, treated=None).surprises == ()

    def test_a_beam_that_stays_on_is_never_expected(self, course: Course) -> None:
        assert replace(course.fractions[0], beam_is_off=False).surprises == (
            "fraction 1 ended with the beam on",
        )


class TestTheCourse:
    def test_fractions_are_on_working_days(self) -> None:
        days = [treatment_day(number) for number in range(1, 12)]
        assert all(day.weekday() < 5 for day in days)
        assert len(set(days)) == 11

    def test_it_stops_when_asked(self, virtual: VirtualPatient) -> None:
        def stop(_fraction: float, _step: str) -> None:
            raise Cancelled

        with pytest.raises(Cancelled):
            simulate(scenario(), patient=virtual, progress=stop)


class TestAPatientFromACt:
    def test_an_export_is_treated_like_a_built_in_patient(self, patient: SmallPatient) -> None:
        wanted = of_export(patient.planning)
        read = virtual_patient(wanted)
        assert read.plan is not None
        assert read.name == "Patient of planning"

        fraction = simulate(wanted, patient=read, for_report=False).fractions[0]

        assert fraction.outcome.state is State.CLOSED
        assert fraction.treated.residual.largest_mm < 1.0

    def test_an_export_without_plan_is_refused(self, tmp_path: Path, patient: SmallPatient) -> None:
        for file in patient.planning.glob("CT_*.dcm"):
            shutil.copy(file, tmp_path)
        with pytest.raises(MissingEvidenceError, match="holds no plan"):
            virtual_patient(of_export(tmp_path))

    def test_a_folder_without_a_ct_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError):
            virtual_patient(of_export(tmp_path))
