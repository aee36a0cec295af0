"""What people see of a population."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from reviewed_courses import course, day, lateral, population, scattered

from isoguide.course import CourseHistory, ImagingDose
from isoguide.errors import OutputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.review.groups import Grouping
from isoguide.review.simulated import KnownErrors, simulate_population
from isoguide.workflow.review.drawing import Picture
from isoguide.workflow.review.patient_points import PatientPoints
from isoguide.workflow.review.population import POPULATION_NAMES, review_population_into, reviewed
from isoguide.workflow.review.population_figures import MOST_GROUPS, drawn_groups, population_pictures
from isoguide.workflow.review.population_json import (
    POPULATION_SCHEMA_FILE,
    population_review_schema,
    population_review_schema_text,
    population_review_text,
)
from isoguide.workflow.review.population_page import population_html
from isoguide.workflow.review.population_tables import population_tables
from isoguide.workflow.review.population_words import (
    Population,
    is_inside,
    lead_words,
    left_out_words,
    true_values,
    truth_words,
)

PUBLISHED = Path(__file__).parents[2] / "docs" / "schema" / POPULATION_SCHEMA_FILE
TRUTH = KnownErrors(
    mean=np.array([1.0, -2.0, 0.5, 0.1, 0.0, -0.2]),
    measurement=np.array([0.3, 0.3, 0.4, 0.1, 0.1, 0.1]),
)


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


class Drawn:
    """Stands for the figures, which take time: every name has an empty one."""

    NAMES = ("errors", "margins", "schemes", "patients")
    ALL = tuple(Picture(name, "a figure", b"", b"") for name in NAMES)


def page_of(histories: tuple[CourseHistory, ...], **options) -> str:
    return population_html(reviewed(histories, **options), Drawn.ALL)


def document_of(histories: tuple[CourseHistory, ...], **options) -> dict:
    document = json.loads(population_review_text(reviewed(histories, **options)))
    jsonschema.Draft202012Validator(population_review_schema()).validate(document)
    return document


def tables_of(histories: tuple[CourseHistory, ...]) -> dict[str, list[dict[str, str]]]:
    found = reviewed(histories)
    tables = population_tables(found, PatientPoints.of(found.histories))
    return {name: list(csv.DictReader(io.StringIO(text))) for name, text in tables.items()}


@pytest.fixture(scope="module")
def simulated() -> Population:
    histories = simulate_population(np.random.default_rng(11), 40, 8, TRUTH)
    return reviewed(histories, truth=TRUTH)


@pytest.fixture(scope="module")
def drawn(simulated: Population) -> tuple[Picture, ...]:
    return population_pictures(simulated, PatientPoints.of(simulated.histories))


class TestPage:
    @pytest.mark.parametrize("patients", [0, 1, 2, 4, 6, 9])
    def test_it_is_whole_however_many_patients_there_are(self, patients: int) -> None:
        page = Page(page_of(population(patients)))
        assert page.open == []
        assert all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)

    def test_what_comes_from_records_cannot_become_part_of_the_page(self) -> None:
        html = page_of(population(6, machine="<b>Linac</b>"), by=Grouping.MACHINE)
        assert "<b>Linac" not in html
        assert "&lt;b&gt;Linac" in html

    def test_the_systematic_error_takes_five_patients(self) -> None:
        assert "not available: 4 patients, takes 5" in page_of(population(4))
        assert "not available: 5 patients" not in page_of(population(5))

    def test_a_group_of_few_patients_has_its_reason_instead_of_a_number(self) -> None:
        html = page_of((*population(6), scattered(9, 5, "C0009", site="brain")))
        assert "not available: 1 patient, takes 5" in html
        assert "Site &#x27;brain&#x27;: Σ and margins not available (1 patient, takes 5)." in html

    def test_the_side_of_the_mean_is_said_in_words(self) -> None:
        # Every patient lies 2 mm too far to the right on one day and 4 mm on the other: M = 3, Σ = 0.
        html = page_of(tuple(course(lateral(2.0, 4.0), f"C{n}") for n in range(5)))
        assert "+3.00" in html
        assert "3.0 mm to the right" in html
        assert "taken for zero: the means differ less than chance" in html

    def test_margins_stand_beside_what_they_assume_and_where_they_come_from(self) -> None:
        html = page_of(population(6))
        assert "2.5 Σ + 0.7 σ" in html
        assert "van Herk et al., Int J Radiat Oncol Biol Phys 47:1121, 2000" in html
        assert "90 % of the patients receive at least 95 % of the dose" in html
        assert "McKenzie" in html

    def test_imaging_dose_stands_beside_its_metric_by_group(self) -> None:
        html = page_of(population(6))
        # Three patients on each site, six days each, 4.5 mGy a day.
        assert html.count("81.00 <span class='range'>CTDIw, mGy</span>") == 2
        assert "162.0 <span class='range'>CTDIw, mGy</span>" in html

    def test_large_doses_have_no_exponent(self) -> None:
        hot = day(1, (1.0, 0.0, 0.0), doses=(ImagingDose(123456.0, "DAP"),))
        html = page_of((course([], fractions=(hot,)),))
        assert "123,456 <span class='range'>DAP</span>" in html

    def test_who_stands_out_is_listed_with_side_and_score(self) -> None:
        # Nine patients at 0 to 0.8 mm and one at 20 mm.
        courses = [course(lateral(*(n / 10 + x for x in (-1.0, 0.0, 1.0))), f"C{n}") for n in range(9)]
        html = page_of((*courses, course(lateral(19.0, 20.0, 21.0), "C99")))
        assert "20.0 mm to the right" in html
        assert "1 patient stands out" in html

    def test_nobody_can_stand_out_among_few(self) -> None:
        assert "not available: takes 8 patients" in page_of(population(7))
        assert "takes 8 patients" not in page_of(population(8))

    def test_who_drifts_is_listed_with_the_side(self) -> None:
        courses = (course(lateral(*(-0.5 * day for day in range(12))), "C7"), *population(3))
        html = page_of(courses)
        assert "0.50 mm a fraction, further to the left" in html
        assert "1 patient drifts." in html

    def test_what_corrected_images_still_show_has_its_own_table(self) -> None:
        left = CouchCorrection(-0.5, 0.0, 0.0)
        verified = tuple(
            course([], f"C{n}", fractions=tuple(day(d, (d, 0, 0), residual=left, images=2) for d in (1, 2)))
            for n in range(5)
        )
        assert "not available: no image was taken after a correction" in page_of(population(5))
        assert "What images taken after the couch had been moved still called for" in page_of(verified)

    def test_long_lists_are_cut_and_say_where_the_rest_is(self) -> None:
        drifting = tuple(course(lateral(*np.arange(12.0)), f"C{n}") for n in range(16))
        assert "15 of 16 are listed here, all in drifts.csv." in page_of(drifting)


class TestTruth:
    def test_the_truth_stands_beside_each_estimate_with_its_badge(self, simulated: Population) -> None:
        html = population_html(simulated, Drawn.ALL)
        # Three numbers of six axes, the head of the page and the caption of the figure.
        assert html.count('<span class="badge">truth</span>') == 20
        assert "These patients are simulated." in html
        assert re.search(r"\+1\.00, (inside|outside)", html)

    def test_a_real_population_has_no_truth(self) -> None:
        assert "badge" not in re.sub(r"<style>.*</style>", "", page_of(population(5)), flags=re.DOTALL)

    def test_the_random_error_that_is_measured_holds_the_error_of_the_match(self) -> None:
        # sqrt(2.5² + 0.3²) and sqrt(0.7² + 0.1²).
        random = true_values(TRUTH)["random"]
        assert random[0] == pytest.approx(2.51794, abs=1e-5)
        assert random[3] == pytest.approx(0.70711, abs=1e-5)

    def test_the_document_says_which_intervals_hold_the_truth(self, simulated: Population) -> None:
        document = json.loads(population_review_text(simulated))
        assert len(document["truth"]) == 18
        everybody = document["groups"][0]["axes"]
        for told in document["truth"]:
            interval = next(axis for axis in everybody if axis["axis"] == told["axis"])[told["quantity"]]
            assert told["is_inside"] == (interval["low"] <= told["truth"] <= interval["high"])

    def test_a_wrong_truth_is_outside(self, simulated: Population) -> None:
        wrong = replace(TRUTH, mean=np.full(6, 50.0))
        assert "50.00, outside" in population_html(replace(simulated, truth=wrong), Drawn.ALL)
        first, *_ = truth_words(simulated.everybody.axes, wrong)
        assert first.startswith(f"{sum(_held(simulated))} of 18 intervals hold the truth")

    def test_drift_and_outliers_are_said_not_to_be_in_it(self, simulated: Population) -> None:
        drifting = replace(TRUTH, drift=np.full(6, 0.1))
        assert "drift or were set up wrongly on purpose" in truth_words(simulated.everybody.axes, drifting)[1]

    def test_few_patients_have_no_truth_beside_what_is_not_available(self) -> None:
        histories = simulate_population(np.random.default_rng(1), 3, 4, TRUTH)
        assert document_of(histories, truth=TRUTH)["truth"] == []


def _held(simulated: Population) -> list[bool]:
    """Systematic and random intervals that hold the truth; a mean of 50 is in none."""
    true = true_values(TRUTH)
    return [
        is_inside(getattr(axis, name), float(true[name][at]))
        for at, axis in enumerate(simulated.everybody.axes)
        for name in ("systematic", "random")
    ]


class TestWordsAboutAPopulation:
    def test_what_was_left_out_is_counted_with_its_reason(self) -> None:
        gaps = course([], "C9", fractions=(day(1), day(2, state="stopped"), day(3)))
        said = left_out_words(reviewed((*population(6), gaps)))
        assert said[0] == "1 course without any measurement: not in M, Σ and σ."
        assert said[1].startswith("3 fractions without a usable image before the couch was moved")
        assert "(2 closed, 1 stopped)" in said[1]
        assert "Patients who stand out: not available (6 patients, takes 8)." in said

    def test_a_population_that_was_never_measured_says_so(self) -> None:
        told = reviewed((course([None]), course([None], "C2")))
        assert lead_words(told) == ("Nothing was measured: M, Σ, σ and margins are not available.",)
        assert "Site 'pelvis': Σ and margins not available (nobody was measured)." in left_out_words(told)

    def test_patients_measured_once_cannot_tell_systematic_from_random(self) -> None:
        once = tuple(course(lateral(float(n)), f"C{n}") for n in range(6))
        assert any("nobody was measured twice" in line for line in left_out_words(reviewed(once)))
        assert document_of(once)["groups"][0]["not_available"] == "nobody was measured twice"

    def test_a_course_that_does_not_say_its_device_is_a_group_of_its_own(self) -> None:
        assert "not said" in page_of(population(5, device=""), by=Grouping.DEVICE)


class TestDocument:
    def test_the_published_schema_is_that_of_the_document(self) -> None:
        jsonschema.Draft202012Validator.check_schema(population_review_schema())
        assert PUBLISHED.read_text(encoding="utf-8") == population_review_schema_text()

    @pytest.mark.parametrize("patients", [0, 1, 2, 4, 5, 9])
    def test_it_keeps_to_the_schema_however_many_patients_there_are(self, patients: int) -> None:
        document = document_of(population(patients))
        assert document["courses"] == patients
        assert bool(document["schemes"]) == (patients >= 5)
        assert all((axis["systematic"] is None) == (patients < 5) for axis in _axes(document, "all"))

    def test_coverage_is_told_of_margins_made_for_water(self) -> None:
        named = [told["margin"] for told in document_of(population(5))["coverages"]]
        assert named == ["van Herk", "van Herk, full, water", "Stroom", "Parker"]

    def test_all_groupings_are_in_it(self) -> None:
        by = {group["by"] for group in document_of(population(5))["groups"]}
        assert by == {"all", "site", "device", "machine", "protocol"}


def _axes(document: dict, by: str) -> list[dict]:
    return [axis for group in document["groups"] if group["by"] == by for axis in group["axes"]]


class TestTables:
    def test_every_group_has_its_numbers_or_its_reason(self) -> None:
        errors = tables_of((*population(6), scattered(9, 5, "C0009", site="brain")))["errors.csv"]
        brain = next(row for row in errors if row["name"] == "brain")
        everybody = next(row for row in errors if row["by"] == "all")
        assert brain["systematic"] == ""
        assert brain["not_available"] == "1 patient, takes 5"
        assert float(everybody["systematic_low"]) <= float(everybody["systematic"])

    def test_every_patient_has_mean_and_spread_by_hand(self) -> None:
        # 2 and 4: mean 3, standard deviation sqrt(2); one measurement has no spread.
        rows = tables_of((course(lateral(2.0, 4.0)), course(lateral(1.0), "C2"), course([None], "C3")))
        first, second = rows["patients.csv"]
        assert float(first["mean_lateral_mm"]) == 3.0
        assert float(first["sd_lateral_mm"]) == pytest.approx(np.sqrt(2.0))
        assert (second["mean_lateral_mm"], second["sd_lateral_mm"]) == ("1.0", "")

    def test_few_patients_have_no_margin_and_no_scheme(self) -> None:
        few, enough = tables_of(population(4)), tables_of(population(5))
        assert few["margins.csv"] == few["schemes.csv"] == []
        assert {row["recipe"] for row in enough["margins.csv"]} >= {"van Herk", "Stroom", "Parker"}
        assert len(enough["schemes.csv"]) == 7 * 3

    def test_conduct_and_dose_are_there_once_for_each_group(self) -> None:
        tables = tables_of(population(4))
        everybody = next(row for row in tables["conduct.csv"] if row["by"] == "all")
        assert (everybody["fractions"], everybody["imaged"]) == ("24", "1.0")
        assert float(next(row for row in tables["doses.csv"] if row["by"] == "all")["total"]) == 24 * 4.5


class TestFigures:
    def test_there_are_few_and_they_say_what_they_show(self, drawn: tuple[Picture, ...]) -> None:
        assert [one.name for one in drawn] == ["errors", "margins", "schemes", "patients"]
        assert all(one.png.startswith(b"\x89PNG") and one.svg.startswith(b"<?xml") for one in drawn)

    def test_the_largest_groups_are_drawn_with_all_patients_first(self) -> None:
        histories = [
            scattered(number, 2, f"C{number}", machine=f"Linac {number % 14:02}") for number in range(75)
        ]
        groups = drawn_groups(reviewed(histories, by=Grouping.MACHINE))
        assert len(groups) == MOST_GROUPS + 1
        assert groups[0].by is Grouping.ALL
        # 75 = 5 * 14 + 5: the first five machines have a patient more than the others.
        assert {group.name for group in groups} >= {f"Linac {number:02}" for number in range(5)}

    def test_nothing_is_drawn_without_measurements(self) -> None:
        histories = (course([None]),)
        assert population_pictures(reviewed(histories), PatientPoints.of(histories)) == ()

    def test_few_patients_are_drawn_one_by_one(self) -> None:
        histories = population(3)
        found = population_pictures(reviewed(histories), PatientPoints.of(histories))
        assert [one.name for one in found] == ["patients"]

    def test_patients_measured_once_have_no_spread_to_draw(self) -> None:
        once = (course(lateral(1.0)), course(lateral(2.0), "C2"))
        assert population_pictures(reviewed(once), PatientPoints.of(once)) == ()


class TestWriting:
    def test_everything_appears_together(self, tmp_path: Path) -> None:
        histories = population(3)
        found = review_population_into(histories, tmp_path / "out", by=Grouping.DEVICE)
        assert found.by is Grouping.DEVICE
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(POPULATION_NAMES)
        assert "Set-up errors by device" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

    def test_existing_results_are_kept(self, tmp_path: Path) -> None:
        (tmp_path / "figures").mkdir()
        with pytest.raises(OutputError, match="--force"):
            review_population_into(population(1), tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["figures"]

    def test_a_failure_leaves_nothing_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(self: Path, content: bytes) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(OutputError, match="free some space"):
            review_population_into(population(1), tmp_path / "out")
        assert list(tmp_path.iterdir()) == []
