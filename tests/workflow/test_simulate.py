"""Whole fractions on the virtual machine: what the couch does, what is true afterwards, how faults end."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from small_course import coarse_room, scenario, small_course
from small_patient import SmallPatient

from isoguide.course import AXES
from isoguide.errors import Cancelled, InputError, MissingEvidenceError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.frames import Array
from isoguide.treatment import State
from isoguide.treatment.ports import DayImage
from isoguide.virtual import build_phantom, draw_days
from isoguide.virtual.room import VirtualRoom
from isoguide.workflow import simulate as module
from isoguide.workflow.course import Course
from isoguide.workflow.scenario import ExpectSection, Scenario, Site
from isoguide.workflow.scenario_file import load_scenario, parse_scenario, shipped_scenarios
from isoguide.workflow.scenario_settings import (
    SITES_WITH,
    course_settings,
    require_possible,
    scenario_faults,
)
from isoguide.workflow.simulate import simulate, treatment_day
from isoguide.workflow.virtual_patient import SITE_OF, VirtualPatient, virtual_patient

FAULTY = [
    name
    for name in shipped_scenarios()
    if scenario_faults(load_scenario(name)) and load_scenario(name).monitoring is None
]
"""Those of a watched beam are tried in the virtual room, where a fraction is shorter."""
UNEVENTFUL = ("slow-decision",)
"""Without a fault, quick enough for the coarse patient of these tests."""
LEFT_MM, LEFT_DEG = 0.7, 0.4
"""What 95 % of rigid days have to keep."""


def of_export(folder: Path, text: str = "") -> Scenario:
    return parse_scenario(f'title = "Mine"\n[patient]\nct = "{folder}"\n{text}', "test.toml")


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "room_settings", coarse_room)


def six(correction: CouchCorrection) -> Array:
    return np.array([getattr(correction, key) for key in AXES])


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


@pytest.mark.parametrize("name", UNEVENTFUL)
def test_what_happens_without_a_fault_ends_as_its_scenario_says(name: str, virtual: VirtualPatient) -> None:
    assert simulate(load_scenario(name), patient=virtual, for_report=False).surprises == ()


def test_a_console_without_delay_and_a_slow_one_give_the_same_match_at_another_time(
    virtual: VirtualPatient, course: Course
) -> None:
    quick = small_course(virtual, "[room.console]\nmatch_s = 0\ndecision_s = 0\n").fractions[0]
    usual = course.fractions[0]

    assert quick.measured == usual.measured
    # Nobody else needs the time: without the 10 s and the 70 s the fraction is over 80 s earlier.
    assert usual.entries[-1][0] - quick.entries[-1][0] == pytest.approx(80.0, abs=0.2)


def test_a_patient_5_mm_too_far_left_whose_bladder_has_filled_has_two_true_corrections(
    virtual: VirtualPatient,
) -> None:
    wanted = "[set_up]\nfixed_mm = [5.0, 0.0, 0.0]\n[organs]\nbladder_percent = 60.0\n"
    truth = small_course(virtual, wanted).fractions[0].set_up

    # His bones lie 5 mm too far to the left of a supine patient, which is +X: they have to go to -X.
    assert six(truth.set_up) == pytest.approx([-5.0, 0.0, 0.0, 0.0, 0.0, 0.0], abs=1e-9)
    # The bladder has pushed the prostate somewhere else.
    assert np.abs(six(truth.needed) - six(truth.set_up))[:3].max() > 0.3


def test_the_truth_of_a_patient_who_moves_is_shown_for_the_hour_that_it_is_known(course: Course) -> None:
    first = course.fractions[0]
    late = replace(first.outcome.journal[-1], at=first.started_at + timedelta(hours=2))
    moving = SimpleNamespace(
        day=SimpleNamespace(is_still=False), residual=lambda at_s: SimpleNamespace(mean_mm=at_s / 100.0)
    )
    trace = module._trace(moving, replace(first.outcome, journal=(late,)), first.started_at)
    assert trace[0] == (0.0, 0.0)
    assert trace[-1] == (3600.0, 36.0)


def test_a_prostate_that_drifts_to_the_back_is_off_in_the_mean_and_more_at_the_end(
    virtual: VirtualPatient,
) -> None:
    drift = "walk_mm = [0, 0, 0]\ndrift_mm_per_min = [0, 1.5, 0]\ntransients_per_min = 0\n"
    fraction = small_course(virtual, f"[prostate_motion]\n{drift}[room]\ndose_rate_mu_min = 60\n").fractions[
        0
    ]

    treated = fraction.treated
    # 1.5 mm a minute to the back of a supine patient is down, for two minutes of image, match, decision and
    # couch; then come 50 s of beam, of which the mean is half way.
    assert treated.residual.mean_shift_mm[2] < -2.0
    assert treated.excursion_mm == pytest.approx(treated.residual.mean_mm + 1.5 * 25.0 / 60.0, abs=0.15)


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


class TestAFixedSetUpError:
    def test_is_the_same_every_day_and_nothing_else_is_drawn(self, virtual: VirtualPatient) -> None:
        wanted = "[set_up]\nfixed_mm = [3.0, -2.0, 4.0]\nfixed_deg = [0.0, 0.0, 1.0]\n"
        course = small_course(virtual, wanted, first="fractions = 2\n")
        for fraction in course.fractions:
            # Head first supine: left is +X, back is down, head is towards the gantry; a turn about the
            # patient's z is a roll, and what is undone has the opposite signs.
            assert fraction.set_up.set_up.roll_deg == pytest.approx(-1.0, abs=1e-9)
            assert fraction.day["set_up_left_mm"] == 3.0
            assert fraction.outcome.state is State.CLOSED

    def test_beyond_the_limits_needs_a_person(self, virtual: VirtualPatient) -> None:
        course = simulate(load_scenario("large-set-up-error"), patient=virtual, for_report=False)
        (fraction,) = course.fractions
        assert course.surprises == ()
        assert fraction.set_up.residual.mean_shift_mm == pytest.approx([30.0, 0.0, 0.0], abs=1e-9)
        assert fraction.outcome.corrections == ()


class TestAnatomyThatIsNotThere:
    """A key that changes or moves what the patient does not have is refused by its name."""

    @pytest.mark.parametrize(
        ("text", "key", "sites"),
        [
            ("[organs]\nshrinkage_percent = 20.0\n", "organs.shrinkage_percent", '"lung" or "head-neck"'),
            ("[breathing]\n", "breathing", '"lung" or "liver"'),
            ("[neck]\n", "neck", '"head-neck"'),
        ],
    )
    def test_of_a_prostate_patient(self, virtual: VirtualPatient, text: str, key: str, sites: str) -> None:
        with pytest.raises(InputError, match=rf"^{key}: .* leave {key} out .* patient\.site = {sites}"):
            small_course(virtual, text)

    @pytest.mark.parametrize("site", get_args(Site))
    def test_is_told_for_exactly_the_sites_that_lack_it(self, site: Site) -> None:
        patient = build_phantom(SITE_OF[site], 0, (5.0, 5.0, 5.0))
        possible = ""
        for key, sites in SITES_WITH.items():
            section, _, name = key.partition(".")
            text = f"[{section}]\n" + (f"{name} = 10.0\n" if name else "")
            wanted = self._of(site, text)
            if site in sites:
                require_possible(wanted, patient)
                possible += text if section not in possible else f"{name} = 10.0\n"
            else:
                with pytest.raises(InputError, match=f"^{key}: "):
                    require_possible(wanted, patient)
        # All of it at once: each on its own would solve for the same tissue again and again.
        draw_days(patient, course_settings(self._of(site, possible)), 1, np.random.default_rng(0))

    @staticmethod
    def _of(site: Site, text: str) -> Scenario:
        return parse_scenario(f'title = "x"\n[patient]\nsite = "{site}"\n{text}', "test.toml")

    def test_what_changes_by_nothing_needs_no_anatomy(self, virtual: VirtualPatient) -> None:
        wanted = scenario("[organs]\nshrinkage_percent = 0.0\nweight_loss_mm = 2.0\n")
        require_possible(wanted, virtual.phantom)


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


@pytest.fixture(scope="module")
def read(patient: SmallPatient) -> VirtualPatient:
    return virtual_patient(of_export(patient.planning))


class TestAPatientFromACt:
    def test_an_export_is_treated_like_a_built_in_patient(
        self, patient: SmallPatient, read: VirtualPatient
    ) -> None:
        wanted = of_export(patient.planning)
        assert read.plan is not None
        assert read.name == "Patient of planning"

        fraction = simulate(wanted, patient=read, for_report=False).fractions[0]

        assert fraction.outcome.state is State.CLOSED
        assert fraction.treated.residual.largest_mm < 1.0

    def test_an_organ_that_the_export_has_may_fill_and_one_that_it_lacks_is_refused(
        self, patient: SmallPatient, read: VirtualPatient
    ) -> None:
        filling = of_export(patient.planning, "[organs]\nbladder_percent = 30.0\n")
        fraction = simulate(filling, patient=read, for_report=False).fractions[0]
        assert fraction.day["bladder_ml"] > 0.0

        with pytest.raises(InputError, match=r"^neck: patient of planning has no neck of labelled bones"):
            simulate(of_export(patient.planning, "[neck]\n"), for_report=False)

    def test_an_export_without_plan_is_refused(self, tmp_path: Path, patient: SmallPatient) -> None:
        for file in patient.planning.glob("CT_*.dcm"):
            shutil.copy(file, tmp_path)
        with pytest.raises(MissingEvidenceError, match=r'^patient\.ct = ".*holds no plan'):
            virtual_patient(of_export(tmp_path))

    def test_a_folder_without_a_ct_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"^patient\.ct = .* one CT, its structures and plan"):
            virtual_patient(of_export(tmp_path))
