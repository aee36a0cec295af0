"""What people see of the dose over a course: page, figures, document, tables."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from dosed_days import ASKED, NO_DOSE, UNDECIDED, dosed, losses
from reviewed_courses import course, lateral

from isoguide.review.dose_trends import DoseTrend, dose_trend
from isoguide.review.patient import review_patient
from isoguide.workflow.review.dose_figures import change_percent, dose_picture, so_far_percent
from isoguide.workflow.review.dose_page import course_dose_html
from isoguide.workflow.review.dose_words import dose_words
from isoguide.workflow.review.patient import review_patient_into
from isoguide.workflow.review.patient_json import patient_review_schema, patient_review_text
from isoguide.workflow.review.patient_page import patient_html

LOOK = "Since fraction 3 D95% of PTV has been more than 5 % of the prescription below the plan (7.0 % in"


def underdosed() -> DoseTrend:
    """A target over seven days, two of which may not be decided by."""
    return dose_trend(losses(0.0, 1.0, 6.0, UNDECIDED, 6.5, 7.0, NO_DOSE), ASKED)


def test_the_page_leads_with_the_alert_and_lists_the_days_that_do_not_count() -> None:
    page = patient_html(review_patient(course(lateral(*[1.0] * 7)), dose=underdosed()), ())
    lead = page.split("What stands out")[1].split("</section>")[0]
    assert LOOK in lead
    section = page.split("The dose of the course")[1].split("</section>")[0]
    assert LOOK in section
    assert "Fraction 7, not available: the target is cut off." in section
    assert (
        "In 6 fractions PTV has got 16.14 Gy at least (D95%); planned were 17.40 Gy (\N{MINUS SIGN}7.2 %)."
        in section
    )
    assert '<span class="raised">53.8 Gy missed</span>' in section
    assert '<span class="none" title="not for decision">(1.40' in section
    assert "the generic curve gives densities" in section


def test_a_course_of_which_nobody_asked_has_no_such_section() -> None:
    assert "The dose of the course" not in patient_html(review_patient(course(lateral(1.0))), ())


def test_names_and_reasons_from_records_are_escaped() -> None:
    record = dosed(0.0)
    bold = replace(record.structures[1], name="<b>PTV</b>")
    goal = replace(record.goals[0], goal="<u>PTV</u> D95% >= 57 Gy")
    record = replace(record, structures=(bold,), goals=(goal,), reasons=("<i>folds</i>",))
    html = course_dose_html(dose_trend([(1, record)], ASKED), None)
    for tag in ("<b>", "<u>", "<i>"):
        assert tag not in html


@pytest.mark.parametrize(
    ("days", "instructions", "said"),
    [
        ([], ASKED, "The dose of no day was computed."),
        (losses(40.0), None, "The protocol gives neither goals nor limits for the dose of a day"),
        (losses(40.0, UNDECIDED), ASKED, "1 day may be decided by, and it takes 3 in a row to say"),
        (losses(0.0, 1.0, 1.0), ASKED, "No goal was missed and no limit passed on 3 days in a row."),
    ],
)
def test_that_nothing_stands_out_is_said_with_what_it_rests_on(days, instructions, said) -> None:
    assert dose_words(dose_trend(days, instructions))[0].startswith(said)


def test_goals_that_single_days_miss_are_told_without_an_alert() -> None:
    words = dose_words(dose_trend(losses(0.0, 3.0, 0.0), ASKED))
    assert any(
        "'PTV D95% >= 57 Gy' would be missed if all fractions were like fraction 2" in one for one in words
    )


def test_a_drawn_change_is_a_share_of_the_prescription() -> None:
    target, organ = dose_trend(losses(4.0, rise_gy=0.3), None).structures
    assert change_percent(target.days[0], is_target=True) == pytest.approx(-4.0)
    assert change_percent(organ.days[0], is_target=False) == pytest.approx(10.0)
    assert so_far_percent(target.days[0], is_target=True) == pytest.approx(-4.0)
    unknown = replace(organ.days[0], prescribed_gy=None)
    assert change_percent(unknown, is_target=False) == pytest.approx(30.0)


def test_a_review_folder_holds_the_dose_in_every_form(tmp_path: Path) -> None:
    review_patient_into(course(lateral(*[1.0] * 7)), tmp_path / "review", dose=underdosed())
    folder = tmp_path / "review"
    document = json.loads(next(folder.glob("*.json")).read_text())
    jsonschema.validate(document, patient_review_schema())
    assert document["dose"]["structures"][0]["days"][2]["d95_gy"] == pytest.approx(2.72)
    assert document["dose"]["alerts"][0]["in_words"].startswith("Since fraction 3")
    assert document["dose"]["goals"][0]["missed_in"] == [3, 5, 6]
    tables = {path.name: path for path in folder.rglob("dose*.csv")}
    rows = list(csv.DictReader(io.StringIO(tables["dose.csv"].read_text())))
    assert {row["structure"] for row in rows} == {"PTV", "Rectum"}
    assert [row["counts"] for row in rows[:6]] == ["yes", "yes", "yes", "no", "yes", "yes"]
    assert set(tables) >= {"dose-goals.csv", "dose-alerts.csv", "dose-days.csv"}
    assert list(folder.rglob("dose.png"))


def test_nothing_is_drawn_of_no_dose_and_the_same_course_gives_the_same_text() -> None:
    assert dose_picture(dose_trend(losses(NO_DOSE), ASKED)) is None
    review = review_patient(course(lateral(1.0)), dose=dose_trend(losses(0.0), None))
    assert patient_review_text(review) == patient_review_text(review)
