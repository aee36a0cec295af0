"""Computed RT Images stand where the standard says, and come back as the line integrals of the patient."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_validation import dciodvfy_errors, standard_violations
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.pixels import apply_modality_lut
from pydicom.uid import RTPlanStorage
from written_objects import PATIENT, write_pair

from isoguide.dicom.modules import WrittenSeries
from isoguide.dicom.rtimage import read_rt_image
from isoguide.dicom.write_rtimage import PlannedField, PlannedSetup, RtImageDetails, write_rt_image
from isoguide.errors import GeometryError, OutputError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.transforms import rotation_x
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.images.radiograph import Quantity, Radiograph
from isoguide.plan import PatientPosition

ISOCENTRE_MM = np.array([12.0, -34.0, 56.0])
SUPINE = PlannedSetup(PatientPosition.HFS, ISOCENTRE_MM)
DETAILS = RtImageDetails(
    "DRR kV LAT, source 90",
    "Computed from the planning CT (DRR), not an exposure",
    machine="LINAC 1",
    belongs_to=PlannedField(str(RTPlanStorage), "1.2.3.4", 7),
    window=(0.5, 6.0),
)


@pytest.fixture(scope="module")
def planning(tmp_path_factory: pytest.TempPathFactory) -> WrittenSeries:
    return write_pair(tmp_path_factory.mktemp("pair")).planning


def small_view(gantry_deg: float = 90.0) -> XrayView:
    return gantry_view(gantry_deg, sad_mm=1000.0, sid_mm=1500.0, size=(24, 16), pixel_spacing_mm=(2.0, 3.0))


def radiograph(
    view: XrayView, values: np.ndarray | None = None, quantity: Quantity = "line integral"
) -> Radiograph:
    shape = view.size[::-1]
    if values is None:
        values = np.linspace(0.0, 7.5, shape[0] * shape[1]).reshape(shape)
    return Radiograph(view, values.astype(np.float32), quantity)


def written(
    folder: Path,
    image: WrittenSeries,
    view: XrayView,
    *,
    setup: PlannedSetup = SUPINE,
    details: RtImageDetails = DETAILS,
) -> Path:
    return write_rt_image(folder / "ri.dcm", radiograph(view), setup=setup, image=image, details=details).path


# Checked against DICOM C.8.8.2: SAD 1000, SID 1500, 1024² pixels of 0.4 mm, RTImagePosition (-204.6, 204.6).
@pytest.mark.parametrize(
    ("gantry_deg", "panel_mm", "point_mm", "pixel"),
    [
        (0, (0, 0), (10.0, 0.0, 0.0), (549.0, 511.5)),
        (0, (0, 0), (0.0, 10.0, 0.0), (511.5, 474.0)),
        (90, (0, 0), (0.0, 0.0, 10.0), (474.0, 511.5)),
        (180, (0, 0), (10.0, 0.0, 0.0), (474.0, 511.5)),
        (270, (0, 0), (0.0, 0.0, 10.0), (549.0, 511.5)),
        (0, (50, 0), (10.0, 0.0, 0.0), (424.0, 511.5)),
    ],
)
def test_a_marker_in_the_file_appears_on_the_pixel_of_the_reference(
    tmp_path, planning, gantry_deg, panel_mm, point_mm, pixel
):
    view = gantry_view(
        gantry_deg,
        sad_mm=1000.0,
        sid_mm=1500.0,
        size=(1024, 1024),
        pixel_spacing_mm=(0.4, 0.4),
        panel_offset_mm=panel_mm,
    )
    values = np.zeros((1024, 1024), np.float32)
    path = write_rt_image(
        tmp_path / "ri.dcm",
        Radiograph(view, values, "line integral"),
        setup=SUPINE,
        image=planning,
        details=DETAILS,
    ).path
    dataset = pydicom.dcmread(path)
    # The panel's offset is in the position of the first pixel, as the receptor's origin is on the axis.
    assert list(dataset.RTImagePosition) == pytest.approx([-204.6 + panel_mm[0], 204.6])
    assert list(dataset.XRayImageReceptorTranslation) == [0.0, 0.0, -500.0]
    assert list(dataset.RTImageOrientation) == [1, 0, 0, 0, -1, 0]
    assert (dataset.RadiationMachineSAD, dataset.RTImageSID, dataset.GantryAngle) == (1000, 1500, gantry_deg)
    seen = read_rt_image(path).image.view.project(np.array([point_mm]))
    np.testing.assert_allclose(seen, [pixel], atol=1e-6)


@settings(max_examples=25)
@given(
    gantry_deg=st.floats(-360.0, 720.0),
    distances_mm=st.tuples(st.floats(600.0, 1500.0), st.floats(1000.0, 2500.0)),
    spacing_mm=st.tuples(st.floats(0.1, 4.0), st.floats(0.1, 4.0)),
    panel_mm=st.tuples(st.floats(-200.0, 200.0), st.floats(-200.0, 200.0)),
)
def test_every_view_of_a_gantry_comes_back(
    tmp_path_factory, planning, gantry_deg, distances_mm, spacing_mm, panel_mm
):
    sad_mm, sid_mm = distances_mm
    view = gantry_view(
        gantry_deg,
        sad_mm=sad_mm,
        sid_mm=sid_mm,
        size=(6, 4),
        pixel_spacing_mm=spacing_mm,
        panel_offset_mm=panel_mm,
    )
    back = read_rt_image(written(tmp_path_factory.mktemp("ri"), planning, view)).image.view
    for name in ("source_mm", "first_pixel_mm", "row_direction", "column_direction"):
        np.testing.assert_allclose(getattr(back, name), getattr(view, name), atol=1e-5, err_msg=name)
    np.testing.assert_allclose(back.pixel_spacing_mm, view.pixel_spacing_mm)
    assert back.size == view.size


def test_a_detector_turned_in_its_plane_comes_back(tmp_path, planning):
    straight = small_view(0.0)
    turned = replace(
        straight, row_direction=straight.column_direction, column_direction=-straight.row_direction
    )
    back = read_rt_image(written(tmp_path, planning, turned)).image.view
    np.testing.assert_allclose(back.row_direction, [0.0, -1.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(back.column_direction, [-1.0, 0.0, 0.0], atol=1e-9)


@pytest.fixture(scope="module")
def path(tmp_path_factory, planning) -> Path:
    return written(tmp_path_factory.mktemp("pixels"), planning, small_view())


class TestPixels:
    def test_are_line_integrals_for_our_reader_and_air_counts(self, path):
        read = read_rt_image(path)
        step = 7.5 / 65533
        assert read.is_computed
        assert read.image.radiograph.quantity == "line integral"
        np.testing.assert_allclose(
            read.image.radiograph.values, radiograph(small_view()).values, atol=1.6 * step
        )
        assert read.image.share_that_counts == 1.0

    def test_are_line_integrals_for_others_too(self, path):
        dataset = pydicom.dcmread(path)
        values = apply_modality_lut(dataset.pixel_array, dataset)
        np.testing.assert_allclose(values, radiograph(small_view()).values, atol=0.6 * 7.5 / 65533)
        assert dataset.pixel_array.dtype == np.uint16

    def test_say_that_more_x_rays_give_lower_values_and_bone_is_bright(self, path):
        dataset = pydicom.dcmread(path)
        assert (dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign) == ("LOG", -1)
        assert dataset.PhotometricInterpretation == "MONOCHROME2"
        assert (dataset.WindowCenter, dataset.WindowWidth) == (3.25, 5.5)
        assert dataset.VOILUTFunction == "LINEAR_EXACT"
        assert dataset.BurnedInAnnotation == "NO"

    def test_of_air_alone_are_all_the_same(self, tmp_path, planning):
        view = small_view()
        path = write_rt_image(
            tmp_path / "air.dcm",
            radiograph(view, np.zeros((16, 24))),
            setup=SUPINE,
            image=planning,
            details=replace(DETAILS, window=(0.0, 0.0)),
        ).path
        np.testing.assert_allclose(read_rt_image(path).image.radiograph.values, 1.0)
        assert "WindowWidth" not in pydicom.dcmread(path)


def test_the_image_belongs_to_the_patient_the_plan_and_the_field(tmp_path, planning):
    dataset = pydicom.dcmread(written(tmp_path, planning, small_view()))
    assert str(dataset.PatientName) == PATIENT.name
    assert (dataset.PatientID, dataset.PatientBirthDate) == (PATIENT.patient_id, PATIENT.birth_date)
    assert dataset.StudyInstanceUID == planning.study_instance_uid
    assert dataset.FrameOfReferenceUID == planning.frame_of_reference_uid
    assert dataset.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    assert (dataset.ReferencedBeamNumber, dataset.RadiationMachineName) == (7, "LINAC 1")
    assert dataset.PatientPosition == "HFS"
    assert list(dataset.IsocenterPosition) == ISOCENTRE_MM.tolist()


def test_it_says_that_it_is_computed(tmp_path, planning):
    dataset = pydicom.dcmread(written(tmp_path, planning, small_view()))
    assert list(dataset.ImageType) == ["DERIVED", "SECONDARY", "DRR"]
    # RTImageLabel holds 16 characters, RTImageName the whole of it.
    assert dataset.RTImageLabel == "DRR kV LAT, sour"
    assert dataset.RTImageName == "DRR kV LAT, source 90"
    assert "not an exposure" in dataset.RTImageDescription


@pytest.mark.parametrize(
    ("position", "gantry_deg", "couch_deg", "sides"),
    [
        ("HFS", 0.0, 0.0, ["L", "F"]),
        ("HFS", 90.0, 0.0, ["P", "F"]),
        ("HFP", 0.0, 0.0, ["R", "F"]),
        ("FFS", 0.0, 0.0, ["R", "H"]),
        # Lying on the right side: the front is to the left of somebody who faces the gantry.
        ("HFDR", 0.0, 0.0, ["P", "F"]),
        # Half way to the left side: the right edge is to the left and the back.
        ("HFS", 50.0, 0.0, ["PL", "F"]),
        # The couch turned by 90°, counter-clockwise from above: the head goes to -X.
        ("HFS", 0.0, 90.0, ["F", "R"]),
    ],
)
def test_the_sides_of_the_body_are_named(tmp_path, planning, position, gantry_deg, couch_deg, sides):
    setup = PlannedSetup(PatientPosition(position), ISOCENTRE_MM, couch_deg, 15.0)
    dataset = pydicom.dcmread(written(tmp_path, planning, small_view(gantry_deg), setup=setup))
    assert list(dataset.PatientOrientation) == sides
    assert (dataset.PatientSupportAngle, dataset.BeamLimitingDeviceAngle) == (couch_deg, 15.0)


def test_the_object_follows_the_standard(tmp_path, planning):
    path = written(tmp_path, planning, small_view())
    assert standard_violations(path, also_modules=("modality-lut", "voi-lut", "frame-of-reference")) == []
    assert dciodvfy_errors(path) == []


def test_an_image_of_no_plan_follows_the_standard_too(tmp_path, planning):
    path = written(tmp_path, planning, small_view(), details=RtImageDetails("DRR gantry 90", ""))
    assert "ReferencedRTPlanSequence" not in pydicom.dcmread(path)
    assert standard_violations(path) == []
    assert dciodvfy_errors(path) == []


@pytest.mark.parametrize(
    ("spoilt", "sentence"),
    [
        (lambda: radiograph(small_view(), quantity="intensity"), "only line integrals that are not negative"),
        (lambda: radiograph(small_view(), np.full((16, 24), -0.1)), "only line integrals that are not neg"),
        (
            lambda: radiograph(replace(small_view(), frame=PLANNING)),
            "is on no gantry; give a view in 'IEC fixed'",
        ),
        (
            lambda: radiograph(replace(small_view(), source_mm=np.array([990.0, 30.0, 0.0]))),
            "is on no gantry",
        ),
        (lambda: radiograph(tilted()), "the detector is not normal to the axis of the beam"),
    ],
)
def test_what_no_gantry_takes_is_not_written(tmp_path, planning, spoilt, sentence):
    with pytest.raises(OutputError, match=sentence):
        write_rt_image(tmp_path / "ri.dcm", spoilt(), setup=SUPINE, image=planning, details=DETAILS)
    assert list(tmp_path.iterdir()) == []


def tilted() -> XrayView:
    view, tilt = small_view(0.0), rotation_x(5.0)
    return replace(
        view, row_direction=tilt @ view.row_direction, column_direction=tilt @ view.column_direction
    )


def test_a_sitting_patient_has_no_place_in_the_room(tmp_path, planning):
    setup = PlannedSetup("SITTING", ISOCENTRE_MM)
    with pytest.raises(GeometryError, match="'SITTING' has no known axes"):
        written(tmp_path, planning, small_view(), setup=setup)
    assert list(tmp_path.iterdir()) == []


def test_an_image_without_a_study_is_refused(tmp_path, planning):
    with pytest.raises(OutputError, match="no study to belong to"):
        written(tmp_path, replace(planning, study_instance_uid=""), small_view())
