"""Doses as files: what comes back is what was written, in every orientation, and the standard is kept."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from written_objects import PATIENT, write_pair

from isoguide.dicom import DoseDetails, WrittenSeries, read_dose, write_dose
from isoguide.dicom.rtdose import dose_geometry
from isoguide.dicom.scan import open_dicom
from isoguide.dose.result import DoseVolume
from isoguide.errors import OutputError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid

ORIENTATIONS = ("HFS", "HFP", "HFDL", "HFDR", "FFS", "FFP", "FFDL", "FFDR")
PLAN = "1.2.826.0.1.3680043.8.498.1"
DETAILS = DoseDetails(PLAN, structure_set_uid="1.2.826.0.1.3680043.8.498.2", comment="pencil beam")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> WrittenSeries:
    return write_pair(tmp_path_factory.mktemp("pair")).planning


def random_dose(grid: Grid) -> DoseVolume:
    values = np.random.default_rng(8).uniform(0.0, 66.0, grid.shape)
    return DoseVolume(grid, values.astype(np.float32))


def values_at_corners(dose: DoseVolume) -> dict[tuple[float, ...], float]:
    """Position of the eight corners, and the dose there: the same whichever way the axes run."""
    last = np.array(dose.grid.shape[::-1]) - 1
    corners = np.array(list(np.ndindex(2, 2, 2))) * last
    places = np.round(dose.grid.xyz(corners.astype(float)), 3) + 0.0
    return {
        tuple(place): float(dose.dose_gy[k, j, i]) for place, (i, j, k) in zip(places, corners, strict=True)
    }


def written(path: Path, dose: DoseVolume, image: WrittenSeries) -> DoseVolume:
    write_dose(path, dose, image=image, details=DETAILS)
    return read_dose(path).dose


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_dose_comes_back_in_every_position_of_the_patient(
    shared_data: Path, tmp_path: Path, image: WrittenSeries, orientation: str
) -> None:
    folder = shared_data / "pymedphys/tests/dicom/data/dose"
    grid, _ = dose_geometry(
        open_dicom(folder / f"RD.DICOMORIENT.Dose_{orientation}_empty.dcm").item, PLANNING
    )
    dose = random_dose(grid)
    found = written(tmp_path / "rd.dcm", dose, image)
    np.testing.assert_allclose(found.grid.xyz_from_index, grid.xyz_from_index, atol=1e-6)
    np.testing.assert_allclose(found.dose_gy, dose.dose_gy, atol=1e-6)


@pytest.mark.parametrize("turn", [(1, 1, 1), (1, 1, -1), (-1, 1, 1), (-1, -1, 1)])
def test_a_grid_may_run_either_way(tmp_path: Path, image: WrittenSeries, turn: tuple[int, int, int]) -> None:
    grid = Grid(
        PLANNING, (3, 4, 5), np.array([2.0, 3.0, 2.5]), np.array([7.0, -8.0, 9.0]), np.diag(turn) * 1.0
    )
    dose = random_dose(grid)
    found = written(tmp_path / "rd.dcm", dose, image)
    corners = values_at_corners(found)
    assert corners.keys() == values_at_corners(dose).keys()
    assert corners == pytest.approx(values_at_corners(dose), abs=1e-6)


def test_the_file_says_what_it_is_the_dose_of(tmp_path: Path, image: WrittenSeries) -> None:
    dose = random_dose(Grid.axial(PLANNING, (3, 4, 5), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0)))
    object_written = write_dose(tmp_path / "rd.dcm", dose, image=image, details=DETAILS)
    found = read_dose(object_written.path)
    assert (found.plan_uid, found.structure_set_uid) == (PLAN, DETAILS.structure_set_uid)
    assert (found.dose_type, found.summation_type) == ("PHYSICAL", "FRACTION_SESSION")
    assert found.patient == PATIENT
    assert found.frame_of_reference_uid == image.frame_of_reference_uid
    assert found.sop_instance_uid == object_written.sop_instance_uid
    dataset = pydicom.dcmread(object_written.path)
    assert dataset.GridFrameOffsetVector[0] == 0.0
    assert dataset.FrameIncrementPointer == 0x3004000C
    assert (
        dataset.ReferencedRTPlanSequence[0].ReferencedFractionGroupSequence[0].ReferencedFractionGroupNumber
        == 1
    )
    whole = DoseDetails(PLAN, summation="PLAN")
    write_dose(tmp_path / "whole.dcm", dose.scaled(0.0), image=image, details=whole)
    assert read_dose(tmp_path / "whole.dcm").summation_type == "PLAN"
    assert read_dose(tmp_path / "whole.dcm").dose_gy.max() == 0.0


def test_the_file_satisfies_the_standard(tmp_path: Path, image: WrittenSeries) -> None:
    dose = random_dose(Grid.axial(PLANNING, (3, 4, 5), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0)))
    path = write_dose(tmp_path / "rd.dcm", dose, image=image, details=DETAILS).path
    modules = ("frame-of-reference", "general-image", "image-plane", "image-pixel", "multi-frame", "rt-dose")
    assert standard_violations(path, also_modules=modules) == []
    assert dciodvfy_errors(path) == []


def test_what_cannot_be_written_is_refused(tmp_path: Path, image: WrittenSeries) -> None:
    several = random_dose(Grid.axial(PLANNING, (3, 4, 5), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0)))
    with pytest.raises(OutputError, match="without a plan"):
        write_dose(tmp_path / "rd.dcm", several, image=image, details=DoseDetails(""))
    plane = random_dose(Grid.axial(PLANNING, (1, 4, 5), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0)))
    with pytest.raises(OutputError, match="single plane"):
        write_dose(tmp_path / "rd.dcm", plane, image=image, details=DETAILS)
    assert not (tmp_path / "rd.dcm").exists()
