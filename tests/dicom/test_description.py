"""What a folder holds is said in plain words, with the problem beside the object it belongs to."""

from pathlib import Path

import numpy as np
from dicom_builders import (
    DAY_FRAME,
    DAY_SERIES,
    FRAME,
    PLAN,
    SERIES,
    STRUCTURES,
    beam,
    ct_slice,
    dataset,
    dose,
    first_control_point,
    plan,
    registration,
    save,
    structure_set,
    write_planning_export,
    write_series,
)
from pydicom.dataset import Dataset
from pydicom.uid import RawDataStorage, RTImageStorage

from isoguide.dicom import Finding, describe_contents, scan_folder


def _findings(folder: Path) -> dict[str, Finding]:
    return {finding.kind: finding for finding in describe_contents(scan_folder(folder))}


def test_every_object_is_described_and_can_be_chosen_by_its_uid(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    save(dose(), tmp_path / "rd")
    save(registration((DAY_FRAME, [np.eye(4)])), tmp_path / "reg")
    save(dataset(RawDataStorage, "1.2.3", "REG"), tmp_path / "raw")
    image = ct_slice(0)
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = RTImageStorage
    image.Modality, image.SeriesInstanceUID, image.SeriesDescription = "RTIMAGE", "1.2.4", ""
    save(image, tmp_path / "ri")
    found = _findings(tmp_path)
    assert [kind for kind, finding in found.items() if finding.problem] == ["radiograph"]
    assert found["CT series"].text == (
        "'Pelvis 3.0' of patient A1 (DOE^JANE): 6 slices of 16 × 16, 1.25 × 1.50 × 3.00 mm, HFS"
    )
    assert found["CT series"].uid == SERIES
    assert found["plan"].text == (
        "'Pelvis' of patient A1 (DOE^JANE) with 1 beam(s), "
        "isocentre (1.0, 2.0, 33.0) mm, HFS, approved, in rp"
    )
    assert found["plan"].uid == PLAN
    assert found["structure set"].uid == STRUCTURES
    assert "with 1 structure(s) (PTV), in rs" in found["structure set"].text
    assert found["dose"].text.startswith("plan dose of patient A1 (DOE^JANE): 3 slices of 5 × 4")
    assert "between 2 frame(s) of reference, in reg" in found["registration"].text
    assert found["radiograph"].text == "ri of patient A1 (DOE^JANE)"
    assert "has no GantryAngle" in found["radiograph"].problem
    assert found["radiograph"].uid == "1.2.4"
    assert found["other object"].text == "1 × Raw Data Storage"


def test_problems_stand_with_the_object_they_belong_to(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    paths[2].unlink()
    sitting = plan([beam(1, [first_control_point(None)])])
    sitting.PatientSetupSequence[0].PatientPosition = "SITTING"
    save(sitting, tmp_path / "rp")
    cut = save(structure_set(), tmp_path / "rs")
    cut.write_bytes(cut.read_bytes()[:200])
    found = _findings(tmp_path)
    assert "1 slice is missing after z = 33 mm" in found["CT series"].problem
    assert "SITTING" in found["plan"].problem
    assert found["plan"].text == "in rp"
    assert found["damaged file"].text == str(cut)
    assert found["damaged file"].problem


def test_missing_rescale_and_isocentre_are_said(tmp_path: Path) -> None:
    def edit(ds: Dataset, k: int) -> None:
        del ds.RescaleSlope

    write_series(tmp_path, edit, series=DAY_SERIES)
    save(plan([beam(1, [first_control_point(None)])]), tmp_path / "rp")
    found = _findings(tmp_path)
    assert found["CT series"].text.endswith("HFS, without rescale, so no CT numbers")
    assert "no isocentre" in found["plan"].text
    assert "--isocentre X,Y,Z" in found["plan"].problem


def test_objects_of_another_patient_or_another_frame_stand_out(tmp_path: Path) -> None:
    write_planning_export(tmp_path)
    stranger = structure_set()
    stranger.PatientID = "OTHER"
    save(stranger, tmp_path / "rs")
    assert "another patient ('OTHER')" in _findings(tmp_path)["structure set"].problem

    save(structure_set(frame="1.2.99"), tmp_path / "rs")
    found = _findings(tmp_path)
    assert "frame of reference 1.2.99" in found["structure set"].problem
    assert not found["plan"].problem


def test_long_lists_of_structures_are_cut(tmp_path: Path) -> None:
    save(
        structure_set(points={f"p{number}": (0, 0, 0) for number in range(20)}, frame=FRAME), tmp_path / "rs"
    )
    assert "p10, ...), in rs" in _findings(tmp_path)["structure set"].text


def test_a_real_folder_is_described(shared_data: Path) -> None:
    found = _findings(shared_data / "OnkoDICOM")
    assert "105 slices of 512 × 512, 1.27 × 1.27 × 4.00 mm, HFS" in found["CT series"].text
    assert "with 12 beam(s), isocentre (7.5, -234.0, -16.1) mm, HFS, approved" in found["plan"].text
    assert not any(finding.problem for finding in found.values())
