"""Structures stay polygons, in the frame they were drawn in."""

from pathlib import Path

import numpy as np
import pytest
from dicom_builders import DAY_FRAME, FRAME, SERIES, STRUCTURES, item, plan, save, structure_set

from isoguide.dicom import read_structure_set
from isoguide.errors import AmbiguityError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import DAILY, PLANNING


def test_contours_are_read_as_drawn(tmp_path: Path) -> None:
    found = read_structure_set(save(structure_set(points={"Iso": (1, 2, 3)}), tmp_path / "rs"))
    assert found.names == ("PTV", "Iso")
    ptv = found.structure("PTV")
    assert ptv.frame == PLANNING
    assert ptv.interpreted_type == "PTV"
    assert ptv.contours[0].kind == "CLOSED_PLANAR"
    assert ptv.contours[0].xyz_mm.tolist() == [[0, 0, 33], [4, 0, 33], [4, 4, 33], [0, 4, 33]]
    assert not found.structure("Iso").is_volume
    assert (found.sop_instance_uid, found.label, found.patient.patient_id) == (STRUCTURES, "Contours", "A1")
    assert (found.frame_of_reference_uid, found.referenced_series_uid) == (FRAME, SERIES)
    assert found.warnings == ()


def test_the_frame_is_the_one_asked_for(tmp_path: Path) -> None:
    found = read_structure_set(save(structure_set(), tmp_path / "rs"), DAILY)
    assert found.structures[0].frame == DAILY


@pytest.mark.parametrize(
    ("stated", "colour"),
    [([255, 128, 0], (255, 128, 0)), (None, None), ([255, 128], None), ([255, 128, 300], None)],
)
def test_the_colour_is_that_of_the_planning_system_or_none(
    tmp_path: Path, stated: list[int] | None, colour: tuple[int, int, int] | None
) -> None:
    ds = structure_set()
    if stated is not None:
        ds.ROIContourSequence[0].ROIDisplayColor = stated
    assert read_structure_set(save(ds, tmp_path / "rs")).structures[0].colour == colour


def test_names_are_found_without_regard_to_case_where_that_leaves_one(tmp_path: Path) -> None:
    found = read_structure_set(save(structure_set(points={"ptv": (0, 0, 0)}), tmp_path / "rs"))
    assert found.structure("ptv").number == 2
    with pytest.raises(AmbiguityError, match="2 structures called 'Ptv'"):
        found.structure("Ptv")
    with pytest.raises(MissingEvidenceError, match=r"has no structure 'CTV'; it has PTV, ptv"):
        found.structure("CTV")


def test_a_structure_of_another_frame_of_reference_is_left_out(tmp_path: Path) -> None:
    ds = structure_set(points={"a": (0, 0, 0), "other": (1, 1, 1)})
    ds.StructureSetROISequence[2].ReferencedFrameOfReferenceUID = DAY_FRAME
    found = read_structure_set(save(ds, tmp_path / "rs"))
    assert found.names == ("PTV", "a")
    assert "'other'" in found.warnings[0]


def test_frame_and_series_may_be_missing(tmp_path: Path) -> None:
    ds = structure_set()
    del ds.ReferencedFrameOfReferenceSequence
    found = read_structure_set(save(ds, tmp_path / "rs"))
    assert found.frame_of_reference_uid == FRAME  # said by the regions
    assert found.referenced_series_uid == ""
    del ds.StructureSetROISequence[0].ReferencedFrameOfReferenceUID
    assert read_structure_set(save(ds, tmp_path / "rs")).frame_of_reference_uid == ""


def test_odd_contours_are_left_out_and_broken_ones_refused(tmp_path: Path) -> None:
    ds = structure_set()
    contours = ds.ROIContourSequence[0].ContourSequence
    contours.append(item(ContourGeometricType="SPIRAL", ContourData=[0, 0, 0]))
    contours.append(item(ContourGeometricType="CLOSED_PLANAR"))
    found = read_structure_set(save(ds, tmp_path / "rs"))
    assert len(found.structures[0].contours) == 1
    assert "'SPIRAL'" in found.warnings[0]
    contours[0].ContourData = [0, 0, 0, 1]
    with pytest.raises(UnreadableError, match="'PTV' has a contour of 4 numbers"):
        read_structure_set(save(ds, tmp_path / "rs"))


def test_another_object_is_no_structure_set(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="is RT Plan Storage, not an RT Structure Set"):
        read_structure_set(save(plan(), tmp_path / "rp"))


def test_a_real_re_contoured_set_is_read(shared_data: Path) -> None:
    folder = shared_data / "OnkoDICOM/test/testdata/DICOM-RT-TEST"
    found = read_structure_set(folder / "20191031-215249_m.dcm")
    expected = "LUNGS LUNG_R LUNG_L HEART SPINALCORD GTVp CTVp PTV4140 LIVER"
    assert found.names == tuple(expected.split())
    first = found.structure("LUNGS").contours[0].xyz_mm
    assert first.shape == (28, 3)
    assert np.allclose(first[0], [34.279998779, -178.02999878, -69])
    assert found.referenced_series_uid == ""


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("dcmtk_example_rt/data/rtstruct.dcm", 3),
        ("dicompyler-core/tests/testdata/example_data/rtss.dcm", 10),
        (
            "pps/tests/tests_data/BrainSRSRaystationIMRT/RS1.2.752.243.1.1.20180405120828292.2900.76357.dcm",
            28,
        ),
        (
            "SlicerRT/Testing/Data/DICOM/EclipseProstatePhantomRtData/"
            "RS.1.2.246.352.71.4.2088656855.2404649.20110920153449.dcm",
            16,
        ),
    ],
)
def test_structure_sets_of_several_vendors_are_read(shared_data: Path, path: str, count: int) -> None:
    found = read_structure_set(shared_data / path)
    assert len(found.structures) == count
    assert found.frame_of_reference_uid
    assert found.referenced_series_uid
