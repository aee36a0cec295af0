"""`isoguide review` as a shell sees it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from isoguide.course import CourseHistory, Person, Role
from isoguide.records import Place, create_records
from isoguide.review.simulated import WhereTreated, simulate_population

NOW = datetime(2025, 1, 1, 8, tzinfo=UTC)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six courses on two machines, and one that was never measured."""
    folder = tmp_path_factory.mktemp("records")
    where = WhereTreated(sites=("prostate",), machines=("Linac 1", "Linac 2"), protocols=("daily v2",))
    histories = simulate_population(np.random.default_rng(4), 6, 4, where=where)
    empty = CourseHistory("EMPTY", "P7", "brain", "Linac 1", "daily v2")
    with create_records(Place.parse(str(folder)), clock=lambda: NOW) as records:
        records.add_person(Person("ana", Role.PHYSICIST), by="ana")
        for history in (*histories, empty):
            records.add_history(history, source="a simulation", by="ana")
    return folder


class TestPatient:
    def test_the_table_says_where_he_lay_on_every_axis(self, isoguide, place) -> None:
        ending = isoguide("review", "patient", "C00001", "--records", place)
        assert ending.code == 0
        for words in ("Course C00001", "4 fractions, 4 measured", "Lateral (mm)", "Yaw (°)", "drift"):
            assert words in ending.out
        assert "control charts (8)" in " ".join(ending.out.split())

    def test_the_document_can_be_read_by_a_program(self, isoguide, place) -> None:
        ending = isoguide("review", "patient", "C00001", "--records", place, "--json")
        assert ending.code == 0
        assert json.loads(ending.out)["course_id"] == "C00001"

    def test_results_are_written_where_wanted(self, isoguide, place, tmp_path) -> None:
        ending = isoguide("review", "patient", "EMPTY", "--records", place, "--out", tmp_path / "out")
        assert "Look at" in ending.out
        names = ["figures", "for-the-patient.html", "patient-review.json", "report.html", "tables"]
        assert [name for name in names if (tmp_path / "out" / name).exists()] == names[1:]

    def test_a_course_without_measurements_is_exit_code_1(self, isoguide, place) -> None:
        ending = isoguide("review", "patient", "EMPTY", "--records", place)
        assert ending.code == 1
        assert "Not available: no fraction was measured" in " ".join(ending.out.split())

    def test_a_course_that_is_not_there_is_one_sentence(self, isoguide, place) -> None:
        ending = isoguide("review", "patient", "C9", "--records", place)
        assert ending.code == 2
        assert ending.err.count("\n") == 1
        assert "there is no course 'C9'" in ending.err

    def test_quiet_is_quiet(self, isoguide, place) -> None:
        assert isoguide("review", "patient", "C00001", "--records", place, "--quiet").out == ""

    def test_existing_results_are_kept(self, isoguide, place, tmp_path) -> None:
        (tmp_path / "report.html").write_text("mine")
        ending = isoguide("review", "patient", "EMPTY", "--records", place, "--out", tmp_path)
        assert ending.code == 2
        assert "--force" in ending.err

        isoguide("review", "patient", "EMPTY", "--records", place, "--out", tmp_path, "--force")
        assert (tmp_path / "report.html").read_text(encoding="utf-8") != "mine"


class TestPopulation:
    def test_the_table_shows_errors_and_margin_of_all_and_of_each_group(self, isoguide, place) -> None:
        ending = isoguide("review", "population", "--records", place, "--by", "machine")
        assert ending.code == 0
        for words in ("7 courses, 24 fractions measured", "all, 6 patients", "Linac 1, 3 patients"):
            assert words in ending.out
        assert "margin, van Herk 2.5 Σ + 0.7 σ" in ending.out
        assert "not available" in ending.out

    def test_courses_can_be_chosen(self, isoguide, place) -> None:
        chosen = ("--machine", "Linac 2", "--site", "prostate", "--protocol", "daily")
        ending = isoguide("review", "population", "--records", place, *chosen, "--json")
        assert json.loads(ending.out)["courses"] == 3

    def test_the_place_may_come_from_the_environment(self, isoguide, place, monkeypatch) -> None:
        monkeypatch.setenv("ISOGUIDE_RECORDS", str(place))
        assert isoguide("review", "population", "--quiet").code == 0

    def test_results_are_written_where_wanted(self, isoguide, place, tmp_path) -> None:
        ending = isoguide(
            "review", "population", "--records", place, "--site", "brain", "--out", tmp_path / "out"
        )
        assert ending.code == 1  # that course was never measured
        assert (tmp_path / "out" / "population-review.json").exists()

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--site", "knee"), "no course in"),
            (("--by", "doctor"), "--by needs one of site, device, machine, protocol, not 'doctor'"),
        ],
    )
    def test_bad_input_is_one_sentence_and_exit_code_2(self, isoguide, place, options, said) -> None:
        ending = isoguide("review", "population", "--records", place, *options)
        assert ending.code == 2
        assert said in ending.err
        assert ending.err.count("\n") == 1

    def test_records_that_are_not_there_are_named(self, isoguide, tmp_path) -> None:
        ending = isoguide("review", "population", "--records", tmp_path / "nowhere")
        assert ending.code == 2
        assert "nowhere" in ending.err
