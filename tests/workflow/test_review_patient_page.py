"""What people see of one course."""

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image
from reviewed_courses import PELVIS, course, day, lateral, scattered

from isoguide.course import CourseHistory, ImagingDose, ProtocolAction
from isoguide.errors import InputError, OutputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.review.patient import PatientSettings, review_patient
from isoguide.workflow.review.drawing import Picture
from isoguide.workflow.review.patient import PATIENT_NAMES, review_patient_into
from isoguide.workflow.review.patient_figures import patient_pictures
from isoguide.workflow.review.patient_json import (
    PATIENT_SCHEMA_FILE,
    patient_review_schema,
    patient_review_schema_text,
    patient_review_text,
)
from isoguide.workflow.review.patient_page import patient_html
from isoguide.workflow.review.patient_tables import patient_tables
from isoguide.workflow.review.patient_words import (
    correction_words,
    course_span,
    fractions_words,
    gap_words,
    missing_words,
    p_words,
    signal_words,
)

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema" / PATIENT_SCHEMA_FILE
QUIET = (0.0, 1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0)


class Page(HTMLParser):
    """Refuses unbalanced elements and collects what could load something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def eventful() -> CourseHistory:
    """A course in which everything happened once."""
    days = list(scattered(3, 12).fractions)
    days[2] = replace(
        days[2],
        residual=CouchCorrection(-0.4, 0.2, 0.1, 0.1, 0.0, 0.0),
        images=3,
        doses=(PELVIS, PELVIS, ImagingDose(0.2, "entrance air kerma, mGy")),
    )
    days[4] = replace(
        days[4], action="stop", rule="<b>10 mm</b>: stop", overrides=("=HYPERLINK <i>pain</i>",)
    )
    days[6] = day(7)
    days[8] = replace(days[8], state="stopped", action=ProtocolAction.SECOND_LOOK)
    days[9] = replace(days[9], offline=CouchCorrection(1.0, 0.0, 0.0), action="no correction", applied=None)
    return course([], fractions=tuple(days), fractions_planned=20)


def page_of(history: CourseHistory) -> str:
    """The page without its figures, which take time."""
    return patient_html(review_patient(history), ())


@pytest.fixture(scope="module")
def drawn() -> tuple[Picture, ...]:
    return patient_pictures(review_patient(eventful()))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


class TestPatientPage:
    @pytest.mark.parametrize("days", [0, 1, 3, 5, 12])
    def test_it_is_whole_and_loads_nothing_however_long_the_course_is(self, days: int) -> None:
        page = Page(page_of(scattered(1, days) if days else course([])))
        assert page.open == []
        assert page.addresses == []

    def test_its_figures_are_in_it(self, drawn: tuple[Picture, ...]) -> None:
        page = Page(patient_html(review_patient(eventful()), drawn))
        assert page.open == []
        assert len(page.addresses) == 4
        assert all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)

    def test_what_comes_from_records_cannot_become_part_of_the_page(self) -> None:
        html = page_of(replace(eventful(), patient="<script>x</script>"))
        for words in ("<b>10", "<i>pain", "<script>"):
            assert words not in html
        assert "=HYPERLINK &lt;i&gt;pain&lt;/i&gt;" in html

    def test_the_side_on_which_he_lies_is_said_in_words(self) -> None:
        # (2 + 4) / 2 = 3 mm, half width 12.71 * sqrt(2) / sqrt(2) by Student's t with one degree of freedom.
        html = page_of(course(lateral(2.0, 4.0)))
        assert "+3.0" in html
        assert "(−9.7 to +15.7)" in html
        assert "3.0 mm to the right" in html

    def test_too_few_measurements_are_not_available_with_their_reason_and_never_a_number(self) -> None:
        html = page_of(course(lateral(2.0)))
        assert "1 fraction measured; not available with so few" in html
        assert html.count("not available") > 30
        assert ">nan" not in html.lower()

    def test_control_charts_take_eight_measurements(self, drawn: tuple[Picture, ...]) -> None:
        names = {n: [p.name for p in patient_pictures(review_patient(scattered(1, n)))] for n in (3, 7)}
        assert names[3] == ["course"]
        assert names[7] == ["course", "schemes"]
        assert [p.name for p in drawn] == ["course", "control-charts", "cumulative-sums", "schemes"]

    def test_overrides_are_listed_with_their_reasons_and_what_the_protocol_said(self) -> None:
        html = page_of(course([], fractions=(day(1, (5.0, 0.0, 0.0), overrides=("he was in pain",)),)))
        assert "he was in pain" in html
        assert "the shift is above the tolerance of 2 mm" in html

    def test_a_dose_stands_beside_its_metric_and_different_metrics_never_add(self) -> None:
        html = page_of(eventful())
        # Eleven days with an image, one of them with a second: 12 times 4.5 mGy.
        assert "54.00 <span class='range'>CTDIw, mGy</span>" in html
        assert "0.2000 <span class='range'>entrance air kerma, mGy</span>" in html
        assert "54.2" not in html

    def test_a_course_without_dose_says_so(self) -> None:
        assert "No imaging dose is recorded" in page_of(course([None]))


class TestWordsAboutACourse:
    def test_a_value_beyond_the_limits_is_explained(self) -> None:
        # Moving ranges: ten of 1, two of 9 in 13 values, mean 28/12 = 2.33; limits mean 9/13 -+ 2.66 * 2.33.
        said = signal_words(review_patient(course(lateral(*QUIET[:11], 9.0, 0.0))))
        assert any(
            line.startswith("Lateral, fraction 12: 9.0 mm to the right, which is beyond") for line in said
        )
        assert any("9.0 mm away from the day before" in line for line in said)

    def test_a_patient_who_drifts_to_the_left_is_named_with_the_side(self) -> None:
        # A perfect line has p = 2/10! for Mann-Kendall.
        said = signal_words(review_patient(course(lateral(*(-0.5 * day for day in range(10))))))
        assert said[0].startswith("Lateral: drifts by 0.50 mm a fraction, each day further to the left")

    def test_a_sudden_change_is_dated(self) -> None:
        said = signal_words(review_patient(course(lateral(0, 0.2, 0, 0.2, 0, 5, 5.2, 5, 5.2, 5))))
        assert any("lies elsewhere from fraction 6 on: before, 0.1 mm to the right" in line for line in said)
        assert any("running average has left its limits" in line for line in said)
        assert any("have added up beyond the limit" in line for line in said)

    def test_a_quiet_course_says_that_nothing_signals(self) -> None:
        assert signal_words(review_patient(course(lateral(*QUIET)))) == ()
        assert "No test or control chart signals." in page_of(course(lateral(*QUIET)))
        assert "No test signals." in page_of(course(lateral(*QUIET[:5])))

    def test_when_the_systematic_part_was_known_and_corrected_is_told(self) -> None:
        known, corrected = correction_words(review_patient(course(lateral(3.0, 3.0, 3.0))))
        assert known == (
            "The systematic part of the shift was known within 2 mm on every axis after fraction 2."
        )
        assert corrected.endswith("was within 2 mm on every axis from fraction 1 on, to the end.")

    def test_what_was_never_known_is_said_so(self) -> None:
        uncorrected = tuple(day(n, (x, 0, 0), applied=None) for n, x in ((1, 9.0), (2, -3.0)))
        (sentence,) = correction_words(review_patient(course([], fractions=uncorrected[:1])))
        assert sentence == "Not available: 1 fraction measured, and it takes two."
        known, corrected = correction_words(review_patient(course([], fractions=uncorrected)))
        assert "not known within 2 mm" in known
        assert "was not within 2 mm on every axis at the end" in corrected

    def test_gaps_are_named(self) -> None:
        assert gap_words(eventful()) == (
            "Without a usable image before the couch was moved: fraction 7.",
            "Ended without treatment: fraction 9.",
        )

    def test_runs_of_fractions_are_told_from_first_to_last(self) -> None:
        assert fractions_words([3, 7, 8, 9, 12]) == "fractions 3, 7 to 9, 12"
        assert fractions_words([3]) == "fraction 3"

    def test_small_p_values_are_not_told_as_zero(self) -> None:
        assert (p_words(0.0321), p_words(0.0)) == ("= 0.032", "< 0.001")

    def test_the_span_of_a_course_is_told_in_dates(self) -> None:
        assert course_span(course([None, None])) == "2024-03-05 to 2024-03-06"
        assert course_span(course([None])) == "2024-03-05"
        assert course_span(course([])) == "no fraction yet"

    def test_nothing_is_missing_from_eight_measurements_on(self) -> None:
        assert missing_words(review_patient(scattered(1, 8))) == ()
        assert "control charts (8)" in missing_words(review_patient(scattered(1, 7)))[0]


class TestPatientDocument:
    def test_the_published_schema_is_that_of_the_document(self) -> None:
        jsonschema.Draft202012Validator.check_schema(patient_review_schema())
        assert PUBLISHED.read_text(encoding="utf-8") == patient_review_schema_text()

    @pytest.mark.parametrize("days", [0, 1, 2, 4, 7, 12])
    def test_it_keeps_to_the_schema_however_long_the_course_is(self, days: int) -> None:
        history = scattered(1, days) if days else course([])
        document = json.loads(patient_review_text(review_patient(history)))
        jsonschema.Draft202012Validator(patient_review_schema()).validate(document)
        assert len(document["positions"]) == days
        assert (document["axes"][0]["charts"] is None) == (days < 8)
        assert bool(document["schemes"]) == (days >= 4)

    def test_equal_values_are_described_too(self) -> None:
        text = patient_review_text(review_patient(course(lateral(*[2.0] * 9))))
        jsonschema.Draft202012Validator(patient_review_schema()).validate(json.loads(text))

    def test_everything_that_happened_is_in_it(self) -> None:
        document = json.loads(patient_review_text(review_patient(eventful())))
        jsonschema.Draft202012Validator(patient_review_schema()).validate(document)
        third, seventh = document["fractions"][2], document["fractions"][6]
        assert third["residual"]["lateral_mm"] == -0.4
        assert third["doses"][2] == {"value": 0.2, "metric": "entrance air kerma, mGy"}
        assert seventh["measured"] is None
        assert document["fractions"][4]["overrides"] == ["=HYPERLINK <i>pain</i>"]

    def test_the_set_up_error_is_minus_the_correction_and_holds_the_off_line_one(self) -> None:
        # He lies 2 to the right although the couch was set 1 to the left: 3 from the marks.
        days = (day(1, (2.0, 0.0, 0.0), offline=CouchCorrection(-1.0, 0.0, 0.0)),)
        document = json.loads(patient_review_text(review_patient(course([], fractions=days))))
        assert document["positions"][0]["from_the_marks"]["lateral_mm"] == 3.0
        assert document["positions"][0]["at_treatment"]["lateral_mm"] == 0.0


class TestPatientTables:
    def test_numbers_are_written_in_full_and_what_is_missing_is_empty(self) -> None:
        tables = patient_tables(review_patient(eventful()))
        fractions = rows(tables["fractions.csv"])
        assert [row["fraction"] for row in fractions] == [str(number) for number in range(1, 13)]
        assert float(fractions[2]["residual_lateral_mm"]) == -0.4
        assert fractions[6]["measured_lateral_mm"] == ""
        assert len(rows(tables["positions.csv"])) == 11
        assert {row["metric"] for row in rows(tables["doses.csv"])} == {
            "CTDIw, mGy",
            "entrance air kerma, mGy",
        }

    def test_a_spreadsheet_does_not_take_a_reason_for_a_formula(self) -> None:
        (reason,) = {
            row["overrides"]
            for row in rows(patient_tables(review_patient(eventful()))["fractions.csv"])
            if row["overrides"]
        }
        assert reason == "'=HYPERLINK <i>pain</i>"

    def test_axes_have_mean_and_interval(self) -> None:
        (first, *_) = rows(patient_tables(review_patient(course(lateral(2.0, 4.0))))["axes.csv"])
        assert float(first["mean"]) == 3.0
        assert float(first["mean_high"]) == pytest.approx(3.0 + 12.7062, abs=1e-4)  # t(0.975, 1) = 12.7062
        assert first["slope"] == first["p_drift"] == ""

    def test_schemes_take_four_measurements(self) -> None:
        assert rows(patient_tables(review_patient(scattered(1, 3)))["schemes.csv"]) == []
        names = [
            row["scheme"] for row in rows(patient_tables(review_patient(scattered(1, 4)))["schemes.csv"])
        ]
        assert names[:2] == ["marks only", "daily"]


class TestFigures:
    def test_the_same_course_gives_the_same_bytes(self) -> None:
        first, second = (patient_pictures(review_patient(scattered(1, 3))) for _ in range(2))
        for one, other in zip(first, second, strict=True):
            assert one.files == other.files

    def test_they_are_pictures_that_say_what_they_show(self, drawn: tuple[Picture, ...]) -> None:
        for one in drawn:
            image = Image.open(io.BytesIO(one.png))
            assert image.width == 1512  # 10.5 inches of 144 dots
            assert one.svg.startswith(b"<?xml")
            assert len(one.about) > 20

    def test_nothing_is_drawn_of_a_course_without_measurements(self) -> None:
        assert patient_pictures(review_patient(course([None, None]))) == ()

    def test_measurements_without_uncertainty_are_drawn_without_bars(self) -> None:
        bare = course([], fractions=tuple(day(n, (1.0, n, 0.0), deviation=None) for n in range(1, 4)))
        (without,) = patient_pictures(review_patient(bare))
        barred = course([], fractions=tuple(day(n, (1.0, n, 0.0)) for n in range(1, 4)))
        (with_bars,) = patient_pictures(review_patient(barred))
        assert without.png != with_bars.png


class TestWriting:
    def test_everything_appears_together(self, tmp_path: Path) -> None:
        review = review_patient_into(scattered(1, 4), tmp_path / "out")
        assert len(review.numbers) == 4
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(PATIENT_NAMES)
        figures = sorted(path.name for path in (tmp_path / "out" / "figures").iterdir())
        assert figures == ["course.png", "course.svg", "schemes.png", "schemes.svg"]
        assert (tmp_path / "out" / "tables" / "axes.csv").read_text(encoding="utf-8").startswith("axis,")

    def test_settings_of_the_department_count(self, tmp_path: Path) -> None:
        settings = PatientSettings(known_mm=30.0)
        review_patient_into(course(lateral(2.0, 4.0)), tmp_path / "out", settings=settings)
        assert "known within 30 mm" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

    def test_existing_results_are_kept_unless_they_may_be_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "report.html").write_text("mine")
        with pytest.raises(OutputError, match="--force"):
            review_patient_into(course([None]), tmp_path)
        assert (tmp_path / "report.html").read_text() == "mine"

        review_patient_into(course([None]), tmp_path, overwrite=True)
        assert (tmp_path / "report.html").read_text(encoding="utf-8") != "mine"

    def test_a_course_whose_fractions_are_numbered_twice_leaves_nothing_behind(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="give each its own"):
            review_patient_into(course([], fractions=(day(1), day(1))), tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_a_full_disk_leaves_nothing_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(self: Path, content: bytes) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match=r"cannot write report.html .* free some space"):
            review_patient_into(course([None]), tmp_path / "out")
        assert list(tmp_path.iterdir()) == []


def test_a_rotation_is_shown_in_degrees_with_its_direction() -> None:
    html = page_of(course([(0, 0, 0, 0, 1.0, -2.0), (0, 0, 0, 0, 1.0, -2.0)]))
    assert "1.0° clockwise" in html
    assert "2.0° clockwise" in html  # yaw, seen from above


def test_the_fixture_measures_what_it_was_given() -> None:
    np.testing.assert_allclose(review_patient(course(lateral(2.0))).errors[0, 0], 2.0)
