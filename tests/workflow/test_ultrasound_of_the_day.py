"""Which ultrasound counts as the day's, which as its reference, and what is refused in one sentence."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pydicom
import pytest
from exposed_pairs import rt_image
from pydicom.uid import UltrasoundImageStorage
from small_patient import PATIENT, SmallPatient
from ultrasound_days import SIMULATED_AT, TAKEN_AT, moved, write_day, write_reference

from isoguide.dicom.write_ultrasound import UltrasoundDetails
from isoguide.errors import AmbiguityError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY
from isoguide.progress import silent
from isoguide.registration.markers import DeclaredMarkers, MarkerKind
from isoguide.workflow.day_kind import look_at_day
from isoguide.workflow.inputs import PlanningInput, load_planning
from isoguide.workflow.pair_checks import doubts_about
from isoguide.workflow.request import AlignRequest, RadiographChoice, RegionChoice, UltrasoundChoice
from isoguide.workflow.ultrasound import load_day, match
from isoguide.workflow.ultrasound.align_input import UltrasoundInput
from isoguide.workflow.ultrasound.load_day import load_ultrasound_day

OTHER = replace(PATIENT, patient_id="T-2")
COARSE_MM = 5.0


@pytest.fixture(scope="module")
def planning(patient: SmallPatient) -> PlanningInput:
    return load_planning(AlignRequest(patient.planning, patient.planning), silent)


class Files:
    """Writes ultrasound of the patient of a plan into a folder, and loads it as the alignment does."""

    def __init__(self, planning: PlanningInput, folder: Path) -> None:
        self.planning, self.folder = planning, folder
        self.isocentre_mm = planning.isocentre.xyz_mm
        assert planning.series is not None
        self.frame_uid = planning.series.frame_of_reference_uid
        self.references: tuple[Path, ...] = ()

    def reference(self, name: str = "reference.dcm", **changes) -> Path:
        uid = changes.pop("frame_uid", self.frame_uid)
        path = write_reference(self.folder / name, self.isocentre_mm, uid, voxel_mm=COARSE_MM, **changes)
        self.references += (path,)
        return path

    def day(self, name: str = "day.dcm", displaced=None, **changes) -> Path:
        where = moved() if displaced is None else displaced
        return write_day(self.folder / name, self.isocentre_mm, where, voxel_mm=COARSE_MM, **changes)

    def load(self, daily: Path, request: AlignRequest | None = None, **said) -> UltrasoundInput:
        request = request or AlignRequest(self.planning.path, daily, ultrasound=UltrasoundChoice(**said))
        planning = self.planning
        if planning.dicom is not None:
            planning = replace(planning, dicom=replace(planning.dicom, ultrasound=self.references))
        return load_ultrasound_day(request, planning, look_at_day(request))


@pytest.fixture
def files(planning: PlanningInput, tmp_path: Path) -> Files:
    return Files(planning, tmp_path)


class TestTheReference:
    """The ultrasound of the simulation is the one of this plan, or there is none."""

    def test_the_only_one_in_the_planning_export_is_taken(self, files) -> None:
        path = files.reference()
        daily = files.load(files.day())
        assert daily.reference is not None
        assert daily.reference.path == path
        assert daily.volume.frame == DAILY
        assert daily.acquired_at == TAKEN_AT

    def test_the_planning_export_lists_its_ultrasound(self, patient, files, tmp_path) -> None:
        shutil.copytree(patient.planning, tmp_path / "planning")
        shutil.copy(files.reference(), tmp_path / "planning" / "us.dcm")
        loaded = load_planning(AlignRequest(tmp_path / "planning", tmp_path), silent)
        assert loaded.dicom.ultrasound == (tmp_path / "planning" / "us.dcm",)

    def test_none_means_a_match_to_the_planning_ct(self, files) -> None:
        assert files.load(files.day()).reference is None

    def test_the_planning_ct_can_be_asked_for_beside_one(self, files) -> None:
        files.reference()
        assert files.load(files.day(), against="ct").reference is None
        with pytest.raises(InputError, match="a match to the planning CT needs no reference"):
            UltrasoundChoice(reference=files.reference(), against="ct")

    def test_none_where_one_was_asked_for_is_refused(self, files) -> None:
        with pytest.raises(MissingEvidenceError, match=r"holds no ultrasound reference: give it with"):
            files.load(files.day(), against="reference")

    def test_two_are_not_chosen_among(self, files) -> None:
        files.reference()
        second = files.reference("second.dcm")
        with pytest.raises(AmbiguityError, match=r"holds 2 ultrasound volumes .*--ultrasound-reference FILE"):
            files.load(files.day())
        assert files.load(files.day(), reference=second).reference.path == second

    def test_one_of_another_patient_is_refused(self, files) -> None:
        files.reference(identity=OTHER)
        with pytest.raises(MismatchError, match=r"reference.dcm belongs to another patient.*'T-2'"):
            files.load(files.day())

    def test_one_in_another_frame_of_reference_is_refused(self, files) -> None:
        files.reference(frame_uid="2.25.99")
        with pytest.raises(MismatchError, match=r"is in the frame of reference 2.25.99 but the"):
            files.load(files.day())

    def test_a_scan_of_a_treatment_room_is_no_reference(self, files) -> None:
        with pytest.raises(MismatchError, match="it is an image of a day and no reference"):
            files.load(files.day(), reference=files.day("yesterday.dcm"))

    def test_a_ct_without_a_frame_of_reference_cannot_hold_one(self, files) -> None:
        path, day = files.reference(), files.day()
        files.planning = replace(files.planning, dicom=None)
        with pytest.raises(MissingEvidenceError, match="give the planning export as DICOM"):
            files.load(day, reference=path)

    def test_a_path_with_nothing_at_its_end_is_refused(self, files, tmp_path) -> None:
        with pytest.raises(InputError, match="does not exist"):
            files.load(files.day(), reference=tmp_path / "lost.dcm")


class TestTheDay:
    """The scan of this set-up, of this patient, with a place in the room."""

    def test_it_lies_in_patient_axes_about_the_machine_isocentre(self, files) -> None:
        """Head first supine: room z is the patient's front, which is -y in LPS."""
        daily = files.load(files.day())
        point = daily.daily_from_fixed.apply(np.array([10.0, 20.0, 30.0]))
        np.testing.assert_allclose(point, [10.0, -30.0, 20.0], atol=1e-12)
        assert daily.isocentre.xyz_mm.tolist() == [0.0, 0.0, 0.0]

    def test_a_plain_ultrasound_image_has_no_place_in_the_room(self, files) -> None:
        path = files.day("plain.dcm")
        image = pydicom.dcmread(path)
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
        image.save_as(path)
        sentence = r"has no place in the room: it needs a tracked probe and its calibration"
        with pytest.raises(MissingEvidenceError, match=sentence):
            files.load(path)

    def test_a_volume_without_its_place_in_the_room_is_no_image_of_the_day(self, files) -> None:
        with pytest.raises(MismatchError, match="does not state its place in the treatment room"):
            files.load(files.reference("day.dcm"), against="ct")

    def test_one_of_another_patient_is_refused(self, files) -> None:
        with pytest.raises(MismatchError, match=r"day.dcm belongs to another patient"):
            files.load(files.day(identity=OTHER))

    def test_one_of_the_other_side_is_refused(self, files) -> None:
        files.reference(details=UltrasoundDetails(body_part="BREAST", laterality="L"))
        other = files.day(details=UltrasoundDetails(body_part="BREAST", laterality="R"))
        with pytest.raises(MismatchError, match=r"of the side R but .* of L: scan the side that was planned"):
            files.load(other)

    def test_two_volumes_in_a_folder_are_not_chosen_among(self, files, tmp_path) -> None:
        folder = tmp_path / "today"
        folder.mkdir()
        shutil.copy(files.day(), folder / "a.dcm")
        shutil.copy(files.day("later.dcm"), folder / "b.dcm")
        with pytest.raises(AmbiguityError, match=r"holds 2 ultrasound volumes .*: give the file of one"):
            files.load(folder)
        assert files.load(folder / "b.dcm").path == folder / "b.dcm"

    def test_ultrasound_beside_radiographs_asks_which(self, files, tmp_path) -> None:
        folder = tmp_path / "today"
        folder.mkdir()
        day = files.day()
        shutil.copy(day, folder)
        rt_image(folder)
        with pytest.raises(AmbiguityError, match=r"1 radiographs and 1 ultrasound images: choose"):
            files.load(folder)
        series_uid = pydicom.dcmread(day).SeriesInstanceUID
        chosen = AlignRequest(files.planning.path, folder, daily_series_uid=series_uid)
        assert files.load(folder, chosen).volume.frame == DAILY

    def test_one_that_shows_no_common_place_is_refused(self, files) -> None:
        files.reference()
        far = files.load(files.day())
        apart = replace(far.volume.grid, origin_mm=far.volume.grid.origin_mm + 300.0)
        moved_away = replace(far, volume=replace(far.volume, grid=apart))
        with pytest.raises(MismatchError, match="shows no place that"):
            load_day.require_common_place(files.planning, moved_away)
        with pytest.raises(MismatchError, match="shows no place that"):
            load_day.require_common_place(files.planning, replace(moved_away, reference=None))


class TestWhatIsSaid:
    """Options that ultrasound does not have, or that only ultrasound has, are refused."""

    @pytest.mark.parametrize(
        ("said", "option"),
        [
            ({"machine_isocentre_mm": (0.0, 0.0, 0.0)}, "--machine-isocentre"),
            ({"region": RegionChoice(box_mm=(60.0, 60.0, 60.0))}, "--roi"),
            ({"content": "bone"}, "--content"),
            ({"markers": DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, 3)}, "--markers"),
        ],
    )
    def test_what_is_for_other_images_is_refused(self, files, said, option) -> None:
        day = files.day()
        with pytest.raises(InputError, match=rf"is ultrasound, .*: leave {option} out"):
            files.load(day, AlignRequest(files.planning.path, day, **said))

    def test_what_is_for_radiographs_is_refused(self, files) -> None:
        day = files.day()
        radiographs = RadiographChoice(source_from_gantry_deg=90.0)
        with pytest.raises(InputError, match="is no radiograph: leave --imager"):
            files.load(day, AlignRequest(files.planning.path, day, radiographs=radiographs))

    def test_what_is_for_ultrasound_is_refused_for_a_ct(self, patient) -> None:
        request = AlignRequest(
            patient.planning, patient.daily, ultrasound=UltrasoundChoice(against="reference")
        )
        with pytest.raises(InputError, match="is no ultrasound: leave --probe"):
            look_at_day(request)

    def test_a_probe_beside_a_volume_that_has_its_place_is_refused(self, files, tmp_path) -> None:
        with pytest.raises(InputError, match="states its place in the room itself: leave --probe out"):
            files.load(files.day(), probe=tmp_path / "probe.json")


class TestDoubts:
    """A good match of an image that may not be the day's is for a person to judge."""

    def test_the_reference_given_as_the_day_is_recognised(self, files) -> None:
        files.reference()
        daily = files.load(files.day())
        same = replace(daily, volume=replace(daily.volume, values=daily.reference.volume.values))
        assert doubts_about(files.planning, same) == ("the day's ultrasound is the reference itself",)
        assert doubts_about(files.planning, daily) == ()

    def test_ultrasound_from_before_the_simulation_is_doubted(self, files) -> None:
        files.reference()
        early = files.load(files.day(acquired_at=SIMULATED_AT - timedelta(days=1)))
        assert any("acquired before its reference" in why for why in doubts_about(files.planning, early))
        no_reference = replace(early, reference=None)
        assert any("before the planning CT" in why for why in doubts_about(files.planning, no_reference))


def test_without_a_reference_the_planning_ct_is_what_it_is_matched_to(files, monkeypatch) -> None:
    """The engine for the CT is asked, with the CT itself, and never the one for a reference."""
    asked: dict[str, object] = {}

    class Prepared:
        target_points_mm = np.zeros((1, 3))

    def prepare(volume, **said):
        asked.update(said, volume=volume)
        return Prepared()

    monkeypatch.setattr(match, "prepare_ultrasound_to_ct", prepare)
    monkeypatch.setattr(match, "register_ultrasound_to_ct", lambda *_, **said: said["initial"])
    monkeypatch.delattr(match, "prepare_ultrasound")
    daily = files.load(files.day())
    initial = object()
    found = match.register_ultrasound_day(files.planning, daily, initial, np.ones((4, 3)))
    assert found is initial
    assert asked["volume"] is files.planning.volume
    assert asked["centre_mm"] is files.planning.isocentre.xyz_mm
    np.testing.assert_array_equal(asked["target_points_mm"], np.ones((4, 3)))
