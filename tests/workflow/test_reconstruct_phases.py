"""From the projections of a breathing body to phases that the simulation of a course reads."""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "projection"))
sys.path.append(str(Path(__file__).parents[1] / "motion"))

from breathing_scan import SCAN, breathing_scan, varied_course
from scan_files import skip_without_rtk, write_rtk_scan

from isoguide.dicom import PatientIdentity, read_ct_series
from isoguide.dicom.scan import scan_folder
from isoguide.errors import AmbiguityError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.motion.sorting import SortSettings
from isoguide.plan import PatientPosition
from isoguide.projection.reconstruct import ReconstructionSettings
from isoguide.workflow.breathing_motion import find_phases
from isoguide.workflow.reconstruct import ReconstructRequest, reconstruct_into
from isoguide.workflow.reconstruct_phases import (
    BreathingRequest,
    PhaseReconstruction,
    reconstruct_phases_into,
)

COURSE = varied_course()
SETTINGS = ReconstructionSettings((5.0, 5.0, 5.0), (150.0, 90.0, 60.0))
SIX = SortSettings(6)


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    skip_without_rtk()
    folder = tmp_path_factory.mktemp("scan")
    write_rtk_scan(folder, SCAN, breathing_scan(COURSE).values)
    return folder


@pytest.fixture(scope="module")
def request_for(scan: Path) -> ReconstructRequest:
    patient = PatientIdentity(patient_id="B-1", birth_date="19500101")
    return ReconstructRequest(scan, PatientPosition.HFS, patient, SETTINGS)


@pytest.fixture(scope="module")
def made(request_for: ReconstructRequest, tmp_path_factory: pytest.TempPathFactory) -> PhaseReconstruction:
    target = tmp_path_factory.mktemp("out") / "day"
    return reconstruct_phases_into(target, request_for, BreathingRequest(None, 120.0, SIX))


def test_the_phases_are_found_as_those_of_a_4dct(made: PhaseReconstruction) -> None:
    contents = scan_folder(made.whole.folder.parent)
    series = next(one for one in contents.ct_series if one.item.text("SeriesDescription") == "CBCT")
    phases, warnings = find_phases(contents, read_ct_series(series, PLANNING, needs_hounsfield=False))
    assert [phase.percent for phase in phases] == pytest.approx([100.0 * n / 6 for n in range(6)])
    assert warnings == ()
    assert [one.percent for one in made.phases] == pytest.approx([phase.percent for phase in phases])
    assert sum(one.projections for one in made.phases) > 215


def test_the_breath_is_written_down_with_what_became_of_each_projection(made: PhaseReconstruction) -> None:
    with (made.phases[0].folder.parent / "breathing.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SCAN.count
    assert float(rows[0]["seconds"]) == pytest.approx(0.25)
    full = [COURSE.depth(np.array([float(row["seconds"])]))[0] for row in rows if row["bin_percent"] == "0"]
    empty = [COURSE.depth(np.array([float(row["seconds"])]))[0] for row in rows if row["bin_percent"] == "50"]
    assert len(full) == made.phases[0].projections
    assert np.mean(full) > 0.8
    assert np.mean(empty) < 0.05


def test_the_image_of_all_projections_is_the_one_without_sorting(
    made: PhaseReconstruction, request_for: ReconstructRequest, tmp_path: Path
) -> None:
    plain = reconstruct_into(tmp_path / "plain", request_for)
    np.testing.assert_array_equal(plain.volume.values, made.whole.volume.values)
    assert (plain.folder / "CT_0001.dcm").read_bytes() == (made.whole.folder / "CT_0001.dcm").read_bytes()


def belt(folder: Path, late_s: float = 0.0, sign: float = 1.0) -> Path:
    """A trace of the patient's depth, whose clock may be late."""
    seconds = np.arange(0.0, 120.0, 0.1)
    depth = sign * COURSE.depth(np.maximum(seconds - late_s, 0.0))
    rows = [f"{second:.1f},{value}" for second, value in zip(seconds, depth, strict=True)]
    trace = folder / "belt.csv"
    trace.write_text("\n".join(["seconds,value_mm", *rows, "120.0,"]))
    return trace


@pytest.mark.parametrize(("late_s", "sign"), [(1.6, 1.0), (0.0, -1.0)])
def test_a_trace_of_another_clock_or_upside_down_is_refused(
    request_for: ReconstructRequest, tmp_path: Path, late_s: float, sign: float
) -> None:
    breathing = BreathingRequest(belt(tmp_path, late_s, sign), 120.0, SIX)
    with pytest.raises(
        MismatchError, match=r"% of a breath apart from the breath in the projections .*: check that"
    ):
        reconstruct_phases_into(tmp_path / "out", request_for, breathing)
    assert not (tmp_path / "out").exists()


def test_a_trace_that_the_projections_cannot_confirm_is_used_with_a_warning(
    request_for: ReconstructRequest, tmp_path: Path
) -> None:
    feet_first = replace(request_for, patient_position=PatientPosition.FFS)
    made = reconstruct_phases_into(tmp_path / "out", feet_first, BreathingRequest(belt(tmp_path), 120.0, SIX))
    assert (
        "the projections do not confirm the signal belt.csv: lungs rest when they are empty"
        in made.warnings[0]
    )


def test_a_trace_of_the_same_clock_sorts_as_the_projections_do(
    made: PhaseReconstruction, request_for: ReconstructRequest, tmp_path: Path
) -> None:
    trace = belt(tmp_path)
    by_trace = reconstruct_phases_into(tmp_path / "out", request_for, BreathingRequest(trace, 120.0, SIX))
    assert by_trace.quality is None
    counts = [one.projections for one in by_trace.phases]
    np.testing.assert_allclose(counts, [one.projections for one in made.phases], atol=12)


@pytest.mark.parametrize(
    ("breathing", "error", "words"),
    [
        (BreathingRequest(None, None), MissingEvidenceError, "give --scan-seconds, how long the scan took"),
        (BreathingRequest(Path("no.csv"), 120.0), MissingEvidenceError, "there is no breathing trace no.csv"),
        (BreathingRequest(None, 12.0), MissingEvidenceError, "the breath is not available"),
        (
            BreathingRequest(None, 120.0, SortSettings(30)),
            InputError,
            "no image can be made of any of 30 bins",
        ),
    ],
)
def test_what_cannot_be_sorted_leaves_nothing_behind(
    request_for: ReconstructRequest,
    tmp_path: Path,
    breathing: BreathingRequest,
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        reconstruct_phases_into(tmp_path / "out", request_for, breathing)
    assert not (tmp_path / "out").exists()


def test_of_a_marker_with_three_axes_none_is_taken_for_the_depth(
    request_for: ReconstructRequest, tmp_path: Path
) -> None:
    trace = tmp_path / "marker.csv"
    trace.write_text("seconds,x_mm,y_mm,z_mm\n" + "".join(f"{n / 10},0,0,{n % 40}\n" for n in range(1200)))
    with pytest.raises(AmbiguityError, match=r"marker\.csv has three axes, and none is said to be the depth"):
        reconstruct_phases_into(tmp_path / "out", request_for, BreathingRequest(trace, 120.0, SIX))


def test_the_position_of_the_patient_is_not_guessed_for_his_breath(scan: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError, match="give --patient-position"):
        reconstruct_phases_into(
            tmp_path / "out", ReconstructRequest(scan, None), BreathingRequest(None, 120.0)
        )


def test_a_scan_that_takes_no_time_is_refused() -> None:
    with pytest.raises(InputError, match="a scan takes a positive time, not 0 s"):
        BreathingRequest(None, 0.0)
