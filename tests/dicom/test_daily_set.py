"""The image of the day: the right patient, the right position, and proof of the machine isocentre."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_builders import (
    DAY_FRAME,
    DAY_SERIES,
    ROOT,
    SERIES,
    Edit,
    item,
    plan,
    save,
    structure_set,
    write_planning_export,
    write_series,
)
from pydicom.dataset import Dataset

from isoguide.dicom import (
    DailySet,
    check_same_patient,
    describe_contents,
    load_daily_set,
    load_planning_set,
    machine_isocentre,
    scan_folder,
)
from isoguide.dicom.daily_set import IEC_FIXED_FRAME_UID
from isoguide.errors import AmbiguityError, GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY
from isoguide.geometry.transforms import rotation_z


def _day(
    folder: Path, edit: Edit = lambda ds, k: None, *, frame: str = DAY_FRAME, points: dict | None = None
) -> DailySet:
    write_series(folder / "cbct", edit, series=DAY_SERIES, frame=frame)
    if points is not None:
        save(structure_set(uid=ROOT + "60", series=DAY_SERIES, frame=frame, points=points), folder / "rs")
    return load_daily_set(folder)


def test_the_image_of_the_day_is_in_the_daily_frame(tmp_path: Path) -> None:
    found = _day(tmp_path, points={"SetupIsocenter": (1, 2, 3)})
    assert found.image.volume.grid.frame == DAILY
    assert found.structure_set is not None
    assert found.structure_set.structures[0].frame == DAILY
    assert found.warnings == ()


def test_two_series_of_the_day_need_a_choice(tmp_path: Path) -> None:
    write_series(tmp_path / "first", series=DAY_SERIES)
    write_series(tmp_path / "second", series=DAY_SERIES + "9", count=3)
    with pytest.raises(AmbiguityError, match=r"2 candidates for the daily image .* --daily-series UID"):
        load_daily_set(tmp_path)
    assert load_daily_set(tmp_path, series_uid=DAY_SERIES + "9").image.volume.grid.shape[0] == 3


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    save(plan(), tmp_path / "rp")
    with pytest.raises(MissingEvidenceError, match="no CT series for the daily image"):
        load_daily_set(tmp_path)


def test_damaged_files_beside_the_image_are_reported(tmp_path: Path) -> None:
    cut = save(plan(), tmp_path / "rp")
    cut.write_bytes(cut.read_bytes()[:200])
    assert any("rp was left out" in warning for warning in _day(tmp_path).warnings)


def test_structures_of_the_planning_frame_are_left_alone(tmp_path: Path) -> None:
    save(structure_set(), tmp_path / "planning-rs")
    assert _day(tmp_path).structure_set is None


def test_several_structure_sets_of_the_day_are_not_guessed_among(tmp_path: Path) -> None:
    save(structure_set(uid=ROOT + "61", series=DAY_SERIES, frame=DAY_FRAME), tmp_path / "rs2")
    found = _day(tmp_path, points={})
    assert found.structure_set is None
    assert "several structure sets" in found.warnings[0]


def test_in_room_structures_of_somebody_else_are_refused(tmp_path: Path) -> None:
    ds = structure_set(series=DAY_SERIES, frame=DAY_FRAME)
    ds.PatientID = "B2"
    save(ds, tmp_path / "rs")
    with pytest.raises(MismatchError, match="rs belongs to another patient"):
        _day(tmp_path)


def test_in_room_structures_of_another_frame_of_reference_are_refused(tmp_path: Path) -> None:
    save(structure_set(series=DAY_SERIES, points={"SetupIsocenter": (0, 0, 0)}), tmp_path / "rs")
    with pytest.raises(MismatchError, match=r"rs names the CT series .* in another frame of reference"):
        _day(tmp_path)


def test_a_scout_series_beside_the_image_is_no_candidate(tmp_path: Path) -> None:
    def scout(ds: Dataset, k: int) -> None:
        ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write_series(tmp_path / "scout", scout, series=DAY_SERIES + "9", count=1)
    assert _day(tmp_path).image.series_instance_uid == DAY_SERIES
    described = [finding.text for finding in describe_contents(scan_folder(tmp_path))]
    assert any(text.endswith("1 file(s), 16 × 16, scout view") for text in described)


@pytest.mark.parametrize("name", ["SetupIsocenter", "initmatchiso", "InitLaserIso", "AcqIsocenter"])
def test_a_known_point_proves_the_machine_isocentre(tmp_path: Path, name: str) -> None:
    evidence = machine_isocentre(_day(tmp_path, points={"marker": (9, 9, 9), name: (1.5, -2, 30)}))
    assert evidence.xyz_mm.tolist() == [1.5, -2, 30]
    assert evidence.evidence == f"point '{name}' of {tmp_path / 'rs'}"


def test_known_points_that_disagree_are_refused(tmp_path: Path) -> None:
    found = _day(tmp_path, points={"SetupIsocenter": (0, 0, 0), "InitMatchIso": (0, 3, 4)})
    with pytest.raises(AmbiguityError, match=r"disagree about the machine isocentre by 5\.0 mm"):
        machine_isocentre(found)


def test_without_evidence_the_isocentre_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError, match=r"--machine-isocentre X,Y,Z or .* image-origin"):
        machine_isocentre(_day(tmp_path / "a"))
    with pytest.raises(MissingEvidenceError, match="its points are called ISO, tattoo"):
        machine_isocentre(_day(tmp_path / "b", points={"ISO": (0, 0, 0), "tattoo": (1, 1, 1)}))


def _with_matrix(matrix: np.ndarray, system: str = "ISOCENTER") -> Edit:
    def edit(ds: Dataset, k: int) -> None:
        ds.ImageToEquipmentMappingMatrix = [f"{value:.10g}" for value in matrix.ravel()]
        ds.EquipmentCoordinateSystemIdentification = system

    return edit


def test_the_equipment_matrix_comes_before_points(tmp_path: Path) -> None:
    # The matrix takes patient to equipment coordinates, whose origin is the isocentre: M q = 0.
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_z(30.0)
    isocentre_mm = np.array([4.0, -5.0, 6.0])
    matrix[:3, 3] = -matrix[:3, :3] @ isocentre_mm
    found = _day(tmp_path, _with_matrix(matrix), points={"SetupIsocenter": (1, 1, 1)})
    evidence = machine_isocentre(found)
    assert np.allclose(evidence.xyz_mm, isocentre_mm, atol=1e-6)
    assert "ImageToEquipmentMappingMatrix" in evidence.evidence


def test_an_equipment_matrix_of_another_system_or_shape_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(MissingEvidenceError):
        machine_isocentre(_day(tmp_path / "a", _with_matrix(np.eye(4), "TABLE")))
    with pytest.raises(GeometryError, match=r"ImageToEquipmentMappingMatrix .* cannot be used"):
        machine_isocentre(_day(tmp_path / "b", _with_matrix(np.diag([2.0, 1.0, 1.0, 1.0]))))


def test_images_in_the_iec_fixed_frame_have_the_isocentre_at_their_origin(tmp_path: Path) -> None:
    evidence = machine_isocentre(_day(tmp_path, frame=IEC_FIXED_FRAME_UID))
    assert evidence.xyz_mm.tolist() == [0, 0, 0]
    assert "IEC 61217 fixed" in evidence.evidence


def test_the_same_patient_in_the_same_position_passes(tmp_path: Path) -> None:
    planning = load_planning_set(write_planning_export(tmp_path / "planning"))

    def darker(ds: Dataset, k: int) -> None:
        ds.RescaleIntercept = -1000

    assert check_same_patient(planning, _day(tmp_path / "day", darker)) == ()


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("PatientID", "B2", "the daily CT series .* belongs to another patient: the patient ID is 'B2'"),
        ("PatientBirthDate", "19700101", "the birth date is '19700101'"),
        ("PatientPosition", "HFP", "patient position HFP but the treatment is planned in HFS"),
    ],
)
def test_another_patient_or_position_is_refused(
    tmp_path: Path, keyword: str, value: str, message: str
) -> None:
    planning = load_planning_set(write_planning_export(tmp_path / "planning"))
    day = _day(tmp_path / "day", lambda ds, k: setattr(ds, keyword, value))
    with pytest.raises(MismatchError, match=message):
        check_same_patient(planning, day)


def test_the_position_of_the_plan_counts_before_that_of_the_images(tmp_path: Path) -> None:
    write_planning_export(tmp_path / "planning")
    ds = plan()
    ds.PatientSetupSequence = [item(PatientSetupNumber=1, PatientPosition="FFS")]
    save(ds, tmp_path / "planning" / "rp")
    planning = load_planning_set(tmp_path / "planning")
    with pytest.raises(MismatchError, match="HFS but the treatment is planned in FFS"):
        check_same_patient(planning, _day(tmp_path / "day"))
    with pytest.raises(MismatchError, match="planned in HFS"):
        check_same_patient(
            replace(planning, plan=None),
            _day(tmp_path / "prone", lambda ds, k: setattr(ds, "PatientPosition", "HFP")),
        )


def test_the_planning_image_itself_and_a_shared_frame_are_pointed_out(tmp_path: Path) -> None:
    planning = load_planning_set(write_planning_export(tmp_path / "planning"))
    (same,) = check_same_patient(planning, _day(tmp_path / "same"))
    assert same.endswith("is the planning image itself")

    def darker(ds: Dataset, k: int) -> None:
        ds.RescaleIntercept = -1000

    assert planning.image.series_instance_uid == SERIES
    stamped = _day(tmp_path / "stamped", darker, frame=planning.image.frame_of_reference_uid)
    (shared,) = check_same_patient(planning, stamped)
    assert "has the frame of reference of the planning CT" in shared


def test_a_real_phantom_scan_proves_no_isocentre(shared_data: Path) -> None:
    day = load_daily_set(shared_data / "LinaQA" / "TestFiles" / "CatPhan604")
    assert not day.image.volume.is_hounsfield
    with pytest.raises(MissingEvidenceError, match="nothing says where the machine isocentre is"):
        machine_isocentre(day)
