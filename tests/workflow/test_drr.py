"""Reference images of set-up fields: what lies on a side of the patient is where a hand calculation says."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from ball_export import (
    AP,
    BALL_LPS_MM,
    BALL_RADIUS_MM,
    GRID,
    ISOCENTRE_MM,
    LATERAL,
    PLAN_UID,
    TREATMENT,
    WATER_MM,
    add_plan,
    ball_structure,
    beam,
    write_ball_export,
    write_images,
)
from matplotlib.image import imread

from isoguide.dicom import load_planning_set
from isoguide.dicom.rtimage import RtImage, read_rt_image
from isoguide.errors import GeometryError, InputError, MismatchError, MissingEvidenceError, OutputError
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.plan import PatientPosition
from isoguide.workflow import drr
from isoguide.workflow.drr import drrs_into
from isoguide.workflow.drr_request import DrrRequest
from isoguide.workflow.reference_pictures import INK
from isoguide.workflow.setup_drr import Weights

PIXELS, SIZE_MM = 128, 192.0
PIXEL_MM = SIZE_MM / PIXELS
MIDDLE = (PIXELS - 1) / 2.0


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ball_export(tmp_path_factory.mktemp("export"))


def asked(planning: Path, **changes: object) -> DrrRequest:
    return replace(DrrRequest(planning, size_mm=SIZE_MM, pixels=PIXELS), **changes)


def reads(folder: Path) -> list[RtImage]:
    return [read_rt_image(path) for path in sorted((folder / "DRR").glob("*.dcm"))]


def ball_px(read: RtImage) -> np.ndarray:
    """Column and row of the middle of what stands out of the water, from the middle of the image."""
    values = read.image.radiograph.values
    rows, columns = np.nonzero(values > 0.7 * values.max() + 0.3 * np.median(values[values > 1.0]))
    return np.array([columns.mean(), rows.mean()]) - MIDDLE


# The ball is 24 mm left, 15 mm anterior, 36 mm superior of the isocentre. By hand, from where room X (to the
# right of somebody who faces the gantry), Y (to the gantry) and Z (up) point in each position:
IN_ROOM_MM = {
    "HFS": (24.0, 36.0, 15.0),
    "HFP": (-24.0, 36.0, -15.0),
    "FFS": (-24.0, -36.0, 15.0),
    "FFP": (24.0, -36.0, -15.0),
    "HFDR": (-15.0, 36.0, 24.0),
    "HFDL": (15.0, 36.0, -24.0),
    "FFDR": (15.0, -36.0, 24.0),
    "FFDL": (-15.0, -36.0, -24.0),
}


@pytest.mark.parametrize("position", IN_ROOM_MM)
def test_a_ball_left_anterior_and_superior_is_on_the_pixel_of_a_hand_calculation(tmp_path, position):
    export = write_ball_export(tmp_path / "export", position=position)
    drrs_into(tmp_path / "out", asked(export))
    front, side = reads(tmp_path / "out")
    x, y, z = IN_ROOM_MM[position]
    # Source above: right of the image is +X, top is +Y; what is higher is nearer and larger.
    expected = np.array([x, -y]) * 1000.0 / (1000.0 - z) / PIXEL_MM
    np.testing.assert_allclose(ball_px(front), expected, atol=0.5)
    # Source at +X: the right of the image is down.
    expected = np.array([-z, -y]) * 1000.0 / (1000.0 - x) / PIXEL_MM
    np.testing.assert_allclose(ball_px(side), expected, atol=0.5)


def test_a_turned_couch_turns_the_patient_in_the_picture(tmp_path):
    # By hand: 90° counter-clockwise from above takes the head to -X and the left side to +Y.
    export = write_ball_export(tmp_path / "export", (TREATMENT, beam(2, "AP", 0.0, couch_deg=90.0)))
    made = drrs_into(tmp_path / "out", asked(export))
    (read,) = reads(tmp_path / "out")
    expected = np.array([-36.0, -24.0]) * 1000.0 / 985.0 / PIXEL_MM
    np.testing.assert_allclose(ball_px(read), expected, atol=0.5)
    assert made.views[0].couch_deg == 90.0
    assert pydicom.dcmread(made.folder / "RI_01.dcm").PatientSupportAngle == 90.0


def test_the_pixels_of_the_isocentre_are_the_thickness_of_water_there(export, tmp_path):
    drrs_into(tmp_path / "soft", asked(export, weights="soft", angles_deg=(0.0,)))
    (read,) = reads(tmp_path / "soft")
    # NIST: water attenuates 0.2683 per cm at 40 keV.
    middle = read.image.radiograph.values[63:65, 63:65].mean()
    assert middle == pytest.approx(0.02683 * WATER_MM, rel=0.02)


def test_bone_and_soft_tissue_add_up_to_all(export, tmp_path):
    shown: dict[Weights, np.ndarray] = {}
    for weights in ("all", "bone", "soft"):
        drrs_into(tmp_path / weights, asked(export, weights=weights, angles_deg=(30.0,)))
        shown[weights] = reads(tmp_path / weights)[0].image.radiograph.values
    np.testing.assert_allclose(shown["bone"] + shown["soft"], shown["all"], atol=2e-3)
    # Bone is what the ball is made of, and nothing else: half of its thickness is at 0.87 of its radius.
    area_mm2 = np.count_nonzero(shown["bone"] > 0.5 * shown["bone"].max()) * PIXEL_MM**2
    assert area_mm2 == pytest.approx(0.75 * np.pi * BALL_RADIUS_MM**2, rel=0.3)


def test_each_set_up_field_gets_its_image_and_the_treatment_beam_none(export, tmp_path):
    made = drrs_into(tmp_path / "out", asked(export))
    assert [(view.name, view.gantry_deg, view.beam_number) for view in made.views] == [
        ("AP", 0.0, 2),
        ("LAT", 90.0, 3),
    ]
    assert sorted(path.name for path in made.folder.iterdir()) == ["RI_01.dcm", "RI_02.dcm"]
    headers = [pydicom.dcmread(path) for path in sorted(made.folder.iterdir())]
    assert [one.RTImageLabel for one in headers] == ["DRR AP", "DRR LAT"]
    assert [one.ReferencedBeamNumber for one in headers] == [2, 3]
    assert {one.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID for one in headers} == {PLAN_UID}
    assert len({one.SeriesInstanceUID for one in headers}) == 1
    assert len({one.SOPInstanceUID for one in headers}) == 2
    assert {one.PatientID for one in headers} == {"B-1"}


def test_a_field_for_a_cone_beam_scan_gets_an_image_as_names_decide_nothing(tmp_path):
    export = write_ball_export(tmp_path / "export", (TREATMENT, beam(4, "CBCT", 0.0)))
    made = drrs_into(tmp_path / "out", asked(export))
    assert [view.name for view in made.views] == ["CBCT"]


def test_angles_are_looked_from_instead_of_the_fields(export, tmp_path):
    made = drrs_into(tmp_path / "out", asked(export, angles_deg=(-90.0, 45.0, 270.0)))
    assert [view.gantry_deg for view in made.views] == [270.0, 45.0]
    header = pydicom.dcmread(made.folder / "RI_01.dcm")
    assert header.RTImageLabel == "DRR gantry 270"
    assert "ReferencedBeamNumber" not in header
    # The plan names one machine.
    assert header.RadiationMachineName == "LINAC 1"
    np.testing.assert_allclose(
        reads(tmp_path / "out")[0].image.view.source_mm, [-1000.0, 0.0, 0.0], atol=1e-6
    )


def test_without_a_plan_an_angle_and_the_isocentre_are_enough(tmp_path):
    write_images(tmp_path / "export")
    x, y, z = (float(value) for value in ISOCENTRE_MM)
    request = asked(tmp_path / "export", angles_deg=(0.0,), isocentre_mm=(x, y, z))
    made = drrs_into(tmp_path / "out", request)
    expected = np.array([24.0, -36.0]) * 1000.0 / 985.0 / PIXEL_MM
    np.testing.assert_allclose(ball_px(reads(tmp_path / "out")[0]), expected, atol=0.5)
    assert "ReferencedRTPlanSequence" not in pydicom.dcmread(made.folder / "RI_01.dcm")
    assert any("there is no plan" in warning for warning in made.warnings)


class TestDistances:
    @pytest.fixture
    def stated(self, tmp_path):
        """An export whose AP field states distances of its images."""

        def write(*distances_mm: float) -> Path:
            folder = tmp_path / "export"
            path = add_plan(folder, write_images(folder), (TREATMENT, replace_sad(AP), LATERAL))
            plan = pydicom.dcmread(path)
            images = []
            for distance_mm in distances_mm:
                images.append(pydicom.Dataset())
                images[-1].RTImageSID = distance_mm
            plan.BeamSequence[1].PlannedVerificationImageSequence = images
            plan.save_as(path)
            return folder

        return write

    def test_are_those_of_the_field_where_the_plan_says_so(self, stated, tmp_path):
        drrs_into(tmp_path / "out", asked(stated(1800.0)))
        headers = [pydicom.dcmread(path) for path in sorted((tmp_path / "out" / "DRR").iterdir())]
        assert [(one.RadiationMachineSAD, one.RTImageSID) for one in headers] == [(900, 1800), (1000, 1500)]
        # The edge at the isocentre stays what was asked for: 192 mm in 128 pixels, twice that at the image.
        assert list(headers[0].ImagePlanePixelSpacing) == [3.0, 3.0]

    def test_that_contradict_each_other_are_asked_for(self, stated, tmp_path):
        export = stated(1500.0, 1800.0)
        with pytest.raises(MismatchError, match=r"1500 and 1800 mm to the image of field 2 \(AP\).*--sid MM"):
            drrs_into(tmp_path / "out", asked(export))
        assert not (tmp_path / "out").exists()
        drrs_into(tmp_path / "out", asked(export, sid_mm=1540.0))
        assert pydicom.dcmread(tmp_path / "out" / "DRR" / "RI_01.dcm").RTImageSID == 1540


def replace_sad(field):
    return replace(field, source_axis_distance_mm=900.0)


class TestPictures:
    @pytest.fixture(scope="session")
    @staticmethod
    def made(tmp_path_factory):
        folder = tmp_path_factory.mktemp("pictures")
        export = write_ball_export(folder / "export")
        return drrs_into(folder / "out", asked(export, pictures=True, outlined=("ball",), weights="bone"))

    def test_lie_beside_the_images_and_nothing_is_drawn_into_those(self, made):
        names = sorted(path.name for path in made.folder.iterdir())
        assert names == ["RI_01.dcm", "RI_01.png", "RI_02.dcm", "RI_02.png"]
        values = read_rt_image(made.folder / "RI_01.dcm").image.radiograph.values
        # Letters, cross and outline would be bright pixels beside the ball.
        assert np.count_nonzero(values > 0.02 * values.max()) < 6.0 * BALL_RADIUS_MM**2 / PIXEL_MM**2

    def test_outline_the_shadow_of_the_structure(self, made):
        picture = (imread(io.BytesIO((made.folder / "RI_01.png").read_bytes())) * 255.0).round()[..., :3]
        rows, columns = np.nonzero((picture == (64, 224, 96)).all(axis=-1))
        centre = np.array([24.0, -36.0]) * 1000.0 / 985.0 / PIXEL_MM + MIDDLE
        distances_mm = np.hypot(columns - centre[0], rows - centre[1]) * PIXEL_MM
        # Voxels of 3 mm and pixels of 1.5 mm.
        np.testing.assert_allclose(distances_mm, BALL_RADIUS_MM, atol=3.0)
        assert distances_mm.mean() == pytest.approx(BALL_RADIUS_MM, abs=1.0)
        assert made.outlines == (("Ball", "green"),)
        assert (picture == INK).all(axis=-1).any()

    def test_have_no_outline_of_what_was_not_drawn(self, export, tmp_path):
        with pytest.raises(MissingEvidenceError, match="has no structure 'Heart'; it has Ball"):
            drrs_into(tmp_path / "out", asked(export, pictures=True, outlined=("Heart",)))
        assert not (tmp_path / "out").exists()

    def test_have_no_outline_of_a_structure_outside_the_image(self, tmp_path):
        export = write_ball_export(tmp_path / "export")
        plan = pydicom.dcmread(export / "RS.dcm")
        for contour in plan.ROIContourSequence[0].ContourSequence:
            contour.ContourData = (np.array(contour.ContourData, float) + 5000.0).tolist()
        plan.save_as(export / "RS.dcm")
        with pytest.raises(GeometryError, match="no closed contours within the planning image"):
            drrs_into(tmp_path / "out", asked(export, pictures=True, outlined=("Ball",)))

    def test_need_a_structure_set_for_an_outline(self, tmp_path):
        folder = tmp_path / "export"
        add_plan(folder, write_images(folder), (TREATMENT, AP))
        with pytest.raises(MissingEvidenceError, match="holds no structure set to outline"):
            drrs_into(tmp_path / "out", asked(folder, pictures=True, outlined=("Ball",)))


class TestIsocentres:
    OTHER_MM = ISOCENTRE_MM + [0.0, 0.0, 20.0]

    def test_of_other_fields_are_left_out_and_that_is_said(self, tmp_path):
        other = beam(4, "AP 2", 0.0, isocentre_mm=self.OTHER_MM)
        export = write_ball_export(tmp_path / "export", (TREATMENT, AP, other))
        made = drrs_into(tmp_path / "out", asked(export))
        assert [view.name for view in made.views] == ["AP"]
        assert "the set-up field 4 (AP 2) was left out: it has another isocentre" in made.warnings

    def test_are_chosen_by_a_beam(self, tmp_path):
        other = beam(4, "AP 2", 0.0, isocentre_mm=self.OTHER_MM)
        export = write_ball_export(tmp_path / "export", (TREATMENT, AP, other))
        made = drrs_into(tmp_path / "out", asked(export, beam=4))
        assert [view.name for view in made.views] == ["AP 2"]
        assert list(pydicom.dcmread(made.folder / "RI_01.dcm").IsocenterPosition) == self.OTHER_MM.tolist()

    def test_without_a_field_about_them_are_refused(self, tmp_path):
        export = write_ball_export(
            tmp_path / "export", (TREATMENT, beam(4, "", 0.0, isocentre_mm=self.OTHER_MM))
        )
        with pytest.raises(
            MissingEvidenceError, match=r"no set-up field .* is about the isocentre .*--beam N"
        ):
            drrs_into(tmp_path / "out", asked(export))

    def test_outside_the_planning_image_are_refused(self, export, tmp_path):
        with pytest.raises(GeometryError, match="lies outside the planning image"):
            drrs_into(tmp_path / "out", asked(export, isocentre_mm=(500.0, 0.0, 0.0)))


class TestRefused:
    def test_is_a_plan_without_set_up_fields(self, tmp_path):
        export = write_ball_export(tmp_path / "export", (TREATMENT,))
        with pytest.raises(
            MissingEvidenceError, match=r"plan 'BALL' has no set-up fields: .* --angle 0 --angle"
        ):
            drrs_into(tmp_path / "out", asked(export))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["export"]

    def test_is_an_export_without_plan_or_angle(self, tmp_path):
        write_images(tmp_path / "export")
        with pytest.raises(MissingEvidenceError, match="holds no plan: say from where to look with --angle"):
            drrs_into(tmp_path / "out", asked(tmp_path / "export", isocentre_mm=(0.0, -30.0, 50.0)))

    def test_is_a_field_with_a_tilted_table(self, tmp_path):
        field = beam(2, "AP", 0.0, table_pitch_deg=2.0)
        export = write_ball_export(tmp_path / "export", (TREATMENT, field))
        with pytest.raises(GeometryError, match=r"field 2 \(AP\) is planned with a table top pitched by 2°"):
            drrs_into(tmp_path / "out", asked(export))

    def test_is_a_patient_who_sits(self, tmp_path):
        export = write_ball_export(tmp_path / "export")
        plan = pydicom.dcmread(export / "RP.dcm")
        plan.PatientSetupSequence[0].PatientPosition = "SITTING"
        plan.save_as(export / "RP.dcm")
        with pytest.raises(GeometryError, match="'SITTING', which is not one of a lying patient"):
            drrs_into(tmp_path / "out", asked(export))

    def test_is_an_image_without_hounsfield_units(self, tmp_path):
        export = write_ball_export(tmp_path / "export")
        for path in export.glob("CT_*.dcm"):
            image = pydicom.dcmread(path)
            del image.RescaleSlope, image.RescaleIntercept
            image.save_as(path)
        with pytest.raises(InputError, match=r"[Rr]escale"):
            drrs_into(tmp_path / "out", asked(export))

    def test_is_a_volume_file(self, tmp_path):
        sitk = pytest.importorskip("SimpleITK")
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((9, 9, 9), np.int16)), str(tmp_path / "ct.mha"))
        request = asked(tmp_path / "ct.mha", angles_deg=(0.0,), isocentre_mm=(4.0, 4.0, 4.0))
        with pytest.raises(MissingEvidenceError, match=r"without patient and study.* give a folder of DICOM"):
            drrs_into(tmp_path / "out", request)

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"size_mm": 5.0}, "--size has to be between 20 and 1000 mm, not 5"),
            ({"pixels": 20}, "--pixels has to be between 64 and 4096 pixels, not 20"),
            ({"sid_mm": 150.0}, "--sid has to be between 500 and 5000 mm, not 150"),
            ({"angles_deg": (float("nan"),)}, "--angle needs degrees of the gantry, not nan"),
            ({"outlined": ("PTV",)}, "nothing is drawn into a DICOM image: add --png"),
            ({"outlined": tuple("ABCDEFG"), "pictures": True}, "--outline has 6 colours, not 7"),
        ],
    )
    def test_is_a_number_that_makes_no_sense(self, tmp_path, changes, sentence):
        with pytest.raises(InputError, match=sentence):
            asked(tmp_path, **changes)


class TestTheFolder:
    def test_is_not_replaced_unasked(self, export, tmp_path):
        (tmp_path / "out" / "DRR").mkdir(parents=True)
        with pytest.raises(OutputError, match="--force"):
            drrs_into(tmp_path / "out", asked(export))
        made = drrs_into(tmp_path / "out", asked(export), overwrite=True)
        assert len(list(made.folder.iterdir())) == 2

    def test_is_not_there_when_the_last_image_cannot_be_written(self, export, tmp_path, monkeypatch):
        def write(path, *arguments, **options):
            if path.name == "RI_02.dcm":
                raise OutputError("the disk is full")
            return original(path, *arguments, **options)

        original = drr.write_rt_image
        monkeypatch.setattr(drr, "write_rt_image", write)
        with pytest.raises(OutputError, match="the disk is full"):
            drrs_into(tmp_path / "out", asked(export))
        assert list(tmp_path.iterdir()) == []


def test_the_set_up_fields_of_a_real_plan_see_its_patient(shared_data: Path, tmp_path):
    """Delivery type TREATMENT, no meterset: AP at 0°, from the right at 270°, a CBCT that starts at 90°."""
    folder = shared_data / "OnkoDICOM" / "test" / "testdata" / "DICOM-RT-TEST"
    made = drrs_into(tmp_path / "out", DrrRequest(folder, pixels=64))
    assert [(view.name, view.gantry_deg) for view in made.views] == [
        ("AP SETUP", 0.0),
        ("RL SETUP", 270.0),
        ("CBCT", 90.0),
    ]
    headers = [pydicom.dcmread(path) for path in sorted(made.folder.iterdir())]
    assert [list(one.PatientOrientation) for one in headers] == [["L", "F"], ["A", "F"], ["P", "F"]]
    assert {one.RadiationMachineName for one in headers} == {"TrueBeamSN1399"}
    assert [one.ReferencedBeamNumber for one in headers] == [8, 9, 10]
    front, right, left = reads(tmp_path / "out")
    for read, source_mm in ((front, (0, 0, 1000)), (right, (-1000, 0, 0)), (left, (1000, 0, 0))):
        np.testing.assert_allclose(read.image.view.source_mm, source_mm, atol=1e-6)
        np.testing.assert_allclose(read.image.view.project(np.zeros((1, 3))), [[31.5, 31.5]], atol=1e-6)
    check_liver(folder, front)


def check_liver(folder: Path, front: RtImage) -> None:
    """The liver, drawn by others, lies on the right side of the patient and is denser than the left lung."""
    planning = load_planning_set(folder)
    assert planning.plan is not None
    assert planning.structure_set is not None
    place = fixed_from_planning("HFS", planning.plan.isocentre_mm())
    liver, lung = (
        front.image.view.project(place.apply(planning.structure_set.structure(name).points_mm))
        for name in ("LIVER", "LUNG_L")
    )
    assert liver[:, 0].mean() < 31.5 < lung[:, 0].mean()
    assert liver[:, 1].mean() > lung[:, 1].mean()
    seen = [
        front.image.radiograph.values[tuple(np.rint(np.median(spots, axis=0)[::-1]).astype(int))]
        for spots in (liver, lung)
    ]
    assert seen[0] > 1.3 * seen[1]


def test_the_ball_of_the_structure_set_is_the_ball_of_the_images() -> None:
    """What the outline test stands on."""
    points_mm = ball_structure().points_mm - ISOCENTRE_MM - BALL_LPS_MM
    np.testing.assert_allclose(np.linalg.norm(points_mm, axis=1), BALL_RADIUS_MM, atol=1e-9)
    assert GRID.contains(ISOCENTRE_MM + BALL_LPS_MM)
    assert PatientPosition.HFS in IN_ROOM_MM
