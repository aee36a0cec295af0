"""Ultrasound on the command line: bad input is one sentence and exit code 2, and nothing is left behind."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "workflow"))

from ultrasound_days import moved, record, write_day, write_probe, write_reference

from isoguide.dicom import load_planning_set


@pytest.fixture(scope="module")
def planned(patient):
    return load_planning_set(patient.planning)


@pytest.fixture
def refused(isoguide, patient, tmp_path):
    """Run ``align`` on the ultrasound in ``work``, check how it ends, and return its sentence."""

    def run(daily: Path, *options: object, planning: Path | None = None) -> str:
        out = tmp_path / "out"
        ending = isoguide("align", planning or patient.planning, daily, "--out", out, "--json", *options)
        assert ending.code == 2, ending.out + ending.err
        assert ending.out == ""
        assert ending.err.startswith("isoguide: ")
        assert ending.err.count("\n") == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["work"]
        return ending.err

    return run


@pytest.fixture
def work(tmp_path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def test_a_sequence_without_its_probe_is_refused(refused, planned, work) -> None:
    sequence = record(work, planned.plan.isocentre_mm(), moved())
    assert "give it with --probe FILE" in refused(sequence)


def test_a_sweep_with_a_gap_is_refused(refused, planned, work) -> None:
    sequence = record(work, planned.plan.isocentre_mm(), moved(), leave_out=slice(20, 24))
    assert "has a gap of 7.5 mm" in refused(sequence, "--probe", write_probe(work))


def test_two_references_ask_which(refused, planned, patient, work) -> None:
    planning, isocentre_mm = work / "planning", planned.plan.isocentre_mm()
    shutil.copytree(patient.planning, planning)
    day = write_day(work / "day.dcm", isocentre_mm, moved(), voxel_mm=5.0)
    for name in ("one.dcm", "two.dcm"):
        write_reference(planning / name, isocentre_mm, planned.image.frame_of_reference_uid, voxel_mm=5.0)
    sentence = refused(day, planning=planning)
    assert "choose the reference with --ultrasound-reference FILE" in sentence


def test_a_match_to_something_else_is_answered_with_what_there_is(refused, planned, work) -> None:
    day = write_day(work / "day.dcm", planned.plan.isocentre_mm(), moved(), voxel_mm=5.0)
    assert "--against needs auto, reference or ct, not 'mri'" in refused(day, "--against", "mri")
    assert "holds no ultrasound reference" in refused(day, "--against", "reference")
