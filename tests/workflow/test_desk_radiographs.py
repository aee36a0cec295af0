"""A fraction at the desk in a room without a CT: its radiographs are kept, matched and decided on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pydicom
import pytest
from exposed_pairs import arm_images, room_with, save_rt_image
from small_department import ACCESSORIES, PROTOCOL, SET_UP, Department, open_department
from small_patient import PATIENT, SmallPatient

from isoguide.errors import InputError
from isoguide.treatment import State
from isoguide.treatment.refusals import StaleImageError
from isoguide.workflow.clinic.day_image import ImageSaid
from isoguide.workflow.clinic.fraction_files import export_fraction
from isoguide.workflow.clinic.hand_match import planning_from_daily_for
from isoguide.workflow.request import RadiographChoice

KV_PAIR = PROTOCOL.replace("cone-beam CT", "kV pair")
TUBE_AS_STATED = ImageSaid(radiographs=RadiographChoice(source_from_gantry_deg=0.0))


@pytest.fixture
def department(tmp_path: Path, patient: SmallPatient) -> Iterator[Department]:
    with open_department(tmp_path, patient, protocol=KV_PAIR) as department:
        yield department


def set_up(d: Department) -> None:
    d.desk.begin(d.course, by="anna", accessories=ACCESSORIES)
    d.desk.set_up(d.course, by="anna", couch=SET_UP)


def exported_pair(d: Department, name: str, *, patient_id: str = PATIENT.patient_id) -> Path:
    """The kV arm's images of now, of a patient who lies off by SHIFT_MM and about a degree."""
    folder = d.folder / name
    folder.mkdir()
    room = room_with(d.patient.phantom)
    for place, image in zip((0.0, 90.0), arm_images(room), strict=True):
        taken: datetime = d.clock.wait(10.0)
        save_rt_image(
            folder,
            f"{name}-{place:g}.dcm",
            image,
            place,
            PatientID=patient_id,
            PatientName=PATIENT.name,
            PatientBirthDate=PATIENT.birth_date,
            PatientSex=PATIENT.sex,
            PatientPosition="HFS",
            FrameOfReferenceUID="1.2.9",
            AcquisitionDate=taken.astimezone().strftime("%Y%m%d"),
            AcquisitionTime=taken.astimezone().strftime("%H%M%S"),
        )
    d.clock.wait(30.0)
    return folder


def test_a_pair_of_radiographs_is_kept_matched_and_brings_the_couch_to_where_the_truth_wants_it(
    department: Department,
) -> None:
    d = department
    set_up(d)
    d.desk.image(d.course, exported_pair(d, "one"), by="anna", couch=SET_UP, said=TUBE_AS_STATED)
    status = d.desk.approve(d.course, by=["anna"], couch=SET_UP)
    assert status.state is State.APPROVED
    needed = room_with(d.patient.phantom).truth.needed_correction(0.0)
    (stored,) = d.desk.records.course(d.course).fractions
    fraction = d.desk.records.fraction(d.course, stored.key.number)
    (match,) = fraction.matches
    for name in ("lateral_mm", "longitudinal_mm", "vertical_mm", "pitch_deg", "roll_deg", "yaw_deg"):
        assert getattr(match.correction, name) == pytest.approx(getattr(needed, name), abs=0.4), name
    (image,) = fraction.images
    assert len(image.sha256) == 3  # and how they were read
    written = export_fraction(d.desk.records.course(d.course), fraction, d.desk.store, d.folder / "out")
    assert [path.name for path in written.files] == ["registration-1.dcm", "report-1.dcm"]
    assert written.left_out == ("nothing was delivered, so there is no treatment record",)
    registration = pydicom.dcmread(written.files[0])
    assert {item.FrameOfReferenceUID for item in registration.RegistrationSequence} >= {"1.2.9"}
    assert all(d.desk.store.path_of(one).exists() for one in image.sha256)


def test_a_pair_of_radiographs_is_matched_by_hand_in_the_same_coordinates(department: Department) -> None:
    d = department
    set_up(d)
    status = d.desk.image(d.course, exported_pair(d, "one"), by="anna", couch=SET_UP, said=TUBE_AS_STATED)
    (engine,) = status.stored.matches
    wanted = replace(engine.correction, vertical_mm=engine.correction.vertical_mm + 4.0)
    placed = planning_from_daily_for(status.opened, wanted)
    hand = d.desk.match_by_hand(d.course, placed.matrix, by="anna", couch=SET_UP).stored.matches[1]
    assert hand.correction.vertical_mm == pytest.approx(wanted.vertical_mm, abs=1e-6)
    assert hand.correction.yaw_deg == pytest.approx(wanted.yaw_deg, abs=1e-6)
    assert hand.reasons[0] == "matched by hand by anna: 4.0 mm and 0.0° from the engine's answer"


def test_the_same_pair_does_not_count_twice(department: Department) -> None:
    d = department
    set_up(d)
    folder = exported_pair(d, "one")
    d.desk.image(d.course, folder, by="anna", couch=SET_UP, said=TUBE_AS_STATED)
    with pytest.raises(StaleImageError, match="was seen before"):
        d.desk.image(d.course, folder, by="anna", couch=SET_UP, said=TUBE_AS_STATED)


def test_radiographs_of_another_patient_are_refused(department: Department) -> None:
    d = department
    set_up(d)
    with pytest.raises(InputError, match="patient"):
        d.desk.image(
            d.course,
            exported_pair(d, "one", patient_id="OTHER"),
            by="anna",
            couch=SET_UP,
            said=TUBE_AS_STATED,
        )


def test_a_cone_beam_ct_is_refused_where_the_protocol_asks_for_radiographs(department: Department) -> None:
    d = department
    set_up(d)
    with pytest.raises(InputError, match=r"images by kV pair, and .* holds a volume image"):
        d.desk.image(d.course, d.export_image("ct"), by="anna", couch=SET_UP)
