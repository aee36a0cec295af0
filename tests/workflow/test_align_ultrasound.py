"""Ultrasound of the day and a planning export: how the couch has to move, and what is left behind."""

import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from jsonschema import Draft202012Validator
from small_patient import SmallPatient
from ultrasound_days import SIMULATED_AT, moved, write_day, write_reference

from isoguide.cli.terminal import show_alignment
from isoguide.dicom import load_planning_set
from isoguide.geometry.frames import FIXED
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.probe_chain import UncertainPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import PatientPosition
from isoguide.registration.result import (
    Alternative,
    Quality,
    RegionResidual,
    Registration,
    Uncertainty,
    Verdict,
)
from isoguide.workflow import match_day
from isoguide.workflow.align import align
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.request import AlignRequest, UltrasoundChoice
from isoguide.workflow.result_json import result_document, result_schema
from isoguide.workflow.ultrasound.align_input import TrackedProbe
from isoguide.workflow.write_results import write_results


@dataclass(frozen=True)
class Room:
    """A planning export without ultrasound, where its plan has the isocentre, and a folder for the rest."""

    planning: Path
    isocentre_mm: np.ndarray
    frame_uid: str
    folder: Path

    def reference(self, name: str = "reference.dcm", **changes) -> Path:
        """Write the ultrasound of the simulation into the planning export."""
        return write_reference(
            self.planning / name, self.isocentre_mm, changes.pop("frame_uid", self.frame_uid), **changes
        )

    def day(self, name: str = "day.dcm", displaced=None, **changes) -> Path:
        return write_day(
            self.folder / name, self.isocentre_mm, moved() if displaced is None else displaced, **changes
        )

    def request(self, daily: Path, **said) -> AlignRequest:
        return AlignRequest(self.planning, daily, ultrasound=UltrasoundChoice(**said))


def room_of(patient: SmallPatient, folder: Path) -> Room:
    shutil.copytree(patient.planning, folder / "planning")
    planned = load_planning_set(folder / "planning")
    assert planned.plan is not None
    return Room(
        folder / "planning", planned.plan.isocentre_mm(), planned.image.frame_of_reference_uid, folder
    )


@pytest.fixture
def room(patient: SmallPatient, tmp_path: Path) -> Room:
    return room_of(patient, tmp_path)


TRUTH = moved(5.0, -2.0, 3.0)
"""Head first supine, room x is the patient's left, y his head: 5 mm left, 2 mm to the feet, 3 mm up."""


def known_answer(planning, daily, initial, target_points_mm, progress) -> Registration:
    """An engine that knows where the patient lies, and that the probe pressed him from the feet."""
    del initial, target_points_mm, progress
    isocentre_mm = planning.isocentre.xyz_mm
    fixed_from_planning_now = TRUTH @ fixed_from_planning("HFS", isocentre_mm)
    truth = (daily.daily_from_fixed @ fixed_from_planning_now).inverse()
    residuals = tuple(
        RegionResidual(
            isocentre_mm + [x, 0.0, z], np.array([0.2, 0.0, -z / 10.0 if z < 0.0 else 0.0]), 0.8, 9
        )
        for x in (-15.0, 15.0)
        for z in (-15.0, 15.0)
    )
    elsewhere = (Alternative(0, 11.0, 0.4, 33.0),)
    covariance = np.diag([0.04] * 3 + [1e-5] * 3)
    return Registration(
        verdict=Verdict.ACCEPT,
        reasons=("similarity 0.80",),
        planning_from_daily=truth,
        unconstrained=truth,
        degrees_of_freedom=6,
        centre_mm=isocentre_mm,
        content="ultrasound",
        uncertainty=Uncertainty(isocentre_mm, covariance, 0.6),
        quality=Quality(
            0.8, 0.95, 12.0, np.eye(6)[2], "shift along the body", 0.2, 0.3, (7, 9), residuals, elsewhere
        ),
        algorithm="known",
        settings={},
    )


def aligned(room: Room, monkeypatch: pytest.MonkeyPatch, **said) -> Alignment:
    monkeypatch.setattr(match_day, "register_ultrasound_day", known_answer)
    return align(room.request(room.day(displaced=TRUTH), **said))


@pytest.fixture(scope="module")
def too_far_left(patient: SmallPatient, tmp_path_factory: pytest.TempPathFactory) -> Alignment:
    room = room_of(patient, tmp_path_factory.mktemp("ultrasound"))
    room.reference()
    with pytest.MonkeyPatch.context() as patched:
        return aligned(room, patched)


def test_a_patient_5_mm_too_far_left_is_moved_5_mm_to_the_right(patient, tmp_path) -> None:
    """From files to couch, by the engine."""
    room = room_of(patient, tmp_path)
    room.reference()
    found = align(room.request(room.day(displaced=TRUTH)))
    couch = found.correction
    assert found.verdict is not Verdict.NOT_AVAILABLE
    assert couch.lateral_mm == pytest.approx(-5.0, abs=0.5)
    assert couch.longitudinal_mm == pytest.approx(2.0, abs=0.5)
    assert couch.vertical_mm == pytest.approx(-3.0, abs=0.5)
    assert max(abs(couch.pitch_deg), abs(couch.roll_deg), abs(couch.yaw_deg)) < 0.6


def test_the_document_says_what_ultrasound_was_matched_to(too_far_left) -> None:
    document = result_document(too_far_left)
    Draft202012Validator(result_schema()).validate(document)
    assert document["inputs"]["daily"]["kind"] == "ultrasound"
    assert document["inputs"]["daily"]["patient_id"] == "T-1"
    ultrasound = document["ultrasound"]
    assert ultrasound["against"] == "reference"
    assert ultrasound["reference"]["acquired_at"] == SIMULATED_AT.isoformat()
    assert ultrasound["probe"] is None
    assert 0.0 < ultrasound["shadowed_fraction"] < 0.1
    assert ultrasound["deformation"]["regions"] == 4
    assert ultrasound["deformation"]["largest_mm"] == pytest.approx(np.hypot(0.2, 1.5))
    assert document["machine_isocentre"]["xyz_mm"] == [0.0, 0.0, 0.0]


def test_the_registration_takes_voxels_of_the_day_to_their_place_in_the_plan(too_far_left, tmp_path) -> None:
    """A voxel's place is stated in the volume's own frame of reference, which the object therefore names."""
    write_results(too_far_left, tmp_path)
    day = pydicom.dcmread(too_far_left.daily.path)
    written = pydicom.dcmread(tmp_path / "registration.dcm")
    planning_uid = too_far_left.planning.series.frame_of_reference_uid
    assert written.FrameOfReferenceUID == planning_uid
    source = written.RegistrationSequence[0]
    assert source.FrameOfReferenceUID == day.VolumeFrameOfReferenceUID
    matrix = np.array(
        source.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix, float
    ).reshape(4, 4)
    # The machine isocentre, as the volume's frame has it: 5 mm right of the plan's in the patient.
    fixed_from_volume = np.array(day.VolumeToTableMappingMatrix, float).reshape(4, 4)
    machine_isocentre = np.linalg.inv(fixed_from_volume) @ [0.0, 0.0, 0.0, 1.0]
    offset_mm = (matrix @ machine_isocentre)[:3] - too_far_left.planning.isocentre.xyz_mm
    np.testing.assert_allclose(offset_mm, [-5.0, 3.0, 2.0], atol=0.5)
    assert (tmp_path / "report.dcm").is_file()


def test_the_report_shows_both_ultrasound_volumes_and_the_planning_ct(too_far_left, tmp_path) -> None:
    write_results(too_far_left, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for heading in (
        "After the correction",
        "The day&#x27;s ultrasound alone, as corrected",
        "The reference alone",
        "The planning CT alone",
        "Before: as the patient lies now",
        "Probe pressure",
    ):
        assert heading in page
    pictures = page.count('class="picture"')
    assert pictures == 3 * (3 + 3 + 3 + 1)
    assert page.count('class="fan"') >= 3 * 9
    assert "edge of what the probe saw" in page
    assert "Could it lie elsewhere?" in page
    assert "vertebra" not in page
    assert "reference.dcm" in page
    assert "url(" not in page


def test_a_match_to_the_planning_ct_says_so(patient, tmp_path, monkeypatch, capsys) -> None:
    room = room_of(patient, tmp_path / "room")
    room.reference()
    found = aligned(room, monkeypatch, against="ct")
    (tmp_path / "out").mkdir()
    write_results(found, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "it is for review, and never applied by itself" in page
    assert "The reference alone" not in page
    assert "what the planning CT explains of it" in page
    assert "Forward and backward" not in page
    assert page.count('class="picture"') == 3 * (2 + 2 + 2 + 1)
    assert result_document(found)["ultrasound"]["against"] == "planning CT"
    show_alignment(found)
    assert "was matched to the planning CT" in " ".join(capsys.readouterr().out.split())


def test_the_terminal_says_what_it_was_matched_to_and_how_far_tissue_is_pressed(too_far_left, capsys) -> None:
    show_alignment(too_far_left)
    shown = " ".join(capsys.readouterr().out.split())
    assert "matched to the ultrasound reference of 2026-03-02 08:00 (reference.dcm)" in shown
    assert "Regions would still like to move by 0.9 mm (median), 1.5 mm at most" in shown


def test_a_tracked_sequence_leaves_a_report_and_no_dicom_objects(too_far_left, tmp_path) -> None:
    """It is no DICOM image; the document names the probe file, and how well it places the images."""
    place = UncertainPose(RigidTransform.identity(FIXED, FIXED), np.zeros(3), np.diag([0.09] * 3 + [0.0] * 3))
    probe = TrackedProbe(Path("probe.json"), "C5-2", datetime(2026, 3, 1, 8, 30), place)
    daily = replace(too_far_left.daily, series=None, daily_from_file=None, patient=None, probe=probe)
    written = write_results(replace(too_far_left, daily=daily), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "result.json"]
    assert any("isoguide ultrasound reconstruct makes one" in words for words in written.warnings)
    document = result_document(written)
    Draft202012Validator(result_schema()).validate(document)
    assert document["ultrasound"]["probe"] == {
        "file": "probe.json",
        "name": "C5-2",
        "calibrated_at": "2026-03-01T08:30:00",
        "place_sd_mm": pytest.approx(0.3),
    }
    assert "tracked sequence" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_no_answer_has_pictures_of_the_patient_as_he_lies_and_no_registration(too_far_left, tmp_path) -> None:
    matched = too_far_left.registration
    none = {"verdict": Verdict.NOT_AVAILABLE, "planning_from_daily": None}
    refused = replace(
        too_far_left,
        registration=replace(matched, **none, unconstrained=None, uncertainty=None),
        **none,
        correction=None,
        covariance=None,
    )
    write_results(refused, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "alone, as the patient lies now" in page
    assert "After the correction" not in page
    assert "Probe pressure" not in page
    assert not (tmp_path / "registration.dcm").exists()
    Draft202012Validator(result_schema()).validate(result_document(refused))


def test_a_patient_on_his_front_5_mm_too_far_to_room_x_is_moved_back(patient, tmp_path) -> None:
    """Prone, room x is the patient's right: the couch goes as before, the patient's axes do not."""
    room = room_of(patient, tmp_path)
    plan = pydicom.dcmread(room.planning / "RP.dcm")
    for setup in plan.PatientSetupSequence:
        setup.PatientPosition = "HFP"
    plan.save_as(room.planning / "RP.dcm")
    room.reference()
    answer = align(room.request(room.day(displaced=moved(5.0, 0.0, -2.0), position="HFP")))
    assert answer.planning.patient_position is PatientPosition.HFP
    assert answer.correction.lateral_mm == pytest.approx(-5.0, abs=0.5)
    assert answer.correction.vertical_mm == pytest.approx(2.0, abs=0.5)
