"""A fraction guided by ultrasound at the desk: read as the room has it, kept, matched and decided on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from small_department import ACCESSORIES, PROTOCOL, SET_UP, Department, opened
from small_patient import PATIENT, SmallPatient
from ultrasound_course import (
    LYING,
    exported_day,
    knows_the_truth,
    planning_from_daily,
    scanned,
    ultrasound_department,
)
from ultrasound_days import day_volume

from isoguide.course import ProtocolAction
from isoguide.dicom import PatientIdentity
from isoguide.dicom.ultrasound_volume import read_ultrasound_volume
from isoguide.dicom.write_ultrasound import UltrasoundDetails
from isoguide.errors import InputError, MismatchError
from isoguide.geometry.frames import DAILY, FIXED
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.plan import PatientPosition
from isoguide.registration import day_match
from isoguide.treatment.ports import DayImage
from isoguide.treatment.refusals import StaleImageError
from isoguide.workflow.clinic.day_export import write_day_image
from isoguide.workflow.clinic.fraction_files import export_fraction

SHIFT_MM = (-5.0, 3.0, -2.0)
"""What brings a patient who lies at LYING back: lateral, longitudinal, vertical."""


@pytest.fixture(scope="module")
def known(patient: SmallPatient) -> Iterator[pytest.MonkeyPatch]:
    """Engines that know where the patient lies."""
    with pytest.MonkeyPatch.context() as patched:
        knows_the_truth(patched, patient.phantom.isocentre_mm)
        yield patched


@pytest.fixture(scope="module")
def matched(
    tmp_path_factory: pytest.TempPathFactory,
    patient: SmallPatient,
    simulated: tuple,
    known: pytest.MonkeyPatch,
) -> Iterator[Department]:
    """A department in which one scan was matched; what the engine was given stands in ``seen``."""
    with ultrasound_department(tmp_path_factory.mktemp("matched"), patient, simulated) as d:
        answered = day_match.register_ultrasound
        seen: list[tuple] = []

        def noted(prepared: object, daily: object, *, initial: object) -> object:
            seen.append((prepared, daily, initial))
            return answered(prepared, daily, initial=initial)

        known.setattr(day_match, "register_ultrasound", noted)
        scanned(d)
        known.setattr(day_match, "register_ultrasound", answered)
        d.seen = seen
        yield d


@pytest.fixture(scope="module")
def waiting(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient, simulated: tuple
) -> Iterator[Department]:
    """A department whose patient was set up and not scanned yet: what is refused leaves him so."""
    with ultrasound_department(tmp_path_factory.mktemp("waiting"), patient, simulated) as d:
        begun(d)
        yield d


def begun(d: Department) -> None:
    d.desk.begin(d.course, by="anna", accessories=ACCESSORIES)
    d.desk.set_up(d.course, by="anna", couch=SET_UP)


def test_patient_5_mm_too_far_left_is_moved_5_mm_to_the_right(matched: Department) -> None:
    status = matched.desk.status(matched.course)
    assert status.decision is not None
    assert status.decision.action is ProtocolAction.CORRECT
    correction = status.stored.matches[0].correction
    found = (correction.lateral_mm, correction.longitudinal_mm, correction.vertical_mm)
    assert found == pytest.approx(SHIFT_MM, abs=1e-6)


def test_what_is_matched_lies_in_patient_axes_about_the_isocentre(matched: Department) -> None:
    """A stone of the synthetic patient lies (18, 20, -12) mm from the plan isocentre, wherever he lies."""
    ((prepared, daily, initial),) = matched.seen
    isocentre_mm = matched.patient.phantom.isocentre_mm
    assert daily.frame == DAILY
    np.testing.assert_allclose(initial.apply(np.zeros(3)), isocentre_mm, atol=1e-9)
    stone_mm = isocentre_mm + (18.0, 20.0, -12.0)
    there_mm = planning_from_daily(isocentre_mm).inverse().apply(stone_mm)
    for volume, at_mm in ((daily, there_mm), (prepared.reference, stone_mm)):
        k, j, i = np.rint(volume.grid.index(at_mm)[::-1]).astype(int)
        around = volume.values[k - 2 : k + 3, j - 2 : j + 3, i - 2 : i + 3]
        assert around.mean() > 140.0  # 170 beside tissue of 110


def test_without_a_reference_it_is_matched_to_the_ct_for_review_and_nobody_applies_it_alone(
    tmp_path: Path, patient: SmallPatient, simulated: tuple, known: pytest.MonkeyPatch
) -> None:
    del known
    with ultrasound_department(tmp_path, patient, simulated, references=0) as d:
        status = scanned(d)
        (match,) = status.stored.matches
        assert match.algorithm == "to CT"
        assert match.verdict.value == "review"
        assert status.decision is not None
        assert status.decision.action is not ProtocolAction.CORRECT
        assert match.correction.lateral_mm == pytest.approx(-5.0, abs=1e-6)


def test_what_a_fraction_gives_to_others_maps_the_coordinates_that_the_ultrasound_is_stored_in(
    matched: Department,
) -> None:
    """The planes of the file lie in its own volume frame: the registration takes it to the plan."""
    d = matched
    course, fraction = d.desk.records.course(d.course), d.desk.records.fraction(d.course, 1)
    written = export_fraction(course, fraction, d.desk.store, d.folder / "out")
    assert [path.name for path in written.files] == ["registration-1.dcm", "report-1.dcm"]
    day = pydicom.dcmread(d.folder / "one" / "US.dcm")
    registration = pydicom.dcmread(d.folder / "out" / "registration-1.dcm")
    moving = next(
        item
        for item in registration.RegistrationSequence
        if item.FrameOfReferenceUID == day.VolumeFrameOfReferenceUID
    )
    steps = moving.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix
    planning_from_file = np.array(steps, dtype=float).reshape(4, 4)
    fixed_from_file = np.array(day.VolumeToTableMappingMatrix, dtype=float).reshape(4, 4)
    isocentre_mm = d.patient.phantom.isocentre_mm
    # The tissue of the plan isocentre lies at LYING in the room.
    in_room = np.array([*LYING.translation_mm, 1.0])
    in_file = np.linalg.inv(fixed_from_file) @ in_room
    np.testing.assert_allclose((planning_from_file @ in_file)[:3], isocentre_mm, atol=1e-3)


def test_ultrasound_of_another_patient_is_refused_and_nothing_is_kept(waiting: Department) -> None:
    d = waiting
    other = PatientIdentity("T-9", name="Other^Patient", birth_date=PATIENT.birth_date)
    folder = exported_day(d, "other", identity=other)
    with pytest.raises(MismatchError, match="T-9"):
        d.desk.image(d.course, folder, by="anna", couch=SET_UP)
    assert d.desk.records.fraction(d.course, 1).images == ()


def test_ultrasound_of_the_other_side_is_refused(
    tmp_path: Path, patient: SmallPatient, simulated: tuple
) -> None:
    left, right = UltrasoundDetails(laterality="L"), UltrasoundDetails(laterality="R")
    with ultrasound_department(tmp_path, patient, simulated, details=left) as d:
        begun(d)
        with pytest.raises(MismatchError, match="side R"):
            d.desk.image(d.course, exported_day(d, "right", details=right), by="anna", couch=SET_UP)


def test_a_reference_is_no_image_of_the_day(waiting: Department) -> None:
    d = waiting
    folder = d.folder / "reference again"
    folder.mkdir()
    (folder / "US.dcm").write_bytes((d.folder / "reference-0.dcm").read_bytes())
    with pytest.raises(InputError, match="treatment room"):
        d.desk.image(d.course, folder, by="anna", couch=SET_UP)


def test_a_cone_beam_ct_is_refused_where_the_protocol_asks_for_ultrasound(waiting: Department) -> None:
    d = waiting
    with pytest.raises(MismatchError, match=r"images by ultrasound.*holds a volume image"):
        d.desk.image(d.course, d.export_image("cbct"), by="anna", couch=SET_UP)


def test_ultrasound_is_refused_where_the_protocol_asks_for_a_cone_beam_ct(
    tmp_path: Path, patient: SmallPatient, simulated: tuple
) -> None:
    with opened(tmp_path, patient, simulated, PROTOCOL) as d:
        begun(d)
        with pytest.raises(MismatchError, match=r"images by cone-beam CT.*holds ultrasound"):
            d.desk.image(d.course, exported_day(d, "us"), by="anna", couch=SET_UP)


def test_the_same_ultrasound_does_not_count_twice(matched: Department) -> None:
    d = matched
    d.desk.approve(d.course, by=["anna"], couch=SET_UP, action=ProtocolAction.REPOSITION, reason="again")
    d.desk.set_up(d.course, by="anna", couch=SET_UP)
    with pytest.raises(StaleImageError, match="was seen before"):
        d.desk.image(d.course, d.folder / "one", by="anna", couch=SET_UP)


@pytest.mark.parametrize("position", ["HFS", "FFP"])
def test_ultrasound_of_a_room_is_exported_with_its_place_in_the_room(tmp_path: Path, position: str) -> None:
    """A room's patient axes may have their origin anywhere: what counts is the machine isocentre."""
    machine_mm = np.array([10.0, -20.0, 30.0])
    fixed_from_day = fixed_from_daily(position, machine_mm)
    seen = day_volume(np.array([12.0, -30.0, 45.0]), LYING, position, voxel_mm=4.0)
    taken_at = datetime(2026, 3, 9, 9, 30, tzinfo=UTC)
    image = DayImage(
        uid="1.2.3",
        content=seen.in_frame(fixed_from_day.inverse()),
        machine_isocentre_mm=machine_mm,
        patient_position=PatientPosition(position),
        started_at=taken_at,
        acquired_at=taken_at,
        couch=SET_UP,
        model="ultrasound",
        patient_id=PATIENT.patient_id,
    )
    (path,) = write_day_image(
        tmp_path / "day", image, patient=PATIENT, seed="s", fraction=1, taken_at=taken_at
    )
    file = read_ultrasound_volume(path)
    assert file.in_room
    assert file.volume.frame == FIXED
    np.testing.assert_allclose(file.volume.grid.origin_mm, seen.grid.origin_mm, atol=1e-3)
    np.testing.assert_allclose(file.volume.grid.direction, seen.grid.direction, atol=1e-6)
    for name in ("values", "seen", "shadowed"):
        np.testing.assert_array_equal(getattr(file.volume, name), getattr(seen, name), err_msg=name)
