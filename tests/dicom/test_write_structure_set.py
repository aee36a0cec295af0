from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from drawn_bodies import registration, tube
from written_objects import PATIENT, names, some_structures, square, write_pair

from isoguide.dicom import StructureSetDetails, WrittenSeries, write_structure_set
from isoguide.dicom.rtstruct import read_structure_set
from isoguide.errors import OutputError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.images.structure_measures import centre_mm, volume_ml
from isoguide.registration.deformable.carry import carried


@pytest.fixture
def image(tmp_path: Path) -> WrittenSeries:
    return write_pair(tmp_path).planning


def test_polygons_and_points_come_back_as_they_were_drawn(tmp_path: Path, image: WrittenSeries) -> None:
    structures = some_structures()
    dataset = pydicom.dcmread(write_structure_set(tmp_path / "rs.dcm", structures, image=image).path)
    contours = {item.ReferencedROINumber: item for item in dataset.ROIContourSequence}
    for structure in structures:
        written = contours[structure.number].get("ContourSequence") or []
        assert [one.ContourGeometricType for one in written] == [one.kind for one in structure.contours]
        for one, contour in zip(written, structure.contours, strict=True):
            assert one.NumberOfContourPoints == len(contour.xyz_mm)
            points_mm = np.array(one.ContourData, dtype=float).reshape(-1, 3)
            np.testing.assert_allclose(points_mm, contour.xyz_mm, atol=1e-9)


def test_names_numbers_and_meanings_belong_together(tmp_path: Path, image: WrittenSeries) -> None:
    dataset = pydicom.dcmread(write_structure_set(tmp_path / "rs.dcm", some_structures(), image=image).path)
    named = {item.ROINumber: item.ROIName for item in dataset.StructureSetROISequence}
    types = {
        item.ReferencedROINumber: item.RTROIInterpretedType for item in dataset.RTROIObservationsSequence
    }
    assert named == {1: "BODY", 2: "PTV_60", 7: "Isozentrum ä", 9: "not drawn"}
    assert types == {1: "EXTERNAL", 2: "PTV", 7: "ISOCENTER", 9: ""}


def test_the_structure_set_says_which_images_it_was_drawn_on(tmp_path: Path, image: WrittenSeries) -> None:
    dataset = pydicom.dcmread(write_structure_set(tmp_path / "rs.dcm", some_structures(), image=image).path)
    frame = dataset.ReferencedFrameOfReferenceSequence[0]
    study = frame.RTReferencedStudySequence[0]
    series = study.RTReferencedSeriesSequence[0]
    assert frame.FrameOfReferenceUID == dataset.FrameOfReferenceUID == image.frame_of_reference_uid
    assert study.ReferencedSOPInstanceUID == dataset.StudyInstanceUID == image.study_instance_uid
    assert series.SeriesInstanceUID == image.series_instance_uid
    assert tuple(one.ReferencedSOPInstanceUID for one in series.ContourImageSequence) == image.instance_uids
    assert {one.ReferencedFrameOfReferenceUID for one in dataset.StructureSetROISequence} == {
        image.frame_of_reference_uid
    }
    assert dataset.PatientID == PATIENT.patient_id


def test_the_uid_follows_from_images_and_label_unless_given(tmp_path: Path, image: WrittenSeries) -> None:
    first = write_structure_set(tmp_path / "a.dcm", some_structures(), image=image)
    again = write_structure_set(tmp_path / "b.dcm", some_structures(), image=image)
    other = write_structure_set(
        tmp_path / "c.dcm", some_structures(), image=image, details=StructureSetDetails(label="OTHER")
    )
    given = write_structure_set(
        tmp_path / "d.dcm",
        some_structures(),
        image=image,
        details=StructureSetDetails(sop_instance_uid="2.25.77"),
    )
    assert first.sop_instance_uid == again.sop_instance_uid != other.sop_instance_uid
    assert given.sop_instance_uid == pydicom.dcmread(given.path).SOPInstanceUID == "2.25.77"


def test_an_empty_list_and_a_shared_number_are_refused(tmp_path: Path, image: WrittenSeries) -> None:
    path = tmp_path / "out.dcm"
    before = names(tmp_path)
    with pytest.raises(OutputError, match="at least one structure"):
        write_structure_set(path, (), image=image)
    twins = tuple(Structure(name, 3, PLANNING, (square(0.0),)) for name in ("A", "B"))
    with pytest.raises(OutputError, match="share the ROI number 3"):
        write_structure_set(path, twins, image=image)
    mixed = tuple(Structure("A", n, frame, (square(0.0),)) for n, frame in enumerate((PLANNING, DAILY)))
    with pytest.raises(OutputError, match="cannot be drawn on the same images"):
        write_structure_set(path, mixed, image=image)
    assert names(tmp_path) == before


@pytest.mark.parametrize("kind", ["CLOSEDPLANAR_XOR", "OPEN_PLANAR", "OPEN_NONPLANAR"])
def test_every_kind_of_contour_can_be_written(tmp_path: Path, image: WrittenSeries, kind: str) -> None:
    structure = Structure("X", 1, PLANNING, (Contour(kind, square(0.0).xyz_mm),))
    path = write_structure_set(tmp_path / "rs.dcm", [structure], image=image).path
    assert pydicom.dcmread(path).ROIContourSequence[0].ContourSequence[0].ContourGeometricType == kind
    assert standard_violations(path) == []


def test_a_structure_carried_to_the_day_belongs_to_the_image_of_the_day(tmp_path: Path) -> None:
    planned = tube(8.0, 3.0, 12.0, 3.0)
    found = registration(lambda xyz: np.array([5.0, 0.0, 0.0]))
    grid = Grid.axial(DAILY, (10, 40, 40), (1.0, 1.0, 2.0), (-15.0, -20.0, -9.0))
    today = carried(planned, found, grid)
    daily = write_pair(tmp_path).daily
    details = StructureSetDetails(label="CARRIED", generation="AUTOMATIC")
    path = write_structure_set(tmp_path / "rs.dcm", [today], image=daily, details=details).path
    assert standard_violations(path) == []
    assert pydicom.dcmread(path).StructureSetROISequence[0].ROIGenerationAlgorithm == "AUTOMATIC"
    read = read_structure_set(path, DAILY)
    assert read.frame_of_reference_uid == daily.frame_of_reference_uid
    assert read.structures[0].description.endswith("for decision")
    np.testing.assert_allclose(centre_mm(read.structures[0]), [5.0, 0.0, 0.0], atol=0.05)
    assert volume_ml(read.structures[0]) == pytest.approx(np.pi * (64 - 9) * 0.012, rel=0.02)


def test_the_reading_side_finds_the_same_structures(tmp_path: Path, image: WrittenSeries) -> None:
    structures = some_structures()
    read = read_structure_set(write_structure_set(tmp_path / "rs.dcm", structures, image=image).path)
    assert read.patient == PATIENT
    assert read.frame_of_reference_uid == image.frame_of_reference_uid
    assert read.referenced_series_uid == image.series_instance_uid
    for expected in structures:
        structure = read.structure(expected.name)
        assert structure.interpreted_type == expected.interpreted_type
        assert [one.kind for one in structure.contours] == [one.kind for one in expected.contours]
        np.testing.assert_allclose(structure.points_mm, expected.points_mm, atol=1e-9)


def test_the_file_satisfies_the_standard(tmp_path: Path, image: WrittenSeries) -> None:
    path = write_structure_set(tmp_path / "rs.dcm", some_structures(), image=image).path
    assert standard_violations(path, also_modules=("frame-of-reference", "approval")) == []
    assert dciodvfy_errors(path) == []
