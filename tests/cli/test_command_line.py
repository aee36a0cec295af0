import json
import os
import signal
import subprocess
import sys
import time
from types import ModuleType

import jsonschema
import pytest

import isoguide as package
from isoguide.cli import CRASHED, main
from isoguide.cli import app as app_module
from isoguide.cli.endings import ACCEPTED, BAD_INPUT, LOOK
from isoguide.errors import Cancelled, UnreadableError
from isoguide.registration.result import Verdict
from isoguide.workflow.result_json import result_schema
from isoguide.workflow.write_results import RESULT_NAMES


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


class TestAlign:
    def test_prints_correction_verdict_and_reasons_for_a_person(self, isoguide, patient, tmp_path):
        ending = isoguide("align", patient.planning, patient.daily, "--out", tmp_path / "out")

        assert ending.code == 0
        for expected in ("Lateral", "Yaw", "±", "towards the patient's", "ACCEPT", "Results:", "T-1"):
            assert expected in ending.out
        assert ending.err == ""
        assert names_in(tmp_path / "out") == sorted(RESULT_NAMES)
        assert names_in(tmp_path) == ["out"]

    def test_prints_exactly_one_json_document_for_a_program(self, isoguide, patient):
        ending = isoguide("align", patient.planning, patient.daily, "--json", "--dof", 4, "--content", "bone")

        document = json.loads(ending.out)
        jsonschema.Draft202012Validator(result_schema()).validate(document)
        assert document["degrees_of_freedom"] == 4
        assert document["settings"]["content"] == "bone"
        assert ending.err == ""

    def test_says_nothing_when_asked_to_be_quiet(self, isoguide, patient):
        ending = isoguide("align", patient.planning, patient.daily, "--quiet", "--dof", 3)

        assert (ending.code, ending.out, ending.err) == (0, "", "")

    def test_shows_what_a_simple_couch_cannot_do(self, isoguide, patient):
        ending = isoguide("align", patient.planning, patient.daily, "--dof", 3)

        assert "not with this couch" in ending.out
        assert "A couch with 3 degrees of freedom leaves" in ending.out

    def test_takes_negative_coordinates_and_a_box(self, isoguide, patient):
        _, y, z = patient.phantom.isocentre_mm

        ending = isoguide(
            "align",
            patient.planning,
            patient.daily,
            "--isocentre",
            f"-7.5,{y:.3f},{z:.3f}",
            "--machine-isocentre",
            "2,-3.5,5",
            "--roi",
            "box:160,140,120",
            "--json",
        )

        document = json.loads(ending.out)
        assert document["isocentre"]["xyz_mm"][0] == -7.5
        assert document["machine_isocentre"]["xyz_mm"] == [2.0, -3.5, 5.0]
        assert document["region"] == "box of 160 x 140 x 120 mm about the isocentre"

    def test_exits_with_1_when_a_person_has_to_look(self, isoguide, patient):
        """The planning image as the day's image: a perfect match that must not be accepted."""
        isocentre = ",".join(f"{value:.3f}" for value in patient.phantom.isocentre_mm)

        ending = isoguide("align", patient.planning, patient.planning, "--machine-isocentre", isocentre)

        assert ending.code == 1
        assert "planning image itself" in " ".join(ending.out.split())

    def test_overwrites_only_when_told(self, isoguide, patient, tmp_path):
        arguments = ("align", patient.planning, patient.daily, "--out", tmp_path / "out", "--quiet")

        assert isoguide(*arguments).code == 0
        before = (tmp_path / "out" / "result.json").read_bytes()
        refused = isoguide(*arguments)
        assert refused.code == 2
        assert "--force" in refused.err
        assert (tmp_path / "out" / "result.json").read_bytes() == before
        assert isoguide(*arguments, "--force").code == 0
        assert (tmp_path / "out" / "result.json").read_bytes() != before


class TestUsage:
    @pytest.mark.parametrize(
        ("option", "value", "expected"),
        [
            ("--dof", "5", "--dof needs 3 (shifts), 4 (shifts and yaw) or 6, not 5"),
            ("--content", "fat", "--content needs auto, bone or soft, not 'fat'"),
            ("--isocentre", "1,2", "--isocentre needs three numbers in mm like -7.5,-234,16, not '1,2'"),
            ("--isocentre", "1,2,nan", "--isocentre needs three numbers"),
            ("--machine-isocentre", "origin", "--machine-isocentre needs X,Y,Z in mm or image-origin"),
            ("--roi", "box:abc", "like box:120 or box:160,120,80, not 'box:abc'"),
            ("--roi", "box:0", "--roi box: needs one or three positive edges"),
            ("--patient-position", "SITTING", "--patient-position needs one of HFS, HFP"),
            ("--units", "cm", "--units can only be mm, not 'cm'"),
            ("--beam", "one", "--beam"),
            ("--colour", "red", "--colour"),
        ],
    )
    def test_a_wrong_option_is_answered_with_one_sentence(self, isoguide, tmp_path, option, value, expected):
        ending = isoguide("align", tmp_path, tmp_path, option, value)

        assert ending.code == 2
        assert expected in ending.err
        assert ending.err.startswith("isoguide: ")
        assert ending.err.count("\n") == 1
        assert ending.out == ""

    @pytest.mark.parametrize("arguments", [("align",), ("algn",), ("align", "only-one")])
    def test_a_wrong_command_line_is_answered_with_one_sentence(self, isoguide, arguments):
        ending = isoguide(*arguments)

        assert ending.code == 2
        assert ending.err.count("\n") == 1

    def test_a_path_that_does_not_exist_is_named(self, isoguide, tmp_path):
        ending = isoguide("align", tmp_path / "nowhere", tmp_path)

        assert ending.code == 2
        assert "nowhere does not exist" in ending.err

    def test_patient_positions_may_be_written_small(self, isoguide, patient):
        ending = isoguide("align", patient.planning, patient.daily, "--patient-position", "hfp")

        assert ending.code == 2
        assert "contradicts" in ending.err

    def test_the_version_is_printed(self, isoguide):
        ending = isoguide("--version")

        assert (ending.code, ending.out) == (0, f"isoguide {package.__version__}\n")

    @pytest.mark.parametrize("command", ["align", "inspect", "demo"])
    def test_every_command_has_help_with_examples(self, isoguide, command):
        ending = isoguide(command, "--help")

        assert ending.code == 0
        assert "Examples" in ending.out
        assert f"isoguide {command}" in ending.out

    def test_the_program_itself_has_help_and_completion(self, isoguide):
        ending = isoguide("--help")

        assert ending.code == 0
        assert "--install-completion" in ending.out

    @pytest.mark.parametrize("command", ["inspect", "align", "reconstruct", "demo", "simulate"])
    def test_the_program_itself_has_an_example_of_each_command(self, isoguide, command):
        assert f"isoguide {command}" in isoguide("--help").out

    @pytest.mark.parametrize("code", [ACCEPTED, LOOK, BAD_INPUT, CRASHED])
    def test_the_program_itself_says_what_each_exit_code_means(self, isoguide, code):
        assert f" {code}: " in isoguide("--help").out


class TestInspect:
    def test_tells_what_is_there_and_how_to_choose_it(self, isoguide, patient):
        ending = isoguide("inspect", patient.planning)

        assert ending.code == 0
        for expected in ("CT series", "plan 'EXAMPLE'", "structure set", "UID "):
            assert expected in ending.out

    def test_exits_with_1_when_something_is_wrong(self, isoguide, tmp_path):
        (tmp_path / "empty").mkdir()
        (tmp_path / "notes.txt").write_text("nothing")

        ending = isoguide("inspect", tmp_path)

        assert ending.code == 1
        assert "nothing that isoguide can read" in ending.out
        assert "notes.txt" in ending.out

    def test_prints_json_for_a_program(self, isoguide, patient):
        ending = isoguide("inspect", patient.daily, "--json")

        document = json.loads(ending.out)
        assert {item["kind"] for item in document["items"]} == {"CT series", "structure set"}
        assert document["other_files"] == []

    def test_shows_problems_beside_the_thing(self, isoguide, tmp_path):
        (tmp_path / "day.nii").write_bytes(b"nothing")

        ending = isoguide("inspect", tmp_path / "day.nii")

        assert ending.code == 1
        assert "cannot be used" in ending.out


class TestEndings:
    """How a run ends that does not end by itself."""

    @pytest.fixture
    def failing(self, isoguide, monkeypatch, tmp_path):
        """Run ``align`` with the work replaced by something that raises."""

        def run(error):
            def work(*_arguments, **_options):
                raise error

            monkeypatch.setattr("isoguide.workflow.write_results.align", work)
            (tmp_path / "in").mkdir()
            return isoguide("align", tmp_path / "in", tmp_path / "in", "--out", tmp_path / "out")

        return run

    @pytest.mark.parametrize(
        ("error", "sentence"),
        [
            (KeyboardInterrupt(), "interrupted; nothing was left behind"),
            (Cancelled(), "interrupted; nothing was left behind"),
            (UnreadableError("a\nb"), "a b"),
        ],
    )
    def test_leave_one_sentence_and_nothing_else(self, failing, tmp_path, error, sentence):
        ending = failing(error)

        assert ending.code == 2
        assert ending.err == f"isoguide: {sentence}\n"
        assert names_in(tmp_path) == ["in"]

    def test_a_mistake_of_ours_is_never_mistaken_for_an_answer(self, failing, tmp_path):
        ending = failing(ZeroDivisionError("oops"))

        assert ending.code == 70
        assert "ZeroDivisionError" in ending.err
        assert "please report" in ending.err
        assert names_in(tmp_path) == ["in"]

    def test_a_path_that_the_system_refuses_is_bad_input(self, isoguide, tmp_path):
        """A name beyond 255 bytes: the system says so itself, as it does below a folder that is closed."""
        too_long = tmp_path / ("x" * 300)

        for ending in (
            isoguide("align", too_long, tmp_path),
            isoguide("align", tmp_path, tmp_path, "--out", too_long),
            isoguide("inspect", too_long),
        ):
            assert ending.code == 2
            assert ending.out == ""
            assert ending.err.count("\n") == 1
            assert "too long" in ending.err
        assert names_in(tmp_path) == []

    def test_no_command_at_all_is_answered_with_help_and_nothing_else(self, isoguide):
        ending = isoguide()

        assert ending.code == 2
        assert "Usage: isoguide" in ending.out
        assert ending.err == ""

    def test_an_interruption_between_commands_is_one_sentence_too(self, isoguide, monkeypatch):
        def interrupted(_app):
            raise KeyboardInterrupt

        monkeypatch.setattr(app_module, "all_commands", interrupted)

        ending = isoguide("--help")

        assert ending.code == 2

    @pytest.mark.parametrize("module", ["isoguide.cli.app", "isoguide.cli.align"])
    def test_an_interruption_while_the_libraries_load_is_one_sentence_too(
        self, isoguide, monkeypatch, tmp_path, module
    ):
        class Interrupting(ModuleType):
            def __getattr__(self, name):
                raise KeyboardInterrupt

        monkeypatch.setitem(sys.modules, module, Interrupting(module))

        ending = isoguide("align", tmp_path, tmp_path, "--out", tmp_path / "out")

        assert ending == (2, "", "isoguide: interrupted; nothing was left behind\n")
        assert names_in(tmp_path) == []

    def test_the_arguments_come_from_the_shell(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "argv", ["isoguide", "--version"])

        with pytest.raises(SystemExit) as ended:
            main()

        assert ended.value.code == 0
        assert capsys.readouterr().out.startswith("isoguide ")


WORKS_ON = """
from isoguide.workflow import write_results

def again_and_again(*arguments, align=write_results.align, **named):
    while True:
        align(*arguments, **named)

write_results.align = again_and_again
"""
"""Whenever a signal comes, it comes in the middle of the work: a busy computer may send it late."""


class TestARealProcess:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_in_the_middle_of_the_work_leaves_nothing_behind(self, patient, tmp_path, number):
        # Where the tests run in the background, SIGINT is ignored and the child would inherit that.
        listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
        program = f"{listening}\n{WORKS_ON}\nfrom isoguide.cli import main; main()"
        command = [sys.executable, "-c", program, "align", patient.planning, patient.daily]
        with subprocess.Popen(
            [*command, "--out", tmp_path / "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            # The staging folder appears when the work begins.
            deadline = time.monotonic() + 60.0
            while not names_in(tmp_path) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.3)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)

        assert process.returncode == 2
        assert err.count("\n") == 1
        assert "nothing was left behind" in err
        assert out == ""
        assert names_in(tmp_path) == []

    def test_help_does_not_load_the_heavy_libraries(self):
        code = (
            "import sys, isoguide.cli.app\n"
            "print([name for name in ('numpy', 'numba', 'pydicom', 'matplotlib') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

        assert done.stdout.strip() == "[]"

    def test_json_on_standard_output_is_all_there_is(self, patient, tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "isoguide.cli", "align", patient.planning, patient.daily, "--json"],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | {"PYTHONWARNINGS": "error::UserWarning:isoguide"},
        )

        assert done.returncode == 0
        assert json.loads(done.stdout)["verdict"] == Verdict.ACCEPT
        assert done.stderr == ""
        assert names_in(tmp_path) == []
