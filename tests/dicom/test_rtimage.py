"""RT Images stand where the standard says, or are refused with what to do."""

from pathlib import Path

import numpy as np
import pytest
from radiograph_builders import VALUES, item, rt_image
from scipy import ndimage

from isoguide.dicom.radiograph_pixels import PixelMeaning
from isoguide.dicom.rtimage import RtImage, read_rt_image
from isoguide.errors import GeometryError, InputError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import FIXED

LARGE = np.full((1024, 1024), 7, dtype=np.uint16)
WINSTON_LUTZ = ("0_0a5", "90_0a", "180_0a", "270_0a")
DRR = ["DERIVED", "SECONDARY", "DRR"]


# Checked against DICOM C.8.8.2: SAD 1000, SID 1500, 1024² pixels of 0.4 mm, RTImagePosition (-204.6, 204.6).
@pytest.mark.parametrize(
    ("gantry_deg", "translation_mm", "point_mm", "pixel"),
    [
        (0, (0, 0, -500), (10.0, 0.0, 0.0), (549.0, 511.5)),
        (0, (0, 0, -500), (0.0, 10.0, 0.0), (511.5, 474.0)),
        (90, (0, 0, -500), (0.0, 0.0, 10.0), (474.0, 511.5)),
        (180, (0, 0, -500), (10.0, 0.0, 0.0), (474.0, 511.5)),
        (270, (0, 0, -500), (0.0, 0.0, 10.0), (549.0, 511.5)),
        (0, (50, 0, -500), (10.0, 0.0, 0.0), (424.0, 511.5)),
    ],
)
def test_a_marker_appears_on_the_pixel_of_the_reference(
    tmp_path, gantry_deg, translation_mm, point_mm, pixel
):
    path = rt_image(
        tmp_path, LARGE, GantryAngle=gantry_deg, XRayImageReceptorTranslation=list(translation_mm)
    )
    read = read_rt_image(path)
    assert read.image.view.frame == FIXED
    np.testing.assert_allclose(read.image.view.project(np.array([point_mm])), [pixel], atol=1e-9)
    assert (read.patient.patient_id, read.serial_number, read.gantry_deg) == ("A1", "L7", gantry_deg)
    assert read.acquired_at is not None
    assert read.acquired_at.isoformat() == "2024-01-03T10:15:00"


def test_rows_and_columns_have_their_own_spacing(tmp_path):
    # By hand: 10 mm at the isocentre are 15 mm on the detector: 30 rows of 0.5 mm, 15 columns of 1 mm.
    path = rt_image(tmp_path, ImagePlanePixelSpacing=[0.5, 1.0], RTImagePosition=[-15.5, 7.75])
    seen = read_rt_image(path).image.view.project(np.array([[10.0, 0.0, 0.0], [0.0, 10.0, 0.0]]))
    np.testing.assert_allclose(seen, [[30.5, 15.5], [15.5, -14.5]], atol=1e-9)


def test_a_receptor_turned_by_90_degrees_is_turned_counter_clockwise_seen_from_the_source(tmp_path):
    path = rt_image(tmp_path, LARGE, XRayImageReceptorAngle=90)
    # By hand: receptor x then points along gantry +y, so that a point at +y appears to the right.
    seen = read_rt_image(path).image.view.project(np.array([[0.0, 10.0, 0.0]]))
    np.testing.assert_allclose(seen, [[549.0, 511.5]], atol=1e-9)


def test_a_kilovoltage_image_needs_to_know_what_its_gantry_angle_means(tmp_path):
    path = rt_image(tmp_path, LARGE, ExposureSequence=[item(KVP=100)], GantryAngle=0)
    with pytest.raises(MissingEvidenceError, match="was taken with 100 kV, so that its GantryAngle may be"):
        read_rt_image(path)
    view = read_rt_image(path, source_from_gantry_deg=90.0).image.view
    np.testing.assert_allclose(view.source_mm, [1000.0, 0.0, 0.0], atol=1e-9)


def test_a_receptor_that_is_not_placed_is_taken_for_centred_and_that_is_said(tmp_path):
    path = rt_image(
        tmp_path,
        LARGE,
        XRayImageReceptorTranslation=None,
        RTImageOrientation=None,
        XRayImageReceptorAngle=None,
    )
    read = read_rt_image(path)
    np.testing.assert_allclose(read.image.view.project(np.array([[10.0, 0.0, 0.0]])), [[549.0, 511.5]])
    said = " ".join(read.image.warnings)
    assert "does not say where its receptor was" in said
    assert "does not say its orientation" in said
    assert "does not say how its receptor was turned" in said


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"RTImageSID": None}, MissingEvidenceError, "has no RTImageSID, so that the size of what it shows"),
        ({"RadiationMachineSAD": None}, MissingEvidenceError, "has no RadiationMachineSAD"),
        ({"RadiationMachineSAD": 0}, GeometryError, "RadiationMachineSAD 0 mm, which must be positive"),
        ({"RTImagePlane": "NON_NORMAL"}, GeometryError, r"only images normal to the beam axis \(NORMAL\)"),
        ({"RTImagePlane": None}, GeometryError, r"has the RTImagePlane \(none\)"),
        ({"RTImageSID": 1000}, GeometryError, "its pixels may have been scaled to the isocentre"),
        ({"RTImagePosition": None}, MissingEvidenceError, "has no RTImagePosition"),
        ({"ImagePlanePixelSpacing": None}, MissingEvidenceError, "has no ImagePlanePixelSpacing"),
        ({"GantryAngle": None}, MissingEvidenceError, "has no GantryAngle"),
        ({"GantryPitchAngle": 3.0}, GeometryError, "taken with a gantry pitched by 3°"),
        ({"RTImageOrientation": [1, 0, 0, 0, 0, -1]}, GeometryError, "not two orthogonal unit vectors"),
        ({"RTImageOrientation": [2, 0, 0, 0, -1, 0]}, GeometryError, "not two orthogonal unit vectors"),
        ({"ExposureSequence": None}, MissingEvidenceError, "does not state its KVP"),
        (
            {"ExposureSequence": [item(KVP=6000, GantryAngle=5)]},
            GeometryError,
            "states two gantry angles, 0° and 5°",
        ),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "FLUENCE"]}, UnreadableError, "of the kind FLUENCE"),
        ({"NumberOfFrames": 2}, InputError, "has 2 frames"),
    ],
)
def test_what_has_no_certain_place_is_refused_in_a_sentence(tmp_path, changes, error, sentence):
    with pytest.raises(error, match=sentence):
        read_rt_image(rt_image(tmp_path, **changes))


def test_only_what_lies_between_the_jaws_counts(tmp_path):
    jaws = [
        item(RTBeamLimitingDeviceType="ASYMX", LeafJawPositions=[-2.0, 6.0]),
        item(RTBeamLimitingDeviceType="Y", LeafJawPositions=[-4.0, 4.0]),
        item(RTBeamLimitingDeviceType="MLCX", LeafJawPositions=[0.0] * 4),
    ]
    exposure = [item(KVP=6000, BeamLimitingDeviceSequence=jaws)]
    path = rt_image(
        tmp_path, RTImagePosition=[-15.5, 15.5], ImagePlanePixelSpacing=[1, 1], ExposureSequence=exposure
    )
    counts = read_rt_image(path).image.counts
    # By hand: -2 to 6 mm at the isocentre are -3 to 9 mm on the detector: 12 columns at -2.5 to 8.5 mm.
    np.testing.assert_array_equal(np.flatnonzero(counts.any(axis=0)), np.arange(13, 25))
    np.testing.assert_array_equal(np.flatnonzero(counts.any(axis=1)), np.arange(10, 22))


def test_a_collimator_at_90_degrees_turns_the_jaws(tmp_path):
    jaws = [item(RTBeamLimitingDeviceType="X", LeafJawPositions=[-2.0, 6.0])]
    exposure = [item(KVP=6000, BeamLimitingDeviceSequence=jaws, BeamLimitingDeviceAngle=90)]
    path = rt_image(
        tmp_path, RTImagePosition=[-15.5, 15.5], ImagePlanePixelSpacing=[1, 1], ExposureSequence=exposure
    )
    counts = read_rt_image(path).image.counts
    # The X jaws then move along gantry +y, which is up in the image: rows 16 - 9 to 16 + 3.
    np.testing.assert_array_equal(np.flatnonzero(counts.any(axis=1)), np.arange(7, 19))
    assert counts.any(axis=0).all()


def test_a_drr_is_said_to_be_computed_and_shows_more_than_the_field(tmp_path):
    jaws = [item(RTBeamLimitingDeviceType="X", LeafJawPositions=[-1.0, 1.0])]
    path = rt_image(tmp_path, ImageType=DRR, ExposureSequence=[item(BeamLimitingDeviceSequence=jaws)])
    read = read_rt_image(path)
    assert read.is_computed
    assert read.image.share_that_counts == 1.0
    assert "is a computed radiograph" in read.image.warnings[0]


def test_another_kind_of_object_is_refused(tmp_path):
    from radiograph_builders import dx_image

    with pytest.raises(UnreadableError, match="not RT Image Storage; give an RT Image"):
        read_rt_image(dx_image(tmp_path))


def test_the_field_of_real_portal_images_is_where_the_jaws_are(shared_data: Path):
    folder = shared_data / "LinaQA" / "TestFiles" / "WinstonLutz"
    read = read_rt_image(folder / "RI.QA012.MV_90_0a.dcm", meaning=PixelMeaning("LIN", 1))
    isocentre = read.image.view.project(np.zeros((1, 3)))[0]
    field = read.image.radiograph.values > 0.5
    rows, columns = np.nonzero(field)
    # A Winston-Lutz field is centred on the isocentre within a millimetre, 4 pixels at 1.4 times.
    assert abs(columns.mean() - isocentre[0]) < 4.0
    assert abs(rows.mean() - isocentre[1]) < 4.0
    assert (field & ~read.image.counts).sum() < 0.02 * field.sum()
    with pytest.raises(MissingEvidenceError, match="does not say how its pixels follow the X-rays"):
        read_rt_image(folder / "RI.QA012.MV_90_0a.dcm")


def ball_offset_px(read: RtImage) -> np.ndarray:
    """Column and row of the dark ball in the middle of a portal image, from the image of the isocentre."""
    isocentre = read.image.view.project(np.zeros((1, 3)))[0]
    first = np.round(isocentre).astype(int) - 25
    part = read.image.radiograph.values[first[1] : first[1] + 51, first[0] : first[0] + 51]
    spots, _ = ndimage.label(part < (part.min() + np.median(part)) / 2.0)
    row, column = ndimage.center_of_mass(spots == spots[25, 25])
    return first + [column, row] - isocentre


def test_the_ball_of_real_portal_images_is_one_point_of_the_room(shared_data: Path):
    folder = shared_data / "LinaQA" / "TestFiles" / "WinstonLutz"
    meant = PixelMeaning("LIN", 1)
    reads = [read_rt_image(folder / f"RI.QA012.MV_{name}.dcm", meaning=meant) for name in WINSTON_LUTZ]
    views = [read.image.view for read in reads]
    seen = [
        view.project(np.zeros((1, 3)))[0] + ball_offset_px(read)
        for view, read in zip(views, reads, strict=True)
    ]
    matrices = [view.pixel_from_xyz for view in views]
    lines = [m[:2, :3] - s[:, None] * m[2, :3] for m, s in zip(matrices, seen, strict=True)]
    rights = [s * m[2, 3] - m[:2, 3] for m, s in zip(matrices, seen, strict=True)]
    ball_mm = np.linalg.lstsq(np.concatenate(lines), np.concatenate(rights), rcond=None)[0]
    left_px = [view.project(ball_mm[None])[0] - s for view, s in zip(views, seen, strict=True)]
    # A pixel of 0.336 mm at 1.4 times is 0.24 mm at the isocentre; the ball was set up to half a millimetre.
    assert np.abs(left_px).max() < 0.5
    assert np.linalg.norm(ball_mm) < 0.5


def test_the_drr_of_a_planning_system_has_the_isocentre_in_its_middle(shared_data: Path):
    folder = shared_data / "SlicerRT" / "Testing" / "Data" / "DICOM" / "EclipseProstatePhantomRtData"
    read = read_rt_image(next(folder.glob("RI.*.dcm")), meaning=PixelMeaning("LOG", -1))
    np.testing.assert_allclose(read.image.view.project(np.zeros((1, 3))), [[255.5, 255.5]], atol=1e-6)
    assert read.is_computed


def test_the_values_are_shares_of_the_brightest_pixel(tmp_path):
    read = read_rt_image(rt_image(tmp_path))
    assert read.image.radiograph.quantity == "intensity"
    np.testing.assert_allclose(read.image.radiograph.values, VALUES / VALUES.max(), rtol=1e-6)
