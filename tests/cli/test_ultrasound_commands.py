"""``isoguide ultrasound reconstruct`` and ``calibrate`` as a user types them."""

import json
from pathlib import Path

import pytest
from tracked_phantom import Noise, ball, recorded, recorded_phantom, straight_sweep, write_probe

from isoguide.cli.app import run
from isoguide.volume_files.tracked_sequence import write_tracked_frames

SPINE = "SpinePhantomFreehand.igs.mha"
CONFIG = "PlusDeviceSet_SpinePhantomFreehandReconstructionOnly.xml"


@pytest.fixture
def spine(shared_data: Path) -> list[str]:
    folder = shared_data / "PlusLibData"
    return [
        str(folder / "TestImages" / SPINE),
        "--plus-config",
        str(folder / "ConfigFiles" / "Testing" / CONFIG),
    ]


def test_help_shows_both_commands_and_an_example(capsys):
    assert run(["ultrasound", "--help"]) == 0
    out = capsys.readouterr().out
    assert "reconstruct" in out
    assert "calibrate" in out
    assert run(["ultrasound", "reconstruct", "--help"]) == 0
    assert "--plus-config" in capsys.readouterr().out


def test_the_spine_phantom_becomes_a_volume(spine, tmp_path, capsys):
    arguments = ["ultrasound", "reconstruct", *spine, "--spacing", "1.5", "--out", str(tmp_path / "out")]
    assert run(arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "21 of 21 images" in said
    assert "not be used for guidance" in said


@pytest.fixture
def sweep(tmp_path: Path) -> list[str]:
    path = tmp_path / "sweep.igs.mha"
    write_tracked_frames(path, recorded(straight_sweep(count=12), ball((3.0, 18.0, -15.0))))
    return [str(path), "--probe", str(write_probe(tmp_path))]


def test_the_result_is_printed_as_json_or_not_at_all(sweep, tmp_path, capsys):
    arguments = ["ultrasound", "reconstruct", *sweep, "--spacing", "2", "--out", str(tmp_path / "out")]
    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"]["used"] == 12
    assert run([*arguments, "--force", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--method", "median"], "--method median is not known: choose one of mean, maximum, nearest"),
        (["--fill", "0.5"], "has a gap of 1.0 mm between its images 1 and 2"),
        (["--spacing", "0"], "voxels of"),
        (["--patient-position", "SITTING"], "SITTING"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(sweep, tmp_path, capsys, extra, said):
    out = tmp_path / "out"
    assert run(["ultrasound", "reconstruct", *sweep, "--spacing", "0.5", "--out", str(out), *extra]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_an_uncalibrated_probe_is_refused(sweep, tmp_path, capsys):
    assert run(["ultrasound", "reconstruct", sweep[0], "--out", str(tmp_path / "out")]) == 2
    assert "needs the calibration of its probe" in capsys.readouterr().err


def test_a_calibration_without_its_files_is_refused(tmp_path, capsys):
    arguments = ["no.mha", "no.json", "--name", "x", "--taken", "2026-03-01T08:30:00"]
    assert run(["ultrasound", "calibrate", *arguments, "--out", str(tmp_path / "out")]) == 2
    assert "there is no sightings file no.json" in capsys.readouterr().err


def test_a_probe_is_calibrated(tmp_path, capsys):
    recording, said = recorded_phantom(tmp_path, Noise(mark_px=0.5, track_mm=0.1, track_deg=0.05))
    marks = tmp_path / "marks.json"
    marks.write_text(json.dumps(said))
    out = tmp_path / "probe"
    arguments = ["ultrasound", "calibrate", str(recording), str(marks), "--name", "C5-2"]
    arguments += ["--taken", "2026-03-01T08:30:00", "--out", str(out)]
    assert run(arguments) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "mm per coordinate" in shown
    assert "the delay of the images was not measured" in shown
    assert json.loads((out / "probe.json").read_text())["name"] == "C5-2"
    assert run(arguments) == 2
    assert "already holds" in capsys.readouterr().err
    assert run([*arguments, "--force", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
