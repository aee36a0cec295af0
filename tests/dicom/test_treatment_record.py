"""Treatment records: what was delivered, never what was not, and how it ended (PS3.3 A.29)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_builders import PLAN, ROOT, dataset, item, plan, save
from dicom_validation import dciodvfy_errors, standard_violations
from pydicom.dataset import Dataset
from pydicom.uid import RTBeamsTreatmentRecordStorage
from written_objects import PATIENT, Pair, names, some_plan, write_pair

from isoguide.course import DeliveryRecord
from isoguide.dicom import (
    PatientIdentity,
    SeriesUids,
    StoredTreatmentRecord,
    TreatmentRecord,
    TreatmentRecordDetails,
    describe_contents,
    read_plan,
    read_treatment_record,
    require_record_of,
    scan_folder,
    write_spatial_registration,
    write_treatment_record,
)
from isoguide.errors import InputError, MismatchError, MissingEvidenceError, OutputError, UnreadableError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Beam, ControlPoint, Plan

STARTED = datetime(2026, 3, 2, 9, 15, 30, tzinfo=UTC)
COUCH = TableTopPose(1.25, -880.0, -120.5, pitch_deg=0.5, roll_deg=-0.25, support_deg=-9.5)
WHOLE = DeliveryRecord(1, "Arc 1", 200.0, 200.0)


def the_plan() -> Plan:
    """An arc with control points at 0, 40 and 100 % of the meterset, and a static second beam."""
    arcs = some_plan(SeriesUids.from_seed("test planning"), "2.25.7")
    jaws = {"jaw_x_mm": (-20.0, 20.0), "jaw_y_mm": (-20.0, 20.0), "energy_mv": 6.0}
    points = tuple(ControlPoint(90.0, 0.0, 350.0, meterset, **jaws) for meterset in (0.0, 1.0))
    static = Beam(3, "Lateral", "TREATMENT", "PHOTON", "LINAC 1", points, None, 80.0, None, 1000.0)
    return replace(arcs, beams=(*arcs.beams, static))


def the_record(*deliveries: DeliveryRecord, **changes: object) -> TreatmentRecord:
    arguments: dict = {
        "plan_uid": the_plan().sop_instance_uid,
        "fraction": 3,
        "started_at": STARTED,
        "ended_at": STARTED + timedelta(minutes=2),
        "machine": "LINAC 1",
        "deliveries": deliveries or (WHOLE,),
        "couch": COUCH,
        "operator": "Therapist^A",
        "verification": "VERIFIED",
    }
    return TreatmentRecord(**(arguments | changes))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return write_pair(tmp_path_factory.mktemp("images"))


@pytest.fixture
def write(tmp_path: Path, pair: Pair) -> Callable[..., Path]:
    def writer(record: TreatmentRecord, **changes: object) -> Path:
        arguments: dict = {"plan": the_plan(), "image": pair.daily, "daily": [pair.daily]} | changes
        return write_treatment_record(tmp_path / "record.dcm", record, **arguments).path

    return writer


def beams_in(path: Path) -> list[Dataset]:
    return list(pydicom.dcmread(path).TreatmentSessionBeamSequence)


@pytest.mark.parametrize(
    "record",
    [
        the_record(),
        the_record(WHOLE, DeliveryRecord(3, "Lateral", 80.0, 31.5, "OPERATOR")),
        the_record(DeliveryRecord(1, "Arc 1", 200.0, 123.25, "UNKNOWN"), verification="NOT_VERIFIED"),
        the_record(
            couch=TableTopPose(
                0.0, 1.0, 2.0, eccentric_deg=1.5, eccentric_distance_mm=100.0, support_deg=-12.0
            )
        ),
    ],
)
def test_a_record_is_read_back_as_it_was_written(write: Callable[..., Path], record: TreatmentRecord) -> None:
    stored = read_treatment_record(write(record))
    assert stored.record == record
    assert stored.patient == PATIENT
    assert require_record_of(stored, the_plan(), PATIENT) == ()


def test_a_time_of_another_zone_is_the_same_moment_when_it_is_read(write: Callable[..., Path]) -> None:
    local = STARTED.astimezone(timezone(timedelta(hours=-5, minutes=-30)))
    stored = read_treatment_record(write(the_record(started_at=local, ended_at=local + timedelta(hours=1))))
    assert stored.record.started_at == STARTED
    assert stored.record.ended_at == STARTED + timedelta(hours=1)


def test_a_record_satisfies_the_standard(write: Callable[..., Path], pair: Pair, tmp_path: Path) -> None:
    registration = write_spatial_registration(
        tmp_path / "reg.dcm",
        RigidTransform.from_parts(PLANNING, DAILY, np.eye(3), np.ones(3)),
        planning=pair.planning,
        daily=pair.daily,
    )
    partial = DeliveryRecord(3, "Lateral", 80.0, 31.5, "MACHINE")
    path = write(the_record(WHOLE, partial), registrations=[registration])
    assert standard_violations(path, also_modules=("rt-beams-session-record", "general-reference")) == []
    assert dciodvfy_errors(path) == []
    written = pydicom.dcmread(path)
    (reference,) = written.ReferencedInstanceSequence
    assert reference.ReferencedSOPInstanceUID == registration.sop_instance_uid
    assert reference.PurposeOfReferenceCodeSequence[0].CodeValue == "129211"
    images = [one.ReferencedSOPInstanceUID for one in written.ReferencedImageSequence]
    assert images == list(pair.daily.instance_uids)
    assert {one.SeriesInstanceUID for one in written.ReferencedSeriesSequence} == {
        pair.daily.series_instance_uid,
        registration.series_instance_uid,
    }


@pytest.mark.parametrize("status", ["VERIFIED", "VERIFIED_OVR", "NOT_VERIFIED"])
def test_each_verification_status_passes_the_tool(write: Callable[..., Path], status: str) -> None:
    assert dciodvfy_errors(write(the_record(verification=status), daily=())) == []


def test_the_judges_notice_a_record_without_its_termination_status(write: Callable[..., Path]) -> None:
    path = write(the_record())
    written = pydicom.dcmread(path)
    del written.TreatmentSessionBeamSequence[0].TreatmentTerminationStatus
    written.save_as(path)
    assert standard_violations(path, also_modules=("rt-beams-session-record",))
    assert dciodvfy_errors(path)


def test_a_fraction_that_gave_nothing_leaves_no_record(write: Callable[..., Path], tmp_path: Path) -> None:
    nothing = (
        DeliveryRecord(1, "Arc 1", 200.0, 0.0, "OPERATOR"),
        DeliveryRecord(3, "", 80.0, 0.0, "MACHINE"),
    )
    for deliveries in (nothing, nothing[:1]):
        with pytest.raises(OutputError, match="fraction 3 of plan 'PELVIS ARC' gave nothing"):
            write(the_record(*deliveries))
    assert names(tmp_path) == []


def test_a_beam_that_was_not_started_is_not_in_the_record(write: Callable[..., Path]) -> None:
    path = write(the_record(WHOLE, DeliveryRecord(3, "Lateral", 80.0, 0.0, "OPERATOR")))
    assert [beam.ReferencedBeamNumber for beam in beams_in(path)] == [1]


def test_a_beam_stopped_by_the_therapist_carries_what_it_gave_until_then(write: Callable[..., Path]) -> None:
    (beam,) = beams_in(write(the_record(DeliveryRecord(1, "Arc 1", 200.0, 100.25, "OPERATOR"))))
    assert (beam.TreatmentTerminationStatus, beam.DeliveredPrimaryMeterset) == ("OPERATOR", 100.25)
    assert beam.SpecifiedPrimaryMeterset == 200.0
    points = beam.ControlPointDeliverySequence
    assert [float(point.DeliveredMeterset) for point in points] == [0.0, 80.0, 100.25]
    # 40 % of the meterset were given at the second control point, the third was never reached.
    assert [point.get("ReferencedControlPointIndex") for point in points] == [0, 1, None]
    assert "GantryAngle" not in points[2]
    assert beam.NumberOfControlPoints == 3
    assert "not readings" in beam.BeamDescription


def test_after_a_lost_link_the_last_confirmed_dose_stands_with_a_remark(write: Callable[..., Path]) -> None:
    lost = (
        DeliveryRecord(1, "Arc 1", 200.0, 55.0, "UNKNOWN"),
        DeliveryRecord(3, "Lateral", 80.0, 0.0, "UNKNOWN"),
    )
    arc, lateral = beams_in(write(the_record(*lost)))
    assert (arc.TreatmentTerminationStatus, arc.DeliveredPrimaryMeterset) == ("UNKNOWN", 55.0)
    assert "last confirmed one" in arc.TreatmentTerminationDescription
    # Nothing was confirmed of the second beam, but nobody knows that it gave nothing.
    assert (lateral.TreatmentTerminationStatus, lateral.DeliveredPrimaryMeterset) == ("UNKNOWN", 0.0)
    (whole,) = beams_in(write(the_record()))
    assert "TreatmentTerminationDescription" not in whole


def test_the_table_stands_in_the_record_where_it_stood(write: Callable[..., Path]) -> None:
    first = beams_in(write(the_record()))[0].ControlPointDeliverySequence[0]
    table = (
        first.TableTopLateralPosition,
        first.TableTopLongitudinalPosition,
        first.TableTopVerticalPosition,
    )
    assert table == (1.25, -880.0, -120.5)
    assert (first.TableTopPitchAngle, first.TableTopRollAngle, first.PatientSupportAngle) == (
        0.5,
        -0.25,
        350.5,
    )


def test_a_whole_arc_turns_as_planned_through_every_control_point(write: Callable[..., Path]) -> None:
    points = beams_in(write(the_record()))[0].ControlPointDeliverySequence
    assert [float(point.GantryAngle) for point in points] == [350.0, 20.0, 40.0]
    assert [point.GantryRotationDirection for point in points] == ["CW", "CW", "NONE"]
    assert [float(point.SpecifiedMeterset) for point in points] == [0.0, 80.0, 200.0]
    assert points[0].TreatmentControlPointTime < points[2].TreatmentControlPointTime


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (the_record(plan_uid="2.25.9"), "give the plan that was treated"),
        (the_record(DeliveryRecord(9, "?", 10.0, 10.0)), "has no beam 9"),
        (the_record(fraction=None), "lacks its fraction number"),
        (the_record(couch=None), "lacks its fraction number, times, couch position"),
        (the_record(started_at=None), "lacks its fraction number"),
        (the_record(verification=""), "verification status"),
        (the_record(DeliveryRecord(1, "Arc 1", 200.0, 150.0)), "150 of 200 MU .* say who stopped it"),
        (the_record(couch=replace(COUCH, support_deg=80.0)), "90.0° from the couch angle"),
    ],
)
def test_a_record_that_contradicts_itself_or_the_plan_is_not_written(
    write: Callable[..., Path], tmp_path: Path, record: TreatmentRecord, message: str
) -> None:
    with pytest.raises(OutputError, match=message):
        write(record)
    assert names(tmp_path) == []


def test_an_ion_beam_is_not_written_as_one_of_photons(write: Callable[..., Path], tmp_path: Path) -> None:
    ions = replace(the_plan(), beams=tuple(replace(one, radiation_type="PROTON") for one in the_plan().beams))
    with pytest.raises(OutputError, match="PROTON"):
        write(the_record(), plan=ions)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deliveries": (DeliveryRecord(1, "", 10.0, -1.0),)}, "beam 1 has -1 MU delivered"),
        ({"deliveries": (DeliveryRecord(1, "", 10.0, float("nan")),)}, "beam 1 has nan MU delivered"),
        ({"deliveries": (DeliveryRecord(1, "", float("inf"), 1.0),)}, "beam 1 has inf MU planned"),
        ({"deliveries": (DeliveryRecord(1, "", 10.0, 1.0, "BROKEN"),)}, "ended 'BROKEN'"),
        ({"fraction": 0}, "fraction number is 0"),
        ({"verification": "YES"}, "verification status is 'YES'"),
        ({"started_at": datetime(2026, 3, 2, 9, 0, 0)}, "no time zone"),
        ({"ended_at": STARTED - timedelta(seconds=1)}, "before it started"),
    ],
)
def test_an_impossible_record_cannot_be_made(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        the_record(**changes)


def other_system(**changes: object) -> Dataset:
    """A record with nothing more than what is needed, as other systems write them."""
    ds = dataset(RTBeamsTreatmentRecordStorage, ROOT + "8", "RTRECORD")
    del ds.FrameOfReferenceUID
    ds.SeriesInstanceUID, ds.TreatmentDate, ds.TreatmentTime = ROOT + "8.1", "20240103", "091500.25"
    ds.PrimaryDosimeterUnit = "MU"
    ds.ReferencedRTPlanSequence = [item(ReferencedSOPInstanceUID=PLAN)]
    ds.TreatmentSessionBeamSequence = [session_beam(**changes)]
    return ds


def session_beam(**changes: object) -> Dataset:
    return item(
        **{
            "ReferencedBeamNumber": 1,
            "SpecifiedPrimaryMeterset": "101",
            "DeliveredPrimaryMeterset": "101.02",
            "TreatmentTerminationStatus": "NORMAL",
        }
        | changes
    )


def read(ds: Dataset, folder: Path) -> StoredTreatmentRecord:
    return read_treatment_record(save(ds, folder / "record"))


def test_a_record_of_another_system_says_what_it_says_and_no_more(tmp_path: Path) -> None:
    record = read(other_system(), tmp_path).record
    assert record.deliveries == (DeliveryRecord(1, "", 101.0, 101.02, "NORMAL"),)
    assert (record.fraction, record.couch, record.ended_at, record.machine) == (None, None, None, "")
    assert (record.operator, record.verification, record.delivered_mu) == ("", "", 101.02)
    assert record.started_at == datetime(2024, 1, 3, 9, 15).astimezone()
    assert record.is_complete


def test_the_control_points_of_another_system_tell_time_and_table(tmp_path: Path) -> None:
    ds = other_system(
        ControlPointDeliverySequence=[
            item(
                TreatmentControlPointDate="20240103",
                TreatmentControlPointTime=time,
                TableTopLateralPosition=lateral,
                TableTopLongitudinalPosition=900,
                TableTopVerticalPosition=-100,
            )
            for time, lateral in (("091000", 5), ("091200", None))
        ],
        TreatmentVerificationStatus="VERIFIED_OVR",
    )
    ds.TreatmentSessionBeamSequence.append(session_beam(TreatmentVerificationStatus="VERIFIED"))
    ds.TimezoneOffsetFromUTC = "-0230"
    ds.TreatmentMachineSequence = [item(TreatmentMachineName="TB2")]
    record = read(ds, tmp_path).record
    assert record.started_at == datetime(2024, 1, 3, 11, 40, tzinfo=UTC)
    assert record.ended_at == datetime(2024, 1, 3, 11, 42, tzinfo=UTC)
    assert record.couch == TableTopPose(5.0, 900.0, -100.0)
    assert (record.machine, record.verification) == ("TB2", "VERIFIED_OVR")


def test_a_table_of_which_one_axis_is_not_told_is_nowhere(tmp_path: Path) -> None:
    point = item(TableTopLateralPosition=5, TableTopLongitudinalPosition=900)
    assert read(other_system(ControlPointDeliverySequence=[point]), tmp_path).record.couch is None


@pytest.mark.parametrize("offset", ["", "0100", "+1", "+9900", "+ab00"])
def test_an_offset_that_is_none_leaves_the_clock_of_the_room(tmp_path: Path, offset: str) -> None:
    ds = other_system()
    ds.TimezoneOffsetFromUTC = offset
    assert read(ds, tmp_path).record.started_at == datetime(2024, 1, 3, 9, 15).astimezone()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"DeliveredPrimaryMeterset": "-3"}, "beam 1 has -3 MU delivered"),
        ({"SpecifiedPrimaryMeterset": "-3"}, "beam 1 has -3 MU planned"),
        ({"DeliveredPrimaryMeterset": None}, "no DeliveredPrimaryMeterset"),
        ({"SpecifiedPrimaryMeterset": None}, "no SpecifiedPrimaryMeterset"),
        ({"ReferencedBeamNumber": None}, "no ReferencedBeamNumber"),
        ({"TreatmentTerminationStatus": "ABORTED"}, "beam 1 ended 'ABORTED'"),
        ({"TreatmentTerminationStatus": None}, "beam 1 ended ''"),
        ({"CurrentFractionNumber": 0}, "fractions count from 1"),
    ],
)
def test_a_record_without_a_number_that_makes_sense_is_refused(
    tmp_path: Path, changes: dict, message: str
) -> None:
    with pytest.raises(UnreadableError, match=rf"record.*{message}"):
        read(other_system(**changes), tmp_path)


def test_a_meterset_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    path = save(other_system(), tmp_path / "record")
    path.write_bytes(path.read_bytes().replace(b"101.02", b"NaN   "))
    with pytest.raises(UnreadableError, match="DeliveredPrimaryMeterset that is not finite"):
        read_treatment_record(path)


def test_beams_of_two_fractions_in_one_record_are_refused(tmp_path: Path) -> None:
    ds = other_system(CurrentFractionNumber=4)
    ds.TreatmentSessionBeamSequence.append(session_beam(CurrentFractionNumber=5))
    with pytest.raises(UnreadableError, match="beams of the fractions 4 and 5 together"):
        read(ds, tmp_path)


def test_a_record_without_beams_in_other_units_or_of_no_plan_is_refused(tmp_path: Path) -> None:
    ds = other_system()
    ds.PrimaryDosimeterUnit = "MINUTE"
    with pytest.raises(UnreadableError, match="counts the meterset in 'MINUTE'"):
        read(ds, tmp_path)
    ds = other_system()
    ds.ReferencedRTPlanSequence.append(item(ReferencedSOPInstanceUID=PLAN + "9"))
    with pytest.raises(MissingEvidenceError, match="several plans"):
        read(ds, tmp_path)
    ds.ReferencedRTPlanSequence = []
    with pytest.raises(MissingEvidenceError, match="refers to no plan"):
        read(ds, tmp_path)
    ds.TreatmentSessionBeamSequence = []
    with pytest.raises(UnreadableError, match="records no beam"):
        read(ds, tmp_path)
    with pytest.raises(UnreadableError, match="not an RT Beams Treatment Record"):
        read_treatment_record(save(plan(), tmp_path / "plan"))


def test_a_record_of_another_patient_or_plan_or_beam_is_refused(tmp_path: Path) -> None:
    stored = read(other_system(), tmp_path)
    planned = read_plan(save(plan(), tmp_path / "plan"))
    patient = PatientIdentity("A1", name="DOE^JANE", birth_date="19600102")
    assert require_record_of(stored, planned, patient) == ()
    with pytest.raises(MismatchError, match="belongs to another patient"):
        require_record_of(stored, planned, replace(patient, patient_id="B2"))
    with pytest.raises(MismatchError, match="give the records of this plan"):
        require_record_of(stored, replace(planned, sop_instance_uid="2.25.1"), patient)
    foreign = replace(stored, record=replace(stored.record, deliveries=(DeliveryRecord(7, "", 1.0, 1.0),)))
    with pytest.raises(MissingEvidenceError, match="has no beam 7"):
        require_record_of(foreign, planned, patient)


def test_inspecting_a_folder_tells_what_was_delivered(write: Callable[..., Path], tmp_path: Path) -> None:
    write(the_record(WHOLE, DeliveryRecord(3, "Lateral", 80.0, 31.5, "OPERATOR")))
    broken = save(other_system(DeliveredPrimaryMeterset="-3"), tmp_path / "broken")
    found = {one.problem != "": one for one in describe_contents(scan_folder(tmp_path))}
    assert {one.kind for one in found.values()} == {"treatment record"}
    assert found[False].text == (
        "fraction 3 on 2026-03-02 of patient ISO-001 (Müller^Zoë) with 2 beam(s), 231.5 MU, ended OPERATOR, "
        "in record.dcm"
    )
    assert broken.name in found[True].text
    assert "-3 MU" in found[True].problem


def test_a_fresh_record_is_dated_now_and_has_its_own_identity(write: Callable[..., Path]) -> None:
    first, second = (pydicom.dcmread(write(the_record())) for _ in range(2))
    assert first.SOPInstanceUID != second.SOPInstanceUID
    details = TreatmentRecordDetails(
        created_at=STARTED, sop_instance_uid="2.25.1", series_instance_uid="2.25.2"
    )
    named = pydicom.dcmread(write(the_record(), details=details))
    assert (named.SOPInstanceUID, named.SeriesInstanceUID) == ("2.25.1", "2.25.2")
