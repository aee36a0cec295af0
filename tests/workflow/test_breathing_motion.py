"""Which series of an export are the phases of a 4DCT."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from isoguide.dicom import CtAcquisition, ImageSeries, RespiratoryPhase, SeriesUids, write_ct_series
from isoguide.dicom.ct import read_ct_series
from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.scan import FolderContents, scan_folder
from isoguide.errors import AmbiguityError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.plan import Fiducial
from isoguide.workflow.breathing_motion import breathing_motion, find_phases

PATIENT = PatientIdentity("F-1", name="Four^D", birth_date="19500101")
FRAME = SeriesUids.from_seed("four").frame_of_reference
PERCENTS = (0.0, 30.0, 50.0, 80.0)
PLAIN = Volume(
    Grid(PLANNING, (4, 6, 6), np.array([5.0, 5.0, 5.0]), np.zeros(3), np.eye(3)),
    np.zeros((4, 6, 6), np.int16),
)


CORNERS_MM = np.array([[5.0, 5.0, 5.0], [15.0, 5.0, 5.0], [15.0, 15.0, 5.0], [5.0, 15.0, 5.0]])
TUMOUR = Structure("GTV", 1, PLANNING, (Contour("CLOSED_PLANAR", CORNERS_MM),))


def write(
    folder: Path, name: str, *, frame: str = FRAME, percent: float | None, description: str = ""
) -> None:
    uids = SeriesUids.from_seed(name)
    phase = None if percent is None else RespiratoryPhase(percent, 0, 10)
    write_ct_series(
        folder / name,
        PLAIN,
        patient=PATIENT,
        patient_position="HFS",
        uids=SeriesUids(uids.study, uids.series, frame),
        acquisition=CtAcquisition(description=description, phase=phase),
    )


def edit(folder: Path, change: Callable[[Dataset], None]) -> None:
    for path in folder.glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        change(dataset)
        dataset.save_as(path)


@pytest.fixture
def export(tmp_path: Path) -> Iterator[Path]:
    """A planning CT and four phases, out of order on the disk."""
    write(tmp_path, "planning", percent=None, description="Planning CT")
    for number, percent in enumerate(reversed(PERCENTS)):
        write(tmp_path, f"phase {number}", percent=percent, description=f"4D {percent:g}%")
    yield tmp_path
    shutil.rmtree(tmp_path)


def read(folder: Path, name: str = "Planning CT") -> tuple[FolderContents, ImageSeries]:
    contents = scan_folder(folder)
    series = next(one for one in contents.ct_series if one.item.text("SeriesDescription") == name)
    return contents, read_ct_series(series, PLANNING, needs_hounsfield=True)


def percents(folder: Path, name: str = "Planning CT") -> list[float]:
    return [phase.percent for phase in find_phases(*read(folder, name))[0]]


def test_phases_are_put_in_the_order_of_the_breath(export: Path) -> None:
    phases, warnings = find_phases(*read(export))
    assert [phase.percent for phase in phases] == list(PERCENTS)
    assert warnings == ()


def test_a_series_in_another_frame_of_reference_is_no_phase(export: Path) -> None:
    write(export, "stray", frame="1.2.3.4", percent=10.0)
    assert percents(export) == list(PERCENTS)


def test_an_average_of_the_breath_is_no_phase(export: Path) -> None:
    write(export, "average", percent=None, description="4D average 0% - 90%")
    assert percents(export) == list(PERCENTS)


def test_a_planning_ct_that_is_a_phase_itself_is_part_of_the_breath(export: Path) -> None:
    write(export, "gated", percent=60.0, description="Gated planning")
    assert percents(export, "Gated planning") == [0.0, 30.0, 50.0, 60.0, 80.0]


def forget_phase(dataset: Dataset) -> None:
    for element in dataset.iterall():
        if element.keyword == "NominalPercentageOfRespiratoryPhase":
            element.value = None


def test_phases_known_from_their_descriptions_only_are_used_with_a_warning(export: Path) -> None:
    for folder in export.glob("phase *"):
        edit(folder, forget_phase)
    phases, warnings = find_phases(*read(export))
    assert [phase.percent for phase in phases] == list(PERCENTS)
    assert warnings == (
        "phases of the 4DCT are known from their descriptions only: '4D 0%', '4D 30%', '4D 50%', '4D 80%'",
    )


def test_one_phase_twice_has_to_be_sorted_out(export: Path) -> None:
    write(export, "again", percent=50.0, description="second reconstruction")
    with pytest.raises(
        AmbiguityError, match=r"the phase 50 % of the 4DCT is there twice, .*leave one of them"
    ):
        percents(export)


def test_three_phases_show_no_breath(export: Path) -> None:
    shutil.rmtree(export / "phase 0")
    phases, warnings = find_phases(*read(export))
    assert phases == ()
    assert warnings == (
        "the 4DCT has the phases 0 %, 30 %, 50 % only: at least 4 are needed to follow a breath",
    )


def test_without_phases_nothing_is_said(export: Path) -> None:
    for folder in export.glob("phase *"):
        shutil.rmtree(folder)
    assert find_phases(*read(export)) == ((), ())
    nothing = Structure("GTV", 1, PLANNING, ())
    found = breathing_motion((), PLAIN, nothing, ())
    assert (found.target, found.motions, found.warnings) == (None, (), ())


def test_what_cannot_be_followed_is_told_with_its_reason(export: Path) -> None:
    phases, _ = find_phases(*read(export))
    found = breathing_motion(phases, PLAIN, TUMOUR, (Fiducial("Seed 1", np.array([10.0, 10.0, 10.0])),))
    assert found.motions == ()
    assert found.target is not None
    assert found.target.displacement_mm is None
    assert [warning.partition(" is not available: ")[0] for warning in found.warnings] == [
        "the motion of 'GTV'",
        "the motion of 'Seed 1'",
    ]
    assert all("the phase 0 %, compared with the planning CT" in warning for warning in found.warnings)


def test_the_average_is_the_mean_over_time_of_the_phases(export: Path) -> None:
    for folder, grey in zip(sorted(export.glob("phase *")), (10, 20, 40, 80), strict=True):
        edit(
            folder,
            lambda dataset, grey=grey: setattr(dataset, "PixelData", np.full(36, grey, "<i2").tobytes()),
        )
    phases, _ = find_phases(*read(export))
    found = breathing_motion(phases, PLAIN, TUMOUR, ())
    # 0, 30, 50 and 80 % stand for a quarter of the time each.
    assert found.average is not None
    np.testing.assert_allclose(found.average.values, (10 + 20 + 40 + 80) / 4)


def test_phases_on_other_voxels_have_no_average_and_that_is_told(export: Path) -> None:
    def shifted(dataset: Dataset) -> None:
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [float(x) + 2.0, y, z]

    edit(export / "phase 1", shifted)
    phases, _ = find_phases(*read(export))
    found = breathing_motion(phases, PLAIN, TUMOUR, ())
    assert found.average is None
    assert (
        "there is no average of the 4DCT: the phase 50 % lies on other voxels than the phase 0 %"
        in found.warnings
    )


def test_a_4dct_sorted_by_amplitude_has_no_mean_over_time(export: Path) -> None:
    for folder in export.glob("phase *"):
        edit(folder, lambda dataset: setattr(dataset, "SeriesDescription", "4D Amplitude bin"))
    phases, _ = find_phases(*read(export))
    found = breathing_motion(phases, PLAIN, TUMOUR, ())
    assert found.average is None
    assert "the 4DCT is sorted by amplitude" in found.warnings[0]
