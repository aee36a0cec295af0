"""What people see of the anatomy over a course: page, figures, document, tables."""

import csv
import io
import json
from pathlib import Path

import jsonschema
import pytest
from assessed_days import FIELD_FAILS, NO_FIELD, assessed, structure, volumes
from reviewed_courses import course, lateral

from isoguide.course import AssessmentInstructions
from isoguide.review import anatomy_trend
from isoguide.review.anatomy_trends import AnatomyTrend
from isoguide.review.patient import review_patient
from isoguide.workflow.review.anatomy_figures import anatomy_picture
from isoguide.workflow.review.anatomy_page import anatomy_html
from isoguide.workflow.review.anatomy_words import anatomy_words
from isoguide.workflow.review.patient import review_patient_into
from isoguide.workflow.review.patient_json import patient_review_schema, patient_review_text
from isoguide.workflow.review.patient_page import patient_html

TWENTY = AssessmentInstructions(target_volume_percent=20.0, days=3)
SHRINKS = (0.0, -12.0, -21.0, FIELD_FAILS, -22.5, -24.0, NO_FIELD)
REPLAN = "Since fraction 3 GTV has been more than 20 % smaller than planned (24 % smaller in fraction 6; 3"


def shrinking() -> AnatomyTrend:
    """A tumour over seven days, two of which may not be decided by."""
    return anatomy_trend(volumes(*SHRINKS), TWENTY)


def test_the_page_leads_with_the_alert_and_lists_the_days_that_do_not_count() -> None:
    review = review_patient(course(lateral(*[1.0] * 7)), anatomy=shrinking())
    page = patient_html(review, ())
    lead = page.split("What stands out")[1].split("</section>")[0]
    assert REPLAN in lead
    section = page.split("The anatomy of the course")[1].split("</section>")[0]
    assert REPLAN in section
    assert "Fraction 4, not for decision: tissue folds in 0.4 % of the body." in section
    assert "Fraction 7, not available: another body region." in section
    assert '<span class="none" title="not for decision">(−60.0 ± 1.5)</span>' in section
    assert "−24.0 ± 1.5" in section


def test_a_course_of_which_nobody_asked_has_no_such_section() -> None:
    assert "The anatomy of the course" not in patient_html(review_patient(course(lateral(1.0))), ())


def test_reasons_and_names_from_records_are_escaped() -> None:
    record = assessed(structure(0.0, "<b>GTV</b>"), verdict="not for decision", reasons=("<i>folds</i>",))
    html = anatomy_html(anatomy_trend([(1, record)], None), None)
    assert "<b>GTV" not in html
    assert "<i>folds" not in html
    assert "&lt;i&gt;folds" in html


def test_truth_stands_beside_what_was_measured() -> None:
    html = anatomy_html(shrinking(), None, {"GTV": {1: 0.2, 6: -24.6}})
    assert '−24.0 ± 1.5 <span class="truth-value">−24.6</span>' in html
    assert '<span class="badge">truth</span>' in html


@pytest.mark.parametrize(
    ("days", "instructions", "said"),
    [
        ([], TWENTY, "The anatomy of no day was assessed."),
        (volumes(-40.0), None, "The protocol gives no limits for the anatomy, so nothing here calls for a"),
        (
            volumes(-40.0, FIELD_FAILS),
            TWENTY,
            "1 assessed day may be decided by, and it takes 3 to say that re",
        ),
        (volumes(0.0, 1.0, 2.0), TWENTY, "No structure stayed beyond a limit of the protocol on 3 assessed"),
    ],
)
def test_that_nothing_calls_for_a_new_plan_is_said_with_what_it_rests_on(days, instructions, said) -> None:
    assert anatomy_words(anatomy_trend(days, instructions))[0].startswith(said)


def test_the_picture_has_a_panel_for_each_structure_and_is_the_same_twice() -> None:
    first, second = (anatomy_picture(shrinking(), {"GTV": {1: 0.0, 6: -25.0}}) for _ in range(2))
    assert first is not None
    assert first == second
    assert first.about == "Change of volume of 1 structures over 7 assessed days."
    assert anatomy_picture(anatomy_trend(volumes(NO_FIELD), TWENTY)) is None


def test_the_document_is_what_its_schema_says() -> None:
    document = json.loads(patient_review_text(review_patient(course(lateral(1.0)), anatomy=shrinking())))
    jsonschema.validate(document, patient_review_schema())
    anatomy = document["anatomy"]
    (alert,) = anatomy["alerts"]
    assert (alert["since"], alert["raised_in"], alert["ended_in"], alert["undecided"]) == (3, 6, None, [7])
    assert alert["in_words"].startswith(REPLAN)
    assert [day["verdict"] for day in anatomy["days"]][3:] == [
        "not for decision",
        "for decision",
        "for decision",
        "not available",
    ]
    assert [day["counts"] for day in anatomy["structures"][0]["days"]] == [True] * 3 + [False] + [True] * 2


def test_a_course_of_which_nobody_asked_says_null() -> None:
    assert json.loads(patient_review_text(review_patient(course(lateral(1.0)))))["anatomy"] is None


def test_tables_figure_and_page_lie_in_the_folder(tmp_path: Path) -> None:
    review_patient_into(course(lateral(1.0, 2.0)), tmp_path / "out", anatomy=shrinking())
    tables = tmp_path / "out" / "tables"
    rows = list(csv.DictReader(io.StringIO((tables / "anatomy.csv").read_text())))
    assert [(row["fraction"], row["counts"]) for row in rows][2:4] == [("3", "yes"), ("4", "no")]
    assert float(rows[-1]["volume_change_percent"]) == pytest.approx(-24.0)
    (alert,) = csv.DictReader(io.StringIO((tables / "anatomy-alerts.csv").read_text()))
    assert alert["in_words"].startswith(REPLAN)
    days = list(csv.DictReader(io.StringIO((tables / "anatomy-days.csv").read_text())))
    assert days[6]["reasons"] == "another body region"
    assert (tmp_path / "out" / "figures" / "anatomy.svg").exists()
