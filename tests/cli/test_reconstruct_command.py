import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "projection"))
sys.path.append(str(Path(__file__).parents[1] / "motion"))

from breathing_scan import SCAN as SLOW_SCAN
from breathing_scan import breathing_scan, varied_course
from scan_files import skip_without_rtk, write_rtk_scan
from small_scans import FULL_FAN

SCAN = replace(FULL_FAN, count=24)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    skip_without_rtk()
    folder = tmp_path_factory.mktemp("scan")
    write_rtk_scan(folder, SCAN, np.full((24, 80, 96), 0.1, dtype=np.float32))
    return folder


def test_a_scan_becomes_a_series_and_is_described(isoguide, scan, tmp_path):
    ending = isoguide(
        "reconstruct",
        scan,
        "--patient-position",
        "HFS",
        "--voxel",
        "5,5,5",
        "--size",
        "60,60,30",
        "--out",
        tmp_path,
    )
    assert ending.code == 0
    assert "24 projections over 360°" in ending.out
    assert "12 × 12 × 6 voxels of 5 × 5 × 5 mm" in ending.out
    assert "not Hounsfield units" in ending.out
    assert len(list((tmp_path / "CBCT").glob("CT_*.dcm"))) == 6


def test_quiet_says_nothing(isoguide, scan, tmp_path):
    ending = isoguide(
        "reconstruct", scan, "--patient-position", "HFS", "--size", "20,20,10", "--out", tmp_path, "--quiet"
    )
    assert (ending.code, ending.out, ending.err) == (0, "", "")


def test_a_breathing_patient_becomes_a_series_for_each_depth_of_his_breath(isoguide, tmp_path):
    skip_without_rtk()
    write_rtk_scan(tmp_path / "scan", SLOW_SCAN, breathing_scan(varied_course()).values)
    ending = isoguide(
        "reconstruct", tmp_path / "scan", "--patient-position", "HFS", "--voxel", "10,10,10",
        "--size", "60,60,30", "--breathing", "auto", "--scan-seconds", "120", "--bins", "4",
        "--sort", "amplitude", "--out", tmp_path / "out",
    )  # fmt: skip
    assert ending.code == 0
    said = " ".join(ending.out.split())
    assert re.search(r"\d\d breaths of [34]\.\d s, \d\d of them alike, by the", said)
    assert "by the respiratory signal in the projections, which explains" in said
    assert "by amplitude: 0 % of" in said
    assert "projections were left out" in said
    assert sorted(path.name for path in (tmp_path / "out" / "4DCBCT").iterdir()) == [
        "00", "25", "50", "75", "breathing.csv"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --patient-position"),
        (("--patient-position", "SITTING"), "--patient-position needs one of"),
        (
            ("--patient-position", "HFS", "--voxel", "1,1"),
            "--voxel needs three numbers in mm like 1,1,2, not '1,1'",
        ),
        (("--patient-position", "HFS", "--size", "big"), "--size needs three numbers in mm like 260,260,180"),
        (("--patient-position", "HFS", "--voxel", "0,1,1"), "voxels must be"),
        (("--patient-position", "HFS"), "holds no projections"),
        (("--bins", "5"), "--bins says how a breath is sorted: give --breathing auto or a signal with it"),
        (("--breathing", "auto", "--sort", "depth"), "--sort needs phase or amplitude, not 'depth'"),
        (("--breathing", "auto", "--bins", "1"), "2 to 30 bins, not 1"),
        (("--breathing", "auto", "--bins", "5", "--sort", "amplitude"), "give an even number, not 5"),
        (("--breathing", "auto", "--scan-seconds", "-3"), "a scan takes a positive time, not -3 s"),
        (("--breathing", "auto", "--patient-position", "HFS"), "give --scan-seconds, how long the scan took"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(isoguide, tmp_path, arguments, words):
    (tmp_path / "scan").mkdir()
    ending = isoguide("reconstruct", tmp_path / "scan", "--out", tmp_path / "out", *arguments)
    assert ending.code == 2
    assert words in ending.err
    assert ending.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
