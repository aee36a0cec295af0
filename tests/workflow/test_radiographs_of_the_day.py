"""Which radiographs in a folder count, where each was taken, and what is refused in one sentence."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from exposed_pairs import dx_image, rt_image
from pydicom.uid import XRayAngiographicImageStorage
from radiograph_builders import item
from radiograph_files import arm_content, imager_content, write_json

from isoguide.dicom import scan_folder
from isoguide.dicom.radiograph_pixels import PixelMeaning
from isoguide.errors import AmbiguityError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition
from isoguide.workflow.inputs import PlacedPoint, PlanningInput
from isoguide.workflow.radiographs.align_views import calibration_mm2, load_room_views
from isoguide.workflow.request import AlignRequest, RadiographChoice

NOW = datetime(2024, 1, 10, 12, 0)
ISOCENTRE_MM = np.array([12.0, -30.0, 55.0])
SMALL = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32) + 100
CENTRED = {"RTImagePosition": [-7.75, 7.75], "ImagePlanePixelSpacing": [0.5, 0.5]}
"""32 pixels of half a millimetre about the beam axis."""


def planning(position: str = "HFS") -> PlanningInput:
    grid = Grid.axial(PLANNING, (2, 2, 2), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    volume = Volume(grid, np.zeros((2, 2, 2), np.float32))
    isocentre = PlacedPoint(ISOCENTRE_MM, "the test")
    return PlanningInput(Path("plan"), volume, isocentre, PatientPosition(position), "", None, ())


def portal(folder: Path, name: str, gantry_deg: float = 0.0, **changes) -> Path:
    """A megavoltage image: its gantry angle is that of the source."""
    said = {"SOPInstanceUID": f"1.2.9.{sum(name.encode())}", **CENTRED, "GantryAngle": gantry_deg, **changes}
    return rt_image(folder, SMALL, **said).rename(folder / name)


def dx(folder: Path, name: str, size: int = 32, **changes) -> Path:
    said = {"SOPInstanceUID": f"1.2.8.{sum(name.encode())}", **changes}
    values = np.full((size, size), 9, dtype=np.uint16)
    return dx_image(folder, values, **said).rename(folder / name)


def loaded(folder: Path, choice: RadiographChoice | None = None, position: str = "HFS", **more):
    request = AlignRequest(Path("plan"), folder, radiographs=choice or RadiographChoice(), **more)
    return load_room_views(request, planning(position), scan_folder(folder), now=NOW)


def seen_at(view, point_mm) -> list[float]:
    return np.round(view.view.project(np.atleast_2d(point_mm))[0], 3).tolist()


class TestThePair:
    """Two images of one moment, placed with the patient as planned."""

    def test_the_plan_isocentre_is_in_the_middle_of_both(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0)
        portal(tmp_path, "side.dcm", 90.0, AcquisitionTime="101530")
        views = loaded(tmp_path)
        assert [seen_at(view, ISOCENTRE_MM) for view in views.views] == [[15.5, 15.5]] * 2
        assert [view.view.frame for view in views.views] == [PLANNING] * 2
        assert views.patient.patient_id == "A1"
        assert views.acquired_at == datetime(2024, 1, 3, 10, 15)
        assert views.moments_apart_s == 30.0

    @pytest.mark.parametrize(
        ("position", "left", "head"), [("HFS", 1, -1), ("HFP", -1, -1), ("FFS", -1, 1), ("FFP", 1, 1)]
    )
    def test_left_and_head_are_where_the_position_puts_them(self, tmp_path, position, left, head):
        """Reference, section 1.8: gantry 0, 10 mm along room x are 15 mm along +x of the receptor.

        Room x is the patient's left for HFS and FFP; the head is towards the gantry, where rows are low, for
        head first.
        """
        portal(tmp_path, "front.dcm", 0.0)
        view = loaded(tmp_path, position=position).views[0]
        assert seen_at(view, ISOCENTRE_MM + [2.0, 0.0, 0.0]) == [15.5 + left * 2.0 * 1.5 / 0.5, 15.5]
        assert seen_at(view, ISOCENTRE_MM + [0.0, 0.0, 2.0]) == [15.5, 15.5 + head * 2.0 * 1.5 / 0.5]

    def test_older_images_and_computed_ones_are_left_out(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0)
        portal(tmp_path, "side.dcm", 90.0)
        portal(tmp_path, "yesterday.dcm", 0.0, AcquisitionDate="20240102")
        portal(tmp_path, "planned.dcm", 0.0, ImageType=["DERIVED", "SECONDARY", "DRR"])
        views = loaded(tmp_path)
        assert [origin.header.path.name for origin in views.origins] == ["front.dcm", "side.dcm"]
        assert any("1 older images" in words for words in views.warnings)
        assert any("1 computed or blank images" in words for words in views.warnings)

    def test_only_computed_images_are_no_image_of_the_day(self, tmp_path):
        portal(tmp_path, "planned.dcm", 0.0, ImageType=["DERIVED", "SECONDARY", "DRR"])
        with pytest.raises(MissingEvidenceError, match="holds no radiograph but computed or blank ones"):
            loaded(tmp_path)

    def test_two_exposures_of_a_view_are_not_chosen_among(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0)
        portal(tmp_path, "again.dcm", 0.0, AcquisitionTime="101520")
        portal(tmp_path, "side.dcm", 90.0)
        with pytest.raises(AmbiguityError, match=r"along one line .*: give the files of one pair"):
            loaded(tmp_path)

    def test_images_from_opposite_sides_show_the_same_depth(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0)
        portal(tmp_path, "back.dcm", 180.0)
        with pytest.raises(AmbiguityError, match="along one line"):
            loaded(tmp_path)

    def test_images_five_minutes_apart_show_no_patient_in_one_place(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0)
        portal(tmp_path, "side.dcm", 90.0, AcquisitionTime="102000")
        with pytest.raises(MismatchError, match=r"was taken 300 s after .*--moments-apart"):
            loaded(tmp_path)
        assert len(loaded(tmp_path, RadiographChoice(moments_apart_s=300.0)).views) == 2
        named = RadiographChoice(files=(tmp_path / "front.dcm", tmp_path / "side.dcm"))
        with pytest.raises(MismatchError, match="was taken 300 s after"):
            loaded(tmp_path, named)

    def test_images_without_a_time_are_used_with_a_warning(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0, AcquisitionDate=None)
        portal(tmp_path, "side.dcm", 90.0)
        views = loaded(tmp_path)
        assert views.acquired_at is None
        assert views.moments_apart_s is None
        assert any("whether the patient moved" in words for words in views.warnings)
        portal(tmp_path, "oblique.dcm", 45.0, AcquisitionDate="20240102")
        with pytest.raises(MismatchError, match="was taken 86400 s after"):
            loaded(tmp_path)

    def test_images_of_two_patients_are_refused(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0)
        portal(tmp_path, "side.dcm", 90.0, PatientID="B2")
        with pytest.raises(MismatchError, match="belongs to another patient"):
            loaded(tmp_path)

    def test_a_couch_turned_for_another_field_is_refused(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0, PatientSupportAngle=330)
        with pytest.raises(MismatchError, match=r"couch turned by -30°"):
            loaded(tmp_path)

    def test_a_machine_isocentre_beside_radiographs_is_refused(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0)
        with pytest.raises(InputError, match="leave --machine-isocentre out"):
            loaded(tmp_path, machine_isocentre_mm=(0.0, 0.0, 0.0))


class TestWhatIsLeftAndWhatIsRight:
    """PatientOrientation against where the image was placed."""

    def test_an_image_that_says_what_it_shows_is_fine(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0, PatientOrientation=["L", "F"])
        assert not any("PatientOrientation" in words for words in loaded(tmp_path).warnings)

    def test_a_mirrored_image_is_refused(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0, PatientOrientation=["R", "F"])
        with pytest.raises(MismatchError, match=r"rows of .*front.dcm run to the patient's right .*mirrored"):
            loaded(tmp_path)

    def test_a_patient_the_other_way_round_is_refused(self, tmp_path):
        portal(tmp_path, "front.dcm", 0.0, PatientOrientation=["L", "H"])
        with pytest.raises(MismatchError, match=r"columns of .* run to the patient's head"):
            loaded(tmp_path)

    def test_an_orientation_that_was_never_set_is_a_warning(self, tmp_path):
        portal(tmp_path, "side.dcm", 90.0, PatientOrientation=["L", "F"])
        assert any("across what it shows" in words for words in loaded(tmp_path).warnings)


class TestKilovoltageArms:
    """The angle of the gantry is not that of the tube, and the panel sags."""

    def kv(self, folder: Path, **changes) -> Path:
        return portal(folder, "kv.dcm", 0.0, ExposureSequence=[item(KVP=100)], **changes)

    def imager(self, folder: Path, **changes) -> Path:
        content = {**arm_content(), "serial_number": "L7", **changes}
        return write_json(folder.parent / f"{folder.name}.json", content)

    def test_without_the_angle_of_the_tube_it_is_refused(self, tmp_path):
        self.kv(tmp_path)
        with pytest.raises(MissingEvidenceError, match="--source-from-gantry"):
            loaded(tmp_path)
        view = loaded(tmp_path, RadiographChoice(source_from_gantry_deg=90.0)).views[0]
        np.testing.assert_allclose(view.view.source_mm - ISOCENTRE_MM, [1000.0, 0.0, 0.0], atol=1e-6)

    def test_a_treatment_beam_beside_it_keeps_its_own_angle(self, tmp_path):
        self.kv(tmp_path)
        portal(tmp_path, "mv.dcm", 0.0)
        kv, mv = loaded(tmp_path, RadiographChoice(source_from_gantry_deg=90.0)).views
        np.testing.assert_allclose(kv.view.source_mm - ISOCENTRE_MM, [1000.0, 0.0, 0.0], atol=1e-6)
        np.testing.assert_allclose(mv.view.source_mm - ISOCENTRE_MM, [0.0, -1000.0, 0.0], atol=1e-6)

    def test_its_imager_file_knows_angle_and_sag(self, tmp_path):
        """At gantry 0° the panel of this file is in place, at 90° it is 2 mm along x and 1 mm along -y."""
        self.kv(tmp_path, GantryAngle=90)
        views = loaded(tmp_path, RadiographChoice(imagers=(self.imager(tmp_path),)))
        shown = views.views[0].view.project(ISOCENTRE_MM[None])[0]
        np.testing.assert_allclose(shown, [15.5 - 2.0 / 0.5, 15.5 - 1.0 / 0.5], atol=1e-6)
        assert views.origins[0].imager is not None
        assert views.origins[0].place == "gantry 90°"

    def test_two_answers_to_the_angle_of_the_tube_are_refused(self, tmp_path):
        self.kv(tmp_path)
        choice = RadiographChoice(imagers=(self.imager(tmp_path),), source_from_gantry_deg=-90.0)
        with pytest.raises(MismatchError, match="--source-from-gantry -90 contradicts"):
            loaded(tmp_path, choice)

    def test_a_panel_that_was_driven_aside_is_no_sag(self, tmp_path):
        self.kv(tmp_path, XRayImageReceptorTranslation=[115, 0, -500])
        with pytest.raises(MismatchError, match=r"115 mm from where .* which is no sag"):
            loaded(tmp_path, RadiographChoice(imagers=(self.imager(tmp_path),)))

    def test_what_is_said_for_nothing_is_refused(self, tmp_path):
        portal(tmp_path, "mv.dcm", 0.0)
        with pytest.raises(MissingEvidenceError, match="--source-from-gantry is for RT Images in kV"):
            loaded(tmp_path, RadiographChoice(source_from_gantry_deg=90.0))
        with pytest.raises(MismatchError, match=r"--view mv.dcm=90 is of an RT Image"):
            loaded(tmp_path, RadiographChoice(view_names=(("mv.dcm", "90"),)))

    def test_an_expired_calibration_is_refused(self, tmp_path):
        self.kv(tmp_path)
        old = self.imager(tmp_path, calibrated_at="2023-11-01T08:00:00")
        with pytest.raises(MismatchError, match=r"expired 33\.1 days before"):
            loaded(tmp_path, RadiographChoice(imagers=(old,)))

    def test_the_file_of_another_device_is_refused(self, tmp_path):
        self.kv(tmp_path)
        other = self.imager(tmp_path, serial_number="L8")
        with pytest.raises(MismatchError, match=r"device 'L7', of which no imager file was given"):
            loaded(tmp_path, RadiographChoice(imagers=(other,)))

    def test_two_files_of_one_device_are_not_chosen_among(self, tmp_path):
        self.kv(tmp_path)
        one = self.imager(tmp_path)
        with pytest.raises(AmbiguityError, match="both for the device 'L7'"):
            loaded(tmp_path, RadiographChoice(imagers=(one, one)))


class TestImagesWithoutARoom:
    """DX, CR and XA: nothing in them is a place in the room."""

    def stereo(self, folder: Path) -> Path:
        content = imager_content()
        view = content["views"][0]
        content["views"] = [{**view, "name": "left"}, {**view, "name": "right"}]
        return write_json(folder.parent / f"{folder.name}.json", content)

    def test_without_commissioned_geometry_they_are_refused(self, tmp_path):
        dx(tmp_path, "a.dcm")
        with pytest.raises(MissingEvidenceError, match=r"imager file of the device 'X9' with --imager"):
            loaded(tmp_path)

    def test_the_angle_of_a_positioner_is_not_that_of_the_gantry(self, tmp_path):
        angiogram = {
            "SOPClassUID": XRayAngiographicImageStorage,
            "Modality": "XA",
            "PositionerPrimaryAngle": 90,
        }
        dx(tmp_path, "xa.dcm", **angiogram)
        arm = write_json(tmp_path.parent / f"{tmp_path.name}.json", arm_content())
        with pytest.raises(MissingEvidenceError, match=r"relative to the patient: .* --view xa.dcm=DEGREES"):
            loaded(tmp_path, RadiographChoice(imagers=(arm,)))
        said = RadiographChoice(imagers=(arm,), view_names=(("xa.dcm", "270"),))
        view = loaded(tmp_path, said).views[0]
        np.testing.assert_allclose(view.view.source_mm - ISOCENTRE_MM, [0.0, -1000.0, 0.0], atol=1e-6)

    def test_which_of_two_tubes_took_it_has_to_be_said(self, tmp_path):
        dx(tmp_path, "a.dcm", 400)
        stereo = self.stereo(tmp_path)
        with pytest.raises(MissingEvidenceError, match=r"views left, right .* --view a.dcm=left"):
            loaded(tmp_path, RadiographChoice(imagers=(stereo,)))
        said = RadiographChoice(imagers=(stereo,), view_names=(("a.dcm", "right"),))
        assert loaded(tmp_path, said).origins[0].place == "view 'right'"

    def test_how_well_its_calibration_is_known_counts_at_the_isocentre(self, tmp_path):
        """Phantom views: 1000 mm to the isocentre, 1500 mm to pixels of 0.8 mm, so 0.1 px are 0.053 mm."""
        dx(tmp_path, "a.dcm", 400)
        content = imager_content()
        content["views"][0]["isocentre_sd_px"] = [0.1, 0.2]
        known = write_json(tmp_path.parent / f"{tmp_path.name}.json", content)
        (covariance,) = calibration_mm2(loaded(tmp_path, RadiographChoice(imagers=(known,))))
        np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.0533, 0.1067], atol=2e-3)
        unknown = write_json(tmp_path.parent / f"{tmp_path.name}.json", imager_content())
        assert calibration_mm2(loaded(tmp_path, RadiographChoice(imagers=(unknown,)))) is None

    def test_a_file_may_name_the_tube_itself(self, tmp_path):
        dx(tmp_path, "a.dcm", 400, DetectorID="Right")
        views = loaded(tmp_path, RadiographChoice(imagers=(self.stereo(tmp_path),)))
        assert views.origins[0].place == "view 'right'"

    def test_a_file_that_names_both_tubes_is_not_believed(self, tmp_path):
        dx(tmp_path, "a.dcm", 400, DetectorID="Right", ProtocolName="left")
        with pytest.raises(MissingEvidenceError, match="it says both left and right"):
            loaded(tmp_path, RadiographChoice(imagers=(self.stereo(tmp_path),)))

    def test_what_is_said_about_a_file_that_is_not_there_is_refused(self, tmp_path):
        dx(tmp_path, "a.dcm", 400)
        said = RadiographChoice(imagers=(self.stereo(tmp_path),), view_names=(("b.dcm", "left"),))
        with pytest.raises(MissingEvidenceError, match=r"--view b.dcm=left names no radiograph of the day"):
            loaded(tmp_path, said)

    def test_pixels_whose_meaning_nobody_states_are_refused(self, tmp_path):
        portal(tmp_path, "front.dcm", PixelIntensityRelationship=None)
        with pytest.raises(MissingEvidenceError, match="--pixels LIN:1"):
            loaded(tmp_path)
        said = loaded(tmp_path, RadiographChoice(pixels=PixelMeaning("LIN", 1)))
        assert said.views[0].radiograph.quantity == "intensity"
