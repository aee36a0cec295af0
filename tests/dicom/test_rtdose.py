"""Dose planes lie where the standard puts them, in all patient orientations."""

import json
from pathlib import Path

import numpy as np
import pytest
from dicom_builders import FRAME, PLAN, dose, plan, save
from pydicom.dataset import Dataset

from isoguide.dicom import read_dose
from isoguide.dicom.rtdose import dose_geometry
from isoguide.dicom.scan import open_dicom
from isoguide.errors import GeometryError, InputError, UnreadableError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.iec61217 import iec_from_lps

ORIENTATIONS = ["HFS", "HFP", "HFDL", "HFDR", "FFS", "FFP", "FFDL", "FFDR"]


def test_values_are_scaled_to_gray(tmp_path: Path) -> None:
    found = read_dose(save(dose(), tmp_path / "rd"))
    assert found.dose_gy.dtype == np.float32
    assert np.array_equal(found.dose_gy, np.arange(60).reshape(3, 4, 5) * 0.5)
    assert (found.dose_type, found.summation_type, found.plan_uid) == ("PHYSICAL", "PLAN", PLAN)
    assert (found.frame_of_reference_uid, found.patient.patient_id) == (FRAME, "A1")
    assert found.grid.spacing_mm.tolist() == [2.5, 3.0, 2.0]
    assert found.grid.origin_mm.tolist() == [10, 20, 30]
    assert not found.dose_gy.flags.writeable


def test_frames_in_descending_order_are_turned_round(tmp_path: Path) -> None:
    found = read_dose(save(dose((0, -2, -4)), tmp_path / "rd"))
    assert found.grid.origin_mm.tolist() == [10, 20, 26]
    assert found.dose_gy[2, 0, 0] == 0.0
    assert found.dose_gy[0, 0, 0] == 20.0


@pytest.mark.parametrize(("orientation", "lowest"), [((1, 0, 0, 0, 1, 0), 30), ((-1, 0, 0, 0, 1, 0), 34)])
def test_absolute_offsets_are_patient_z(
    tmp_path: Path, orientation: tuple[float, ...], lowest: float
) -> None:
    offsets = (30, 32, 34) if lowest == 30 else (34, 32, 30)
    ds = dose(offsets, orientation=orientation)
    ds.ImagePositionPatient = [10, 20, offsets[0]]
    found = read_dose(save(ds, tmp_path / "rd"))
    assert found.grid.origin_mm.tolist() == [10, 20, lowest]
    assert found.grid.xyz(np.array([0.0, 0.0, 2.0]))[2] == offsets[2]
    assert found.dose_gy[2, 0, 0] == 20.0


def _without_scaling(ds: Dataset) -> None:
    del ds.DoseGridScaling


def _set(**values: object):
    def edit(ds: Dataset) -> None:
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return edit


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (_set(DoseUnits="RELATIVE"), UnreadableError, "in 'RELATIVE'"),
        (_set(DoseType="ERROR"), UnreadableError, "type 'ERROR'"),
        (_set(DoseGridScaling=0), UnreadableError, "DoseGridScaling 0"),
        (_without_scaling, UnreadableError, "no DoseGridScaling"),
        (_set(GridFrameOffsetVector=[0, 2, 5]), GeometryError, "unevenly spaced"),
        (_set(GridFrameOffsetVector=[0, 2, 0]), GeometryError, "unevenly spaced or repeated"),
        (_set(GridFrameOffsetVector=[1, 3, 5]), GeometryError, "starts its GridFrameOffsetVector at 1 mm"),
        (
            _set(GridFrameOffsetVector=[30, 32, 34], ImageOrientationPatient=[1, 0, 0, 0, 0, -1]),
            GeometryError,
            "absolute GridFrameOffsetVector values for planes that are not axial",
        ),
        (_set(NumberOfFrames=1, GridFrameOffsetVector=[0]), GeometryError, "single dose plane"),
    ],
)
def test_a_dose_that_cannot_be_placed_or_scaled_is_refused(
    tmp_path: Path, edit, error: type[InputError], message: str
) -> None:
    ds = dose()
    edit(ds)
    with pytest.raises(error, match=message):
        read_dose(save(ds, tmp_path / "rd"))


def test_a_difference_of_doses_is_no_dose(tmp_path: Path) -> None:
    ds = dose()
    ds.PixelRepresentation = 1
    ds.PixelData = np.full((3, 4, 5), -3, np.int32).tobytes()
    with pytest.raises(UnreadableError, match="a difference is no dose"):
        read_dose(save(ds, tmp_path / "rd"))


def test_another_object_is_no_dose(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="not an RT Dose"):
        read_dose(save(plan(), tmp_path / "rp"))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_grids_of_eight_orientations_agree_with_pymedphys(shared_data: Path, orientation: str) -> None:
    folder = shared_data / "pymedphys/tests/dicom/data/dose"
    axes_iec_mm = json.loads((folder / "expected_fixed_xyz.json").read_text())[orientation]
    file = open_dicom(folder / f"RD.DICOMORIENT.Dose_{orientation}_empty.dcm")
    grid, _ = dose_geometry(file.item, PLANNING)
    # Taken to the IEC axes of the position, the corners have to span what pymedphys states for the machine.
    corners_iec_mm = grid.corners_mm() @ iec_from_lps(orientation).T
    for axis, expected_mm in enumerate(axes_iec_mm):
        assert corners_iec_mm[:, axis].min() == pytest.approx(min(expected_mm), abs=1e-4)
        assert corners_iec_mm[:, axis].max() == pytest.approx(max(expected_mm), abs=1e-4)
    assert sorted(grid.shape) == sorted(len(expected_mm) for expected_mm in axes_iec_mm)


def test_a_real_dose_is_read(shared_data: Path) -> None:
    found = read_dose(shared_data / "dcmtk_example_rt/data/rtdose.dcm")
    assert found.dose_gy.max() > 0.5
    assert found.summation_type == "PLAN"
