"""DICOM radiographs of the day and the plan: how the couch has to move, by the truth of a virtual room."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from exposed_pairs import arm_images, room_with, save_dx, save_rt_image
from jsonschema import Draft202012Validator
from radiograph_files import write_json
from small_patient import PATIENT

from isoguide.errors import MismatchError
from isoguide.registration import Verdict
from isoguide.registration.markers import DeclaredMarkers, MarkerKind
from isoguide.virtual import build_phantom
from isoguide.workflow.align import align
from isoguide.workflow.pair_checks import doubts_about
from isoguide.workflow.request import AlignRequest, RadiographChoice
from isoguide.workflow.result_json import result_document, result_schema
from isoguide.workflow.simulation_session import write_simulation_session

WHO = {
    "PatientID": PATIENT.patient_id,
    "PatientName": PATIENT.name,
    "PatientBirthDate": PATIENT.birth_date,
    "PatientSex": PATIENT.sex,
    "AcquisitionDate": "20260309",
}
KV_ARM = RadiographChoice(source_from_gantry_deg=90.0)
"""The tube is 90° from the treatment head: above the patient with the gantry at 270°."""
AXES = ("lateral_mm", "longitudinal_mm", "vertical_mm", "pitch_deg", "roll_deg", "yaw_deg")


def exported(folder: Path, images, **changes) -> Path:
    front, side = images
    save_rt_image(folder, "front.dcm", front, 270.0, **WHO, **changes)
    save_rt_image(folder, "side.dcm", side, 0.0, AcquisitionTime="101530", **WHO, **changes)
    return folder


def assert_undoes(answer, room, tolerance_mm=0.3, tolerance_deg=0.3) -> None:
    needed = room.truth.set_up_error()
    for name in AXES:
        tolerance = tolerance_deg if name.endswith("deg") else tolerance_mm
        assert getattr(answer.correction, name) == pytest.approx(getattr(needed, name), abs=tolerance), name


def validated(answer):
    document = result_document(answer)
    Draft202012Validator(result_schema()).validate(document)
    return document


@pytest.fixture(scope="module")
def supine(patient):
    return room_with(patient.phantom)


@pytest.fixture(scope="module")
def arm_answer(patient, supine, tmp_path_factory: pytest.TempPathFactory):
    folder = exported(tmp_path_factory.mktemp("arm"), arm_images(supine))
    return align(AlignRequest(patient.planning, folder, radiographs=KV_ARM))


def test_a_patient_4_mm_too_far_left_and_5_mm_too_high_is_moved_right_and_down(arm_answer, supine):
    """Head first supine, RT Images of a kV arm from above and from +X; the truth is that of the room."""
    assert arm_answer.verdict is Verdict.ACCEPT, arm_answer.reasons
    assert arm_answer.correction.lateral_mm == pytest.approx(-4.0, abs=0.3)
    assert arm_answer.correction.vertical_mm == pytest.approx(-5.0, abs=0.3)
    assert_undoes(arm_answer, supine)
    assert not any("PATIENT" in words for words in arm_answer.warnings)


def test_the_document_names_patient_device_time_and_what_each_view_agreed(arm_answer):
    document = validated(arm_answer)
    daily, found = document["inputs"]["daily"], document["radiographs"]
    assert (daily["kind"], daily["images"], daily["patient_id"]) == ("radiographs", 2, PATIENT.patient_id)
    assert daily["acquired_at"] == "2026-03-09T10:15:00"
    assert found["moments_apart_s"] == 30.0
    assert found["view_angle_deg"] == pytest.approx(90.0)
    assert found["disagreement"]["shift_mm"] < 1.0
    assert found["without_depth"] is None
    assert [view["place"] for view in found["views"]] == ["gantry 270°", "gantry 0°"]
    assert all(view["similarity"] > 0.8 and view["device_serial_number"] == "L7" for view in found["views"])
    assert document["markers"] is None


def test_prone_between_two_tubes_in_the_floor_he_is_moved_back_as_well(patient, tmp_path: Path):
    """DX images, head first prone: the geometry is that of an imager file, the names are in the headers."""
    room = room_with(patient.phantom, "HFP")
    left, right = room.stereo_pair()
    imager = write_json(
        tmp_path / "imager.json",
        {
            "schema_version": "1.0",
            "serial_number": "X9",
            "calibrated_at": "2024-01-01T08:00:00",
            "valid_days": 30,
            "views": [
                {
                    "name": name,
                    "matrix": one.view.pixel_from_xyz.tolist(),
                    "pixel_spacing_mm": list(one.view.pixel_spacing_mm),
                    "size": list(one.view.size),
                    "isocentre_sd_px": [0.05, 0.08],
                }
                for name, one in (("left", left), ("right", right))
            ],
        },
    )
    folder = tmp_path / "pair"
    save_dx(folder, "a.dcm", right, SeriesDescription="RIGHT")
    save_dx(folder, "b.dcm", left, SeriesDescription="LEFT", AcquisitionTime="101502")
    volume = patient.phantom.volume
    image = SimpleITK.GetImageFromArray(volume.values)
    image.SetSpacing([float(mm) for mm in volume.grid.spacing_mm])
    image.SetOrigin([float(mm) for mm in volume.grid.origin_mm])
    SimpleITK.WriteImage(image, str(tmp_path / "plan.nrrd"))
    x, y, z = patient.phantom.isocentre_mm.tolist()
    request = AlignRequest(
        tmp_path / "plan.nrrd",
        folder,
        isocentre_mm=(x, y, z),
        patient_position="HFP",
        radiographs=RadiographChoice(imagers=(imager,)),
    )
    answer = align(request)
    assert answer.verdict is not Verdict.NOT_AVAILABLE
    assert_undoes(answer, room)
    view = validated(answer)["radiographs"]["views"][0]
    assert view["place"] == "view 'right'"
    assert view["calibration"] == {
        "file": str(imager),
        "calibrated_at": "2024-01-01T08:00:00",
        "valid_days": 30.0,
    }
    assert any("plan.nrrd carries no patient identity" in words for words in answer.warnings)


def test_gold_seeds_on_the_pair_say_the_same_as_the_bones(tmp_path: Path):
    """The structure set marks four; the truth is that of the room, the CT fine enough to show seeds."""
    phantom = build_phantom("pelvis", 0, (1.5, 1.5, 2.5))
    write_simulation_session(tmp_path / "plan", phantom, patient=PATIENT, seed="with seeds")
    supine = room_with(phantom)
    folder = exported(tmp_path / "pair", arm_images(supine, (256, 256), 0.6))
    seeds = DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, len(phantom.seeds))
    answer = align(AlignRequest(tmp_path / "plan", folder, markers=seeds, radiographs=KV_ARM))
    assert answer.planning_from_daily is not None, answer.reasons
    assert_undoes(answer, supine)
    document = validated(answer)
    assert document["content"] == "markers"
    assert [marker["name"] for marker in document["markers"]] == [f"Seed {n}" for n in range(1, 5)]
    for marker, seed in zip(document["markers"], phantom.fiducials, strict=True):
        assert marker["state"] == "used"
        np.testing.assert_allclose(marker["planned_mm"], seed.position_mm, atol=0.2)
        assert np.linalg.norm(marker["residual_mm"]) < 0.3
    assert document["settings"]["markers declared"] == "seed:4:5x1"
    assert document["radiographs"]["views"][0]["similarity"] is None


def test_an_image_from_before_the_planning_ct_or_for_another_plan_has_to_be_looked_at(arm_answer):
    planning, views = arm_answer.planning, arm_answer.daily
    assert doubts_about(planning, views) == ()
    headers = [
        replace(origin.header, acquired_at=datetime(2025, 1, 1, 9, 0), plan_uid="1.2.99")
        for origin in views.origins
    ]
    origins = tuple(replace(one, header=header) for one, header in zip(views.origins, headers, strict=True))
    doubts = doubts_about(planning, replace(views, origins=origins))
    assert len(doubts) == 3
    assert "was taken for another plan (1.2.99) than 'EXAMPLE'" in doubts[0]
    assert "the day's image (2025-01-01 09:00) was acquired before the planning CT" in doubts[2]


class TestWhatDoesNotBelongTogether:
    """Refused before anything is matched."""

    @pytest.fixture
    def pair(self, supine, tmp_path: Path) -> Path:
        return exported(tmp_path / "pair", arm_images(supine, (48, 48), 6.0))

    def refused(self, patient, pair: Path, sentence: str, **request) -> None:
        request = {"radiographs": KV_ARM, **request}
        with pytest.raises(MismatchError, match=sentence):
            align(AlignRequest(patient.planning, pair, **request))

    def test_another_patient(self, patient, supine, tmp_path: Path):
        images = arm_images(supine, (48, 48), 6.0)
        other = tmp_path / "other"
        for name, image, gantry in (("a.dcm", images[0], 270.0), ("b.dcm", images[1], 0.0)):
            save_rt_image(other, name, image, gantry, **{**WHO, "PatientID": "T-2"})
        self.refused(patient, other, r"belongs to another patient: the patient ID is 'T-2' there and 'T-1'")

    def test_another_position(self, patient, supine, tmp_path: Path):
        lying = exported(tmp_path / "ffs", arm_images(supine, (48, 48), 6.0), PatientPosition="FFS")
        self.refused(patient, lying, "was taken in the patient position FFS but .* is taken for HFS")

    def test_more_seeds_than_the_structure_set_marks(self, patient, pair: Path):
        declared = DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, 5)
        sentence = r"5 markers are declared with --markers but .* marks 4 \('Seed 1', 'Seed 2'"
        self.refused(patient, pair, sentence, markers=declared)

    def test_a_single_image_of_seeds(self, patient, pair: Path):
        declared = DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, 4)
        (pair / "side.dcm").unlink()
        with pytest.raises(Exception, match=r"located in two radiographs, not in 1 .*: give a pair"):
            align(AlignRequest(patient.planning, pair, markers=declared, radiographs=KV_ARM))
