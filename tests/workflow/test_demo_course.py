import functools
import json
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ball_of_dose import ball_of_dose
from small_course import coarse_room

from isoguide.dicom import (
    load_daily_set,
    load_planning_set,
    machine_isocentre,
    read_treatment_record,
)
from isoguide.errors import InputError, MissingEvidenceError, OutputError
from isoguide.geometry.correction import couch_correction
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.transforms import RigidTransform
from isoguide.treatment import State
from isoguide.virtual import build_phantom
from isoguide.virtual.clock import VirtualClock
from isoguide.workflow import course_dosimetry, demo_course, simulate, virtual_patient
from isoguide.workflow.align import align
from isoguide.workflow.clinic import virtual_station
from isoguide.workflow.clinic.accounts import Accounts
from isoguide.workflow.clinic.department import new_desk, open_desk
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.sign_in_file import let_sign_in
from isoguide.workflow.clinic.station_file import read_station_file
from isoguide.workflow.clinic.virtual_department import THERAPIST, VirtualDepartment
from isoguide.workflow.clinic.virtual_station import VirtualStation
from isoguide.workflow.clinic.waiting_fraction import prepare_waiting_fraction
from isoguide.workflow.course import Course
from isoguide.workflow.demo_course import DEMO_NAMES, KNOWN_ERRORS, LINKS, demo_scenario, demonstrate, way_of
from isoguide.workflow.motion.course_reports import FOLDER as MONITORING
from isoguide.workflow.protocol_file import load_protocol
from isoguide.workflow.request import AlignRequest
from isoguide.workflow.same_plan import file_sha256
from isoguide.workflow.simulate import drawn_days
from isoguide.workflow.virtual_patient import VirtualPatient

COARSE = functools.cache(functools.partial(build_phantom, spacing_mm=(3.0, 3.0, 4.0)))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Course]:
    folder = tmp_path_factory.mktemp("demo") / "demo"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(virtual_patient, "build_phantom", lambda site, seed, _spacing_mm: COARSE(site, seed))
        patched.setattr(simulate, "room_settings", coarse_room)
        patched.setattr(demo_course, "can_reconstruct", lambda: False)
        patched.setattr(demo_course, "ASSESSED_MM", 5.0)
        patched.setattr(VirtualDepartment, "keep_dose", lambda *_: None)
        # Seeds cannot be found in voxels as coarse as these.
        patched.setattr(demo_course, "WATCHED", {})
        patched.setattr(course_dosimetry, "compute_dose", ball_of_dose)
        return folder, demonstrate(folder, fractions=2, seed=2)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Course]:
    """A patient with a lung tumour, watched by a marker on his chest."""
    folder = tmp_path_factory.mktemp("watched") / "demo"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(virtual_patient, "build_phantom", lambda site, seed, _spacing_mm: COARSE(site, seed))
        patched.setattr(simulate, "room_settings", coarse_room)
        patched.setattr(demo_course, "can_reconstruct", lambda: False)
        patched.setattr(demo_course, "ASSESSED_MM", 5.0)
        patched.setattr(VirtualDepartment, "keep_dose", lambda *_: None)
        patched.setattr(demo_course, "PHASES", 2)
        patched.setattr(demo_course, "EARLIER_PATIENTS", 5)
        patched.setattr(simulate, "_dosimetry", lambda *_: None)
        return folder, demonstrate(folder, site="lung", fractions=1, seed=2)


def test_a_patient_is_treated_from_simulation_to_the_last_fraction(demo: tuple[Path, Course]) -> None:
    folder, course = demo

    assert course.surprises == ()
    assert course.closed == 2
    assert {path.name for path in folder.iterdir()} == set(DEMO_NAMES) - {MONITORING}  # nothing was watched
    assert {path.name for path in (folder / "planning").iterdir()} >= {"CT_0001.dcm", "RS.dcm", "RP.dcm"}
    assert sorted(path.name for path in (folder / "daily").iterdir()) == ["fraction-1", "fraction-2"]


def test_the_meterset_is_that_of_the_plan(demo: tuple[Path, Course]) -> None:
    _, course = demo
    for fraction in course.fractions:
        assert fraction.outcome.delivered_mu == pytest.approx(course.scenario.plan.meterset_mu, abs=0.5)


def test_what_isoguide_align_makes_of_the_files_is_close_to_the_truth_beside_them(
    demo: tuple[Path, Course],
) -> None:
    folder, _ = demo
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["fractions"][0]

    answer = align(AlignRequest(folder / "planning", folder / truth["folder"]))

    assert answer.correction is not None
    for name, value in truth["needed_correction"].items():
        assert getattr(answer.correction, name) == pytest.approx(value, abs=0.5), name


def test_truth_and_course_name_the_same_two_corrections_of_each_day(demo: tuple[Path, Course]) -> None:
    folder, _ = demo
    truth, course = (
        json.loads((folder / name).read_text(encoding="utf-8"))["fractions"]
        for name in ("truth.json", "course.json")
    )
    for of_truth, of_course in zip(truth, course, strict=True):
        for name in ("set_up_correction", "needed_correction"):
            assert of_truth[name] == of_course[name]
        # This patient is rigid: what his bones call for is what the target calls for.
        assert of_truth["set_up_correction"] == pytest.approx(of_truth["needed_correction"], abs=1e-6)


def test_the_set_up_correction_is_that_of_the_matrix_beside_it(demo: tuple[Path, Course]) -> None:
    folder, _ = demo
    planning = load_planning_set(folder / "planning")
    for day in json.loads((folder / "truth.json").read_text(encoding="utf-8"))["fractions"]:
        isocentre_mm = machine_isocentre(load_daily_set(folder / day["folder"])).xyz_mm
        correction = couch_correction(
            RigidTransform(PLANNING, DAILY, day["planning_from_daily"]),
            plan_isocentre_mm=planning.plan.isocentre_mm(),
            machine_isocentre_mm=isocentre_mm,
            patient_position="HFS",
        )
        for name, value in day["set_up_correction"].items():
            # Positions are text in DICOM files, with a thousandth of a millimetre or better.
            assert getattr(correction, name) == pytest.approx(value, abs=0.002), name


def test_without_the_toolkit_all_images_are_of_the_model_and_the_report_says_so(
    demo: tuple[Path, Course],
) -> None:
    folder, course = demo
    assert {fraction.imaging_model for fraction in course.fractions} == {"image-domain cone-beam model"}
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "pip install &#x27;isoguide[reconstruction]&#x27;" in html


def test_an_earlier_demonstration_is_not_replaced_unasked(demo: tuple[Path, Course]) -> None:
    with pytest.raises(OutputError, match="--force"):
        demonstrate(demo[0])


def test_a_course_that_leaves_no_fraction_to_wait_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ask for 49 or fewer"):
        demonstrate(tmp_path / "demo", fractions=50)
    assert not (tmp_path / "demo").exists()


class TestScenario:
    @pytest.mark.parametrize(("site", "breathes"), [("prostate", False), ("lung", True), ("liver", True)])
    def test_patients_breathe_where_breathing_moves_the_target(
        self, site, breathes: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(demo_course, "can_reconstruct", lambda: True)
        scenario = demo_scenario(site, 3, 0)
        assert (scenario.breathing is not None) is breathes
        # Seeds are not sharp enough in the images of physics to be found.
        assert scenario.room.imaging.first_fraction == ("physical" if breathes else None)
        assert (scenario.room.imaging.match == "markers") is not breathes
        assert (scenario.prostate_motion is not None) is not breathes

    @pytest.mark.parametrize(("site", "imaging"), [("head-neck", "cone-beam"), ("prostate", "stereo")])
    def test_a_target_that_nobody_watches_lies_still(self, site, imaging) -> None:
        scenario = demo_scenario(site, 3, 0, imaging)
        assert scenario.prostate_motion is None
        assert load_protocol(way_of(site, imaging).protocol).protocol.monitoring is None

    @pytest.mark.parametrize(
        ("site", "device"),
        [("prostate", "markers, kV arm"), ("lung", "chest marker"), ("liver", "chest marker")],
    )
    def test_a_target_that_moves_is_watched_by_the_protocol(self, site, device) -> None:
        assert load_protocol(way_of(site, "cone-beam").protocol).protocol.monitoring.device == device

    def test_the_toolkit_is_looked_for_and_not_demanded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def absent() -> None:
            raise MissingEvidenceError

        monkeypatch.setattr(demo_course, "prepare_rtk", absent)
        assert not demo_course.can_reconstruct()
        monkeypatch.setattr(demo_course, "prepare_rtk", lambda: None)
        assert demo_course.can_reconstruct()


def test_the_course_is_treated_by_a_protocol_and_recorded_whole(demo: tuple[Path, Course]) -> None:
    folder, course = demo
    with open_desk(str(folder / "records")) as desk:
        assert desk.records.verify_audit().is_intact
        assert desk.store.verify(desk.records.image_hashes()) == ()
        line = next(one for one in desk.records.courses() if one.course_id == "C0001")
        assert line.protocol == "demonstration v3"
        (history,) = desk.records.histories(course_ids=["C0001"])
        fraction = desk.records.fraction("C0001", 1)
    assert [one.state for one in history.fractions] == ["closed", "closed"]
    for recorded, treated in zip(history.fractions, course.fractions, strict=True):
        assert recorded.measured.lateral_mm == pytest.approx(treated.measured.lateral_mm)
        assert recorded.delivered_mu == pytest.approx(course.scenario.plan.meterset_mu, abs=0.5)
        assert "tolerance" in recorded.rule
    assert fraction.decisions[0].by == "virtual-therapist"
    assert sum(one.delivered_mu for one in fraction.deliveries) == pytest.approx(
        course.scenario.plan.meterset_mu, abs=0.5
    )


def test_the_anatomy_of_the_first_and_the_last_day_is_assessed_and_kept(demo: tuple[Path, Course]) -> None:
    folder, course = demo
    with open_desk(str(folder / "records")) as desk:
        kept = desk.records.assessments("C0001")
        images = {desk.records.fraction("C0001", number).images[0].uid for number in (1, 2)}
    assert [number for number, _ in kept] == [1, 2]
    assert {record.image_uid for _, record in kept} == images
    assert [record.verdict for _, record in kept] == [
        fraction.anatomy.record.verdict for fraction in course.fractions
    ]
    assert not any(record.alerts for _, record in kept)  # this patient is rigid
    for page in ("report.html", "review/patient/report.html"):
        assert "The anatomy of the course" in (folder / page).read_text(encoding="utf-8")


def test_what_moves_during_the_beam_is_recorded_beside_the_truth(watched: tuple[Path, Course]) -> None:
    folder, course = watched
    (fraction,) = course.fractions
    assert course.surprises == ()
    assert {path.name for path in folder.iterdir()} == set(DEMO_NAMES)
    with open_desk(str(folder / "records")) as desk:
        kept = desk.records.fraction("C0001", 1)
        assert desk.records.verify_audit().is_intact
    recordings = sorted((folder / MONITORING).glob("*.jsonl"))
    assert [one.path.name for one in fraction.monitored] == [path.name for path in recordings]
    assert kept.motions[0].recording_sha256 == file_sha256(recordings[0])
    for delivery in fraction.monitored:
        figures = delivery.figures
        assert figures.true_inside.p95_length_mm < min(4.5, delivery.ungated.p95_length_mm)
        assert 0.2 < figures.duty_cycle < 1.0


def test_every_fraction_gives_registration_report_and_treatment_record(demo: tuple[Path, Course]) -> None:
    folder, _ = demo
    for number in (1, 2):
        names = {path.name for path in (folder / "exports" / f"fraction-{number}").iterdir()}
        assert names == {"registration-1.dcm", "report-1.dcm", "treatment-record.dcm"}
        record = read_treatment_record(folder / "exports" / f"fraction-{number}" / "treatment-record.dcm")
        assert record.record.fraction == number


def test_the_department_is_reviewed_beside_its_truth(demo: tuple[Path, Course]) -> None:
    """Intervals of 95 % miss the truth once in twenty: of 18 at most 4, but for one department in 500."""
    folder, _ = demo
    for name in ("patient", "population"):
        assert (folder / "review" / name / "report.html").is_file()
    page = (folder / "review" / "population" / "report.html").read_text(encoding="utf-8")
    assert page.count("inside") >= 14
    assert "truth" in page
    for true in KNOWN_ERRORS.systematic:
        assert f"{true:.2f}, " in page


def test_one_fraction_more_is_planned_with_the_same_dose_and_waits(demo: tuple[Path, Course]) -> None:
    folder, course = demo
    with open_desk(str(folder / "records")) as desk:
        simulation = desk.records.course("C0001").simulation
        assert len(desk.records.course("C0001").fractions) == 2
    assert simulation.fractions_planned == 3
    assert simulation.dose_per_fraction_gy == pytest.approx(3.0)  # 60 Gy in 20, as the prostate's usual plan
    file = read_station_file(folder)
    assert (file.course_id, file.first_fraction, file.scenario.fractions) == ("C0001", 3, 3)
    assert file.scenario.model_copy(update={"fractions": 2}) == course.scenario


def test_the_waiting_fraction_is_played_by_the_room_with_the_same_patient(
    demo: tuple[Path, Course], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_patient, "build_phantom", lambda site, seed, _spacing_mm: COARSE(site, seed))
    monkeypatch.setattr(virtual_station, "room_settings", coarse_room)
    clock = VirtualClock(datetime.now(UTC) + timedelta(days=1))
    shutil.copytree(demo[0] / "records", tmp_path / "records")
    with open_desk(str(tmp_path / "records"), now=clock.now) as desk:
        station = VirtualStation(read_station_file(demo[0]), desk, clock)
        station.prepare()
        with RoomDrive(desk, station, "C0001") as drive:
            status = prepare_waiting_fraction(drive)
            assert (status.state, status.key.number) == (State.ALIGNED, 3)
            # Of the third day that a course of three has.
            truth = station._room.truth.needed_correction(0.0)
            found = status.stored.matches[-1].correction
            for name in ("lateral_mm", "longitudinal_mm", "vertical_mm"):
                assert getattr(found, name) == pytest.approx(getattr(truth, name), abs=0.5), name


def test_a_longer_course_begins_with_the_days_of_a_shorter_one(virtual: VirtualPatient) -> None:
    short, long = (drawn_days(demo_scenario("prostate", count, 2), virtual) for count in (2, 3))
    for one, other in zip(short, long, strict=False):
        assert one.numbers == other.numbers
    assert long[2].numbers != long[1].numbers


def test_the_virtual_staff_sign_in_with_passwords_that_only_the_owner_of_the_folder_reads(
    demo: tuple[Path, Course],
) -> None:
    path = demo[0] / "sign-in.txt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()[2:]]
    assert sorted(name for name, _ in lines) == [
        "virtual-oncologist",
        "virtual-physicist",
        "virtual-therapist",
    ]
    with open_desk(str(demo[0] / "records")) as desk:
        accounts = Accounts(desk.records)
        for name, password in lines:
            account = accounts.check_password(name, password)
            assert account.is_administrator is (name == "virtual-physicist")


def test_passwords_are_not_written_over_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "sign-in.txt").write_text("mine", encoding="utf-8")
    with new_desk(str(tmp_path / "records")) as desk:
        desk.records.add_person(THERAPIST, by="admin")
        with pytest.raises(OutputError, match=r"cannot write .*sign-in\.txt"):
            let_sign_in(desk.records, [THERAPIST], tmp_path)
    assert (tmp_path / "sign-in.txt").read_text(encoding="utf-8") == "mine"


def test_the_report_tells_what_image_guidance_does_to_the_dose(demo: tuple[Path, Course]) -> None:
    folder, course = demo
    assert course.dose is not None
    assert len(course.dose.days) == 2
    assert len(course.dose.goals) == 3
    assert "with and without image guidance" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_leads_to_the_reviews(demo: tuple[Path, Course]) -> None:
    folder, _ = demo
    page = (folder / "report.html").read_text(encoding="utf-8")
    for what, path in LINKS:
        assert what in page
        assert f'href="{path}"' in page
        assert (folder / path).is_file()
