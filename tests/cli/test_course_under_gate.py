"""What a person reads of a course whose target was watched during the beam."""

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "records"))

from sample_course import WAY, SteppingClock, assessment, motion, treat, with_course

from isoguide.records import Place, create_records
from isoguide.records.plain import to_plain


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Records of a course with one fraction under a gate, and one that was stopped before its beam."""
    folder = tmp_path / "records"
    with create_records(Place.embedded(folder), clock=SteppingClock()) as records:
        course_id = with_course(records)
        treat(records, course_id)
        treat(records, course_id, 2, events=WAY[:1])
        records.keep_assessment(course_id, 1, assessment(f"1.2.9.{course_id}.1"), by="otto")
    return folder


def test_each_fraction_says_for_how_long_beam_passed_and_how_often_it_was_held(isoguide, place) -> None:
    ending = isoguide("course", "show", "C0001", "--records", place)
    assert ending.code == 0, ending.err
    said = " ".join(ending.out.split())
    assert "beam passed" in said
    assert "79 % of 92 s" in said


def test_the_document_holds_the_motion_of_the_fractions_that_have_one(isoguide, place) -> None:
    document = json.loads(isoguide("course", "show", "C0001", "--records", place, "--json").out)
    assert document["content"]["motions"] == {"1": [to_plain(motion())]}


def test_the_verdict_on_the_anatomy_and_the_newest_alert_are_told(isoguide, place) -> None:
    said = " ".join(isoguide("course", "show", "C0001", "--records", place).out.split())
    assert "Anatomy assessed in fraction 1 for decision" in said
    assert "consider re-planning" in said
    document = json.loads(isoguide("course", "show", "C0001", "--records", place, "--json").out)
    (kept,) = document["content"]["assessments"]
    assert kept == {"fraction": 1, "assessment": to_plain(assessment("1.2.9.C0001.1"))}
