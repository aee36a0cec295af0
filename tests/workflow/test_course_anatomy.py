"""The anatomy over a virtual course: compared with the truth, told in its report, kept nowhere by mistake."""

from dataclasses import replace
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pytest
from assessed_days import FIELD_FAILS, NO_FIELD, volumes
from small_course import coarse_room, scenario

from isoguide.course import AssessmentRecord
from isoguide.errors import GeometryError, InputError
from isoguide.registration import Verdict
from isoguide.treatment import State
from isoguide.workflow import course_assessor, simulate
from isoguide.workflow.anatomy_section import anatomy_section
from isoguide.workflow.course_anatomy import AssessedFraction, CourseAnatomy, TrueChange, verdict_surprise
from isoguide.workflow.course_assessor import CourseAssessor
from isoguide.workflow.course_json import course_record
from isoguide.workflow.scenario import AnatomySection
from isoguide.workflow.scenario_file import load_scenario, parse_scenario
from isoguide.workflow.virtual_patient import VirtualPatient

ASKED = AnatomySection(target_volume_percent=20.0, days=2, within_percent=3.0)
TEXT = "[assessment]\ntarget_volume_percent = 20.0\nspacing_mm = 5.0\ndays = 1\n"


def anatomy(found, true, section: AnatomySection = ASKED) -> CourseAnatomy:
    """Days with these changes of the volume of GTV, found and true."""
    assessed = [
        (number, AssessedFraction(record, MappingProxyType({"GTV": TrueChange(percent)})))
        for (number, record), percent in zip(volumes(*found), true, strict=True)
    ]
    return CourseAnatomy(section, tuple(assessed))


TRUE = (0.0, -10.0, -18.0, -21.0, -23.0, -25.0)


def test_what_is_found_close_to_the_truth_and_said_in_time_is_no_surprise() -> None:
    assert list(anatomy(TRUE, TRUE).surprises()) == []
    late = (0.0, -10.0, -18.0, -19.9, -22.0, -24.5)  # a day after the truth
    assert list(anatomy(late, TRUE).surprises()) == []


def test_a_volume_further_off_than_allowed_is_named_with_both_numbers() -> None:
    """76 % of the planned volume instead of 80 %: 5 % of the true volume."""
    (said,) = anatomy((-24.0,), (-20.0,)).surprises()
    assert said == (
        "fraction 1: the volume of GTV was found to change by -24.0 % and changed by -20.0 %: 5.0 % off "
        "instead of at most 3 %"
    )


def test_an_alert_that_comes_too_late_or_never_is_named() -> None:
    loose = ASKED.model_copy(update={"within_percent": None})
    never = anatomy((0.0,) * 8, (*TRUE, -30.0, -35.0), loose)
    assert list(never.surprises()) == [
        "fraction 5: the volume of GTV calls for a new plan, and that was said never"
    ]
    late = anatomy((0.0,) * 6 + (-30.0, -35.0), (*TRUE, -30.0, -35.0), loose)
    assert list(late.surprises()) == [
        "fraction 5: the volume of GTV calls for a new plan, and that was said in fraction 8"
    ]


def test_nobody_can_say_in_time_what_becomes_true_on_the_last_day() -> None:
    loose = ASKED.model_copy(update={"within_percent": None})
    assert list(anatomy((0.0, -19.0, -19.9), (0.0, -21.0, -22.0), loose).surprises()) == []


def test_an_alert_that_is_not_true_is_named() -> None:
    loose = ASKED.model_copy(update={"within_percent": None})
    assert list(anatomy((-30.0, -31.0), (0.0, 0.0), loose).surprises()) == [
        "fraction 2: re-planning was said to be considered for the volume of GTV, which is not true"
    ]


def test_days_that_may_not_be_decided_by_are_compared_with_nothing() -> None:
    """Each of them shows a tumour 60 % smaller."""
    found = anatomy((FIELD_FAILS, NO_FIELD, FIELD_FAILS), (0.0, 0.0, 0.0))
    assert list(found.surprises()) == []
    assert found.trend.alerts == ()
    assert found.true_trend.alerts == ()


@pytest.mark.parametrize(
    ("asked", "days", "said"),
    [
        (None, (0.0,), ()),
        ("for decision", (0.0,), ()),
        ("undecided", (FIELD_FAILS,), ()),
        ("undecided", (NO_FIELD,), ()),
        (
            "for decision",
            (FIELD_FAILS,),
            (
                "was expected to have its anatomy assessed 'for decision', not 'not for decision' (tissue "
                "folds in 0.4 % of the body)",
            ),
        ),
        (
            "undecided",
            (0.0,),
            ("was expected to have its anatomy assessed 'undecided', not 'for decision' (no reason given)",),
        ),
    ],
)
def test_an_assessment_has_the_verdict_that_a_scenario_expects(asked, days, said) -> None:
    ((_, found),) = anatomy(days, (0.0,)).assessed
    assert verdict_surprise(asked, found) == said


def test_a_day_that_was_not_assessed_is_none_that_was_assessed_well() -> None:
    assert "it was not assessed" in verdict_surprise("for decision", None)[0]


class TestReport:
    def test_says_measured_beside_true_and_how_far_they_are_apart(self) -> None:
        found = (*TRUE[:-1], -24.0)
        section = anatomy_section(SimpleNamespace(anatomy=anatomy(found, TRUE)))
        assert "The anatomy of the course" in section
        # 76 % instead of 75 % of the planned volume: 1.3 % of the true one.
        assert "Of 6 volumes the mean error is 0.2 %, the largest 1.3 % (GTV, fraction 6)." in section
        assert "By true volumes GTV calls for a new plan in fraction 5." in section
        assert '−24.0 ± 1.5 <span class="truth-value">−25.0</span>' in section
        assert "consider re-planning" in section

    def test_compares_nothing_where_nothing_may_be_decided(self) -> None:
        section = anatomy_section(SimpleNamespace(anatomy=anatomy((FIELD_FAILS,), (0.0,))))
        assert "No day may be decided by, so no volume is compared with the true one." in section

    def test_has_no_such_section_where_nobody_looked(self) -> None:
        assert anatomy_section(SimpleNamespace(anatomy=None)) == ""
        assert anatomy_section(SimpleNamespace(anatomy=CourseAnatomy(ASKED, ()))) == ""


class TestAssessor:
    @pytest.fixture(autouse=True)
    def _coarse(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(simulate, "room_settings", coarse_room)

    def test_finds_a_patient_who_did_not_change_unchanged_and_keeps_it(self, virtual: VirtualPatient) -> None:
        kept: list[tuple[int, AssessmentRecord]] = []
        course = simulate.simulate(
            scenario(TEXT), patient=virtual, for_report=False, keep_assessment=lambda *one: kept.append(one)
        )
        (fraction,) = course.fractions
        assert fraction.anatomy is not None
        assert kept == [(1, fraction.anatomy.record)]
        (target,) = fraction.anatomy.record.structures
        assert (target.name, target.is_target, target.seen_fraction) == ("Prostate", True, 1.0)
        truth = fraction.anatomy.truth["Prostate"]
        assert truth.volume_percent == 0.0
        assert truth.shift_mm is not None
        # The match left less than half a millimetre, and so did the field.
        assert np.linalg.norm(truth.shift_mm) < 0.5
        assert np.linalg.norm(target.shift_mm - truth.shift_mm) < 1.0
        document = course_record(course)
        assert document.fractions[0].anatomy is not None
        assert document.fractions[0].anatomy.truth[0].structure == "Prostate"
        assert document.anatomy is not None
        assert document.anatomy.days[0].image_uid == fraction.anatomy.record.image_uid

    def test_the_image_of_another_patient_under_this_name_calls_for_nothing(
        self, virtual: VirtualPatient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever a deformation makes of it: nobody approved the match that it builds on."""
        asked = load_scenario("mislabelled-image").model_copy(
            update={"assessment": AnatomySection(target_volume_percent=1.0, days=1, spacing_mm=5.0)}
        )
        lying = volumes(-60.0)[0][1]
        monkeypatch.setattr(course_assessor, "prepare_anatomy", lambda *_, **__: None)
        monkeypatch.setattr(course_assessor, "assess_anatomy", lambda *_, **__: None)
        monkeypatch.setattr(
            course_assessor,
            "assessment_record",
            lambda _, *, image_uid, assessed_at: replace(
                lying,
                image_uid=image_uid,
                assessed_at=assessed_at,
                structures=tuple(replace(one, name="Prostate") for one in lying.structures),
            ),
        )
        course = simulate.simulate(asked, patient=virtual, for_report=False)
        assert course.closed == 0
        assert course.anatomy is not None
        assert course.anatomy.trend.alerts == ()
        ((_, found),) = course.anatomy.assessed
        assert found.record.alerts == ()
        assert found.record.verdict != "for decision"
        assert "match" in found.record.reasons[0]

    def test_a_day_that_cannot_be_assessed_is_kept_with_the_reason(
        self, virtual: VirtualPatient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            msg = "more than half of the body is outside the field of view: take another image"
            raise GeometryError(msg)

        monkeypatch.setattr(course_assessor, "prepare_anatomy", lambda *_, **__: None)
        monkeypatch.setattr(course_assessor, "assess_anatomy", refuse)
        course = simulate.simulate(scenario(TEXT), patient=virtual, for_report=False)
        (fraction,) = course.fractions
        assert fraction.outcome.state is State.CLOSED
        assert fraction.anatomy is not None
        record = fraction.anatomy.record
        assert (record.verdict, record.figures) == ("not available", None)
        assert record.reasons == (
            "more than half of the body is outside the field of view: take another image",
        )

    def test_a_fraction_without_a_match_or_that_nobody_asks_about_is_not_assessed(
        self, virtual: VirtualPatient
    ) -> None:
        assessor = CourseAssessor(virtual.phantom, AnatomySection(target_volume_percent=1.0), frozenset())
        assert assessor.assess(1, SimpleNamespace(matches=()), None) is None
        asked = AnatomySection(target_volume_percent=1.0, fractions=(3,))
        one = SimpleNamespace(matches=(SimpleNamespace(),))
        assert CourseAssessor(virtual.phantom, asked, frozenset()).assess(1, one, None) is None

    def test_a_match_without_an_answer_has_no_field(self, virtual: VirtualPatient) -> None:
        kept: list[AssessmentRecord] = []
        registration = SimpleNamespace(
            planning_from_daily=None, reasons=("another body region",), verdict=Verdict.NOT_AVAILABLE
        )
        journal = (SimpleNamespace(at=volumes(0.0)[0][1].assessed_at),)
        image = SimpleNamespace(
            uid="1.2", acquired_at=journal[0].at, started_at=journal[0].at, content=virtual.phantom.volume
        )
        match = SimpleNamespace(image_uid="1.2", registration=registration)
        outcome = SimpleNamespace(matches=(match,), images=(image,), journal=journal, state=State.STOPPED)
        room = SimpleNamespace(
            clock=SimpleNamespace(at=lambda _: journal[0].at),
            truth=SimpleNamespace(moment=lambda _: SimpleNamespace(field=None)),
        )
        assessor = CourseAssessor(
            virtual.phantom,
            AnatomySection(target_volume_percent=1.0),
            frozenset(),
            lambda _, one: kept.append(one),
        )
        found = assessor.assess(1, outcome, room)
        assert found is not None
        assert (found.record.verdict, found.truth["Prostate"].shift_mm) == ("not available", None)
        assert found.record.reasons == ("the image is not matched: another body region",)
        assert kept == [found.record]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[expect]]\nanatomy = 'undecided'\n", "nothing is assessed: add the section assessment"),
        ("[assessment]\ndays = 3\n", "would be assessed against no limit"),
        (
            f"{TEXT}[room.imaging]\nmodel = 'stereo pair'\n",
            'assessment needs a CT of the day, which room.imaging.model = "stereo pair" does not give',
        ),
        (f"{TEXT}fractions = [2]\n", "assessment.fractions names fraction 2, but there are 1"),
        (
            f"{TEXT}[room.imaging]\nfield_of_view_mm = 10\n",
            "room.imaging.field_of_view_mm = 10 is impossible",
        ),
    ],
)
def test_a_scenario_that_cannot_be_assessed_is_refused_by_its_key(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said.replace("[", r"\[")):
        parse_scenario(f'title = "A test"\n[patient]\nsite = "prostate"\n{text}', "my.toml")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shrinking-neck", "cut-image"])
def test_a_course_whose_anatomy_is_known_is_assessed_as_its_scenario_says(name: str) -> None:
    course = simulate.simulate(load_scenario(name), for_report=False)
    assert course.surprises == ()
