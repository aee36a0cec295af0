"""`isoguide simulate` and `isoguide demo` as a shell sees them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from small_course import coarse_room, small_course, small_patient

from isoguide.cli import demo as command
from isoguide.treatment import State
from isoguide.workflow import simulate, write_course
from isoguide.workflow.course import Course
from isoguide.workflow.scenario import ExpectSection
from isoguide.workflow.scenario_file import shipped_scenarios

SCENARIO = 'title = "Mine"\nseed = 1\n[patient]\nsite = "prostate"\n'


@pytest.fixture(scope="session")
def course() -> Course:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(simulate, "room_settings", coarse_room)
        return small_course(small_patient(), report=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch, course: Course):
    """The command with the computation done before."""
    from isoguide.cli import simulate as command

    def give(answer: Course) -> None:
        for module in (command, write_course):
            monkeypatch.setattr(module, "simulate", lambda *_args, **_kwargs: answer)

    give(course)
    return give


class TestSimulate:
    def test_the_table_shows_measured_and_true_side_by_side(self, isoguide, simulated, file, course) -> None:
        ending = isoguide("simulate", file)

        assert ending.code == 0
        for expected in ("set-up error", "measured", "needed", "left", "closed", "AS EXPECTED"):
            assert expected in ending.out
        assert f"{course.fractions[0].treated.residual.largest_mm:.2f} mm" in ending.out

    def test_the_document_can_be_read_by_a_program(self, isoguide, simulated, file) -> None:
        ending = isoguide("simulate", file, "--json")
        assert ending.code == 0
        assert json.loads(ending.out)["as_expected"] is True

    def test_results_are_written_where_wanted(self, isoguide, simulated, file, tmp_path) -> None:
        ending = isoguide("simulate", file, "--out", tmp_path / "out")
        assert ending.code == 0
        assert "report.html" in ending.out
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["course.json", "report.html"]

    def test_quiet_is_quiet(self, isoguide, simulated, file) -> None:
        assert isoguide("simulate", file, "--quiet").out == ""

    def test_an_unmet_expectation_is_exit_code_1_and_a_sentence(
        self, isoguide, simulated, file, course
    ) -> None:
        other = replace(course.fractions[0], expected=ExpectSection(ends="stopped"))
        simulated(replace(course, fractions=(other,)))

        ending = isoguide("simulate", file)

        assert ending.code == 1
        assert "NOT AS EXPECTED" in ending.out
        assert "fraction 1 was expected to end 'stopped', not 'closed'" in " ".join(ending.out.split())

    def test_a_fraction_that_was_stopped_shows_its_reason(self, isoguide, simulated, file, course) -> None:
        first = course.fractions[0]
        outcome = replace(first.outcome, state=State.STOPPED, reason="the couch does not answer", matches=())
        gone = replace(first, outcome=outcome, treated=None, expected=ExpectSection(ends="stopped"))
        simulated(replace(course, fractions=(gone,)))

        ending = isoguide("simulate", file)

        assert ending.code == 0
        for expected in ("no beam", "the couch does not answer", "none"):
            assert expected in ending.out

    def test_the_scenarios_that_ship_are_listed_with_their_titles(self, isoguide) -> None:
        ending = isoguide("simulate", "--list")
        assert ending.code == 0
        assert all(name in ending.out for name in shipped_scenarios())
        assert "An image is lost" in ending.out


class TestBadInput:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (SCENARIO + "[breathing]\nperiod_s = 0\n", "breathing.period_s = 0 is impossible"),
            (SCENARIO + "[plan]\ndose_gy = -2\n", "plan.dose_gy = -2 is impossible"),
            (SCENARIO + "[breath]\n", "breath is not a key of scenarios: did you mean breathing?"),
            ('title = "Mine"\n[patient]\nsite = "knee"\n', 'patient.site = "knee" is not known'),
            ('title = "Mine"\n[patient]\nct = "nowhere"\n', "nowhere"),
            (
                SCENARIO + "voxel_mm = [5.0, 5.0, 5.0]\n[set_up]\nsystematic_mm = [100, 100, 100]\n",
                "out of the image of virtual pelvis patient 1: make set-up errors and changes smaller",
            ),
        ],
    )
    def test_is_one_sentence_and_exit_code_2(self, isoguide, tmp_path, text, said) -> None:
        (tmp_path / "bad.toml").write_text(text, encoding="utf-8")

        ending = isoguide("simulate", tmp_path / "bad.toml", "--out", tmp_path / "out")

        assert ending.code == 2
        assert said in ending.err
        assert ending.err.count("\n") == 1
        assert not (tmp_path / "out").exists()

    def test_a_ct_that_does_not_hold_the_isocentre_is_refused(self, isoguide, patient, tmp_path) -> None:
        shutil.copytree(patient.planning, tmp_path / "export")
        plan = pydicom.dcmread(tmp_path / "export" / "RP.dcm")
        for beam in plan.BeamSequence:
            beam.ControlPointSequence[0].IsocenterPosition = [900.0, 0.0, 0.0]
        plan.save_as(tmp_path / "export" / "RP.dcm")
        (tmp_path / "mine.toml").write_text('title = "Mine"\n[patient]\nct = "export"\n', encoding="utf-8")

        ending = isoguide("simulate", tmp_path / "mine.toml")

        assert ending.code == 2
        assert "the isocentre (900.0, 0.0, 0.0) mm lies outside patient of export" in ending.err
        assert ending.err.count("\n") == 1

    def test_a_scenario_that_is_not_there_is_named(self, isoguide) -> None:
        ending = isoguide("simulate", "imaglost")
        assert ending.code == 2
        assert "did you mean image-lost?" in ending.err

    def test_without_a_scenario_the_list_is_pointed_to(self, isoguide) -> None:
        ending = isoguide("simulate")
        assert ending.code == 2
        assert "--list" in ending.err

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--site", "knee"), "--site needs one of prostate, lung, head-neck, liver, not 'knee'"),
            (("--fractions", "0"), "--fractions"),
            (("--fractions", "50"), "--fractions"),
            (("--seed", "-1"), "--seed"),
        ],
    )
    def test_of_the_demonstration_is_answered_too(self, isoguide, tmp_path, options, said) -> None:
        ending = isoguide("demo", *options, "--out", tmp_path / "demo")
        assert ending.code == 2
        assert said in ending.err
        assert not (tmp_path / "demo").exists()


class TestDemo:
    def test_it_prints_the_course_and_where_to_look(self, isoguide, monkeypatch, course, tmp_path) -> None:
        asked = {}

        def demonstrate(target: Path, **options: object) -> Course:
            asked.update(options, target=target)
            return course

        monkeypatch.setattr(command, "demonstrate", demonstrate)
        ending = isoguide("demo", "--site", "lung", "--fractions", 4, "--seed", 7, "--out", tmp_path / "demo")

        assert ending.code == 0
        assert (asked["site"], asked["fractions"], asked["seed"]) == ("lung", 4, 7)
        assert "AS EXPECTED" in ending.out
        assert "report.html" in ending.out
        waiting = len(course.fractions) + 1
        assert f"Fraction {waiting} waits at the console: isoguide serve --demo {tmp_path}" in ending.out
        assert "sign-in.txt" in ending.out

    def test_an_earlier_demonstration_is_kept(self, isoguide, tmp_path) -> None:
        (tmp_path / "planning").mkdir()
        ending = isoguide("demo", "--out", tmp_path)
        assert ending.code == 2
        assert "--force" in ending.err
