"""A course from the shell: records, staff, protocol, course, fraction, audit, backup; answers as JSON too."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from small_patient import MACHINE_ISOCENTRE_MM, PATIENT, SmallPatient

from isoguide.course import AXES, Person, Role
from isoguide.records.plain import to_plain
from isoguide.workflow.clinic import department
from isoguide.workflow.clinic.new_course import new_course
from isoguide.workflow.protocol_file import load_protocol
from isoguide.workflow.simulation_session import write_daily_export

COUCH = "1.2,853.4,-118.0"
Run = Callable[..., object]


class SetClock:
    def __init__(self) -> None:
        self.at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    clock = SetClock()
    monkeypatch.setattr(department, "utc_now", clock)
    return clock


@pytest.fixture(scope="session")
def registered(
    tmp_path_factory: pytest.TempPathFactory, patient: SmallPatient
) -> tuple[Path, Path, dict[str, object]]:
    """Records with staff and a protocol, the same with a course, and what was said of it: to be copied."""
    folder = tmp_path_factory.mktemp("registered")
    with department.new_desk(str(folder / "staffed"), now=SetClock()) as desk:
        for person in (Person("anna", Role.THERAPIST), Person("berg", Role.PHYSICIST)):
            desk.records.add_person(person, by="admin")
        loaded = load_protocol("demonstration")
        desk.records.add_protocol(loaded.protocol, loaded.text, by="berg")
    shutil.copytree(folder / "staffed", folder / "with course")
    with department.open_desk(str(folder / "with course"), now=SetClock()) as desk:
        made = new_course(desk, patient.planning, site="prostate", protocol="demonstration", by="berg")
    content = {
        "simulation": to_plain(made.registered.simulation),
        "mark_shifts": to_plain(made.registered.mark_shifts),
    }
    return folder / "staffed", folder / "with course", content


@pytest.fixture
def place(tmp_path: Path, registered: tuple, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records named by the environment as in a department."""
    folder = tmp_path / "records"
    shutil.copytree(registered[0], folder)
    monkeypatch.setenv("ISOGUIDE_RECORDS", str(folder))
    return folder


@pytest.fixture
def course(place: Path, registered: tuple) -> dict:
    shutil.rmtree(place)
    shutil.copytree(registered[1], place)
    return registered[2]


def answer(ending, kind: str | None = None) -> dict:
    """Return the content of the JSON document that a command printed."""
    assert ending.err == ""
    document = json.loads(ending.out)
    assert document["schema_version"] == "1.0"
    assert kind in (None, document["kind"])
    return document["content"]


def devices(course: dict) -> list[str]:
    found = []
    for one in course["simulation"]["accessories"]:
        found += ["--device", f"{one['kind']}:{one['label']}@{one['index']}"]
    return found


def couch_text(pose: dict) -> str:
    names = ("lateral_mm", "longitudinal_mm", "vertical_mm", "pitch_deg", "roll_deg", "support_deg")
    return ",".join(str(pose[name]) for name in names)


def export_image(folder: Path, patient: SmallPatient, clock: SetClock) -> Path:
    clock.at += timedelta(seconds=30)
    write_daily_export(
        folder,
        patient.daily_volume,
        np.array(MACHINE_ISOCENTRE_MM),
        patient=PATIENT,
        seed=folder.name,
        acquired_at=clock.at,
    )
    clock.at += timedelta(seconds=60)
    return folder


def test_a_department_begins_with_empty_records(isoguide, clock, tmp_path) -> None:
    place = ("--records", tmp_path / "new")
    assert "empty records were made" in isoguide("db", "upgrade", *place).out
    assert isoguide("staff", "add", "anna", "--role", "therapist", "--by", "admin", *place).code == 0
    assert "in use" in isoguide("protocol", "add", "liver", "--by", "anna", *place).out


def test_a_course_is_registered_and_shown(isoguide, place, patient) -> None:
    made = isoguide(
        *("course", "new", patient.planning, "--site", "prostate", "--protocol", "demonstration"),
        *("--by", "berg", "--json"),
    )
    course = answer(made, "course")
    assert course["course"] == "C0001"
    assert [one["name"] for one in course["mark_shifts"]] == ["anterior", "left", "right"]
    shown = isoguide("course", "show", "C0001")
    assert shown.code == 0
    assert "mark left" in shown.out
    assert "UNAPPROVED" in shown.out
    listed = answer(isoguide("course", "list", "--json"), "courses")
    assert [one["course_id"] for one in listed["courses"]] == ["C0001"]
    assert answer(isoguide("course", "show", "C0001", "--json"))["fractions"] == []


def test_the_same_plan_is_not_registered_twice(isoguide, course, patient) -> None:
    again = isoguide(
        *("course", "new", patient.planning, "--site", "prostate", "--protocol", "demonstration"),
        *("--by", "berg"),
    )
    assert again.code == 2
    assert "is being treated as course C0001" in again.err


def test_a_fraction_from_the_marks_to_the_exported_records(
    isoguide, course, patient, clock, tmp_path
) -> None:
    by = ("--by", "anna")
    started = isoguide("fraction", "start", "C0001", *by, *devices(course))
    assert started.code == 0, started.err
    assert "PREPARED" in started.out
    marks = [f"--mark={one['name']}={shift_text(one)}" for one in course["mark_shifts"]]
    moved = answer(isoguide("fraction", "marks", "C0001", *marks, "--couch", COUCH, "--json"), "marks")
    assert moved["correction"]["lateral_mm"] == pytest.approx(-5.0, abs=1e-6)
    assert "root mean square 0.0 mm" in isoguide("fraction", "marks", "C0001", *marks, "--couch", COUCH).out

    assert "SET UP" in isoguide("fraction", "set-up", "C0001", *by, "--couch", COUCH).out
    image = export_image(tmp_path / "cbct", patient, clock)
    dose = ("--dose", "4.49:CTDIw, mGy")
    imaged = isoguide("fraction", "image", "C0001", image, *by, "--couch", COUCH, *dose)
    assert imaged.code == 0, imaged.err
    assert "above the tolerance of 0.5 mm" in imaged.out
    approved = answer(isoguide("fraction", "approve", "C0001", *by, "--couch", COUCH, "--json"), "fraction")
    target = couch_text(approved["couch_to"])
    assert approved["state"] == "approved"
    assert "VERIFIED" in isoguide("fraction", "couch", "C0001", *by, "--couch", target).out
    beams = [f"--mu={one['number']}={one['meterset_mu']}" for one in course["simulation"]["beams"]]
    delivered = isoguide("fraction", "deliver", "C0001", *by, "--couch", target, *beams)
    assert delivered.code == 0, delivered.err
    assert "CLOSED" in delivered.out

    status = answer(isoguide("fraction", "status", "C0001", "--number", 1, "--json"), "fraction")
    assert status["state"] == "closed"
    assert [one["by"] for one in status["decisions"]] == ["anna"]
    assert status["summary"]["doses"] == [{"value": 4.49, "metric": "CTDIw, mGy"}]
    exported = isoguide("fraction", "export", "C0001", "--out", tmp_path / "out")
    assert exported.code == 0, exported.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "registration-1.dcm",
        "report-1.dcm",
        "treatment-record.dcm",
    ]
    again = isoguide("fraction", "export", "C0001", "--out", tmp_path / "out")
    assert again.code == 2
    assert "--force" in again.err

    from_record = isoguide("fraction", "start", "C0001", *by, *devices(course))
    assert from_record.code == 0, from_record.err
    assert_the_record_of_another_fraction_is_refused(isoguide, tmp_path / "out", target)


def test_a_match_by_hand_from_the_shell_is_signed_by_two_or_taken_back(
    isoguide, course, patient, clock, tmp_path
) -> None:
    told = ("--by", "anna", "--couch", COUCH)
    isoguide("fraction", "start", "C0001", "--by", "anna", *devices(course))
    isoguide("fraction", "set-up", "C0001", *told)
    image = export_image(tmp_path / "cbct", patient, clock)
    engine = answer(isoguide("fraction", "image", "C0001", image, *told, "--json"))["matches"][0]
    six = [engine["correction"][name] for name in AXES]
    shift = ",".join(str(value + by) for value, by in zip(six, (4.0, 0, 0, 0, 0, 0), strict=True))

    shown = isoguide("fraction", "match", "C0001", *told, f"--shift={shift}")
    assert shown.code == 1, shown.err
    words = " ".join(shown.out.split())
    assert "matched by hand by anna: 4.0 mm and 0.0° from the engine's answer" in words
    assert "approve 'correct' with a second person, or image again" in words
    alone = isoguide("fraction", "approve", "C0001", *told)
    assert alone.code == 2
    assert "other than anna, who matched by hand" in alone.err

    back = isoguide("fraction", "match", "C0001", *told, "--engine", "--json")
    assert back.code == 0, back.err
    found = answer(back, "fraction")
    assert [one["algorithm"] == "by hand" for one in found["match_history"]] == [False, True, False]
    assert found["version"] == found["journal"][-1]["seq"]

    isoguide("fraction", "match", "C0001", *told, f"--shift={shift}")
    both = answer(isoguide("fraction", "approve", "C0001", *told, "--by", "berg", "--json"), "fraction")
    assert both["correction"]["lateral_mm"] == pytest.approx(six[0] + 4.0, abs=1e-6)
    assert both["approval_expires_at"] is not None
    typed = [one for one in audit_of(tmp_path / "records") if one["action"] == "movements by hand"]
    assert [one["payload"]["movements"][0][1] for one in typed] == ["typed", "typed"]


def audit_of(records: Path) -> list[dict]:
    with department.open_desk(str(records)) as desk:
        return [{"action": one.action, "payload": one.payload} for one in desk.records.audit_entries()]


def assert_the_record_of_another_fraction_is_refused(isoguide, out: Path, target: str) -> None:
    record = out / "treatment-record.dcm"
    wrong = isoguide(
        *("fraction", "deliver", "C0001", "--by", "anna", "--couch", target, "--record", record),
    )
    assert wrong.code == 2
    assert "is of fraction 1, and fraction 2 of course C0001 is being treated" in wrong.err


def shift_text(shift: dict) -> str:
    """Where the mark of a patient who lies 5 mm too far left is measured: minus its way to the isocentre."""
    x, y, z = (shift[f"{name}_mm"] for name in ("lateral", "longitudinal", "vertical"))
    return f"{x + 5.0},{y},{z}"


def test_a_stop_needs_its_reason_and_is_shown(isoguide, course) -> None:
    isoguide("fraction", "start", "C0001", "--by", "anna", *devices(course))
    assert isoguide("fraction", "stop", "C0001", "--by", "anna", "--reason", " ").code == 2
    stopped = isoguide("fraction", "stop", "C0001", "--by", "anna", "--reason", "the patient is unwell")
    assert stopped.code == 0
    assert "STOPPED" in stopped.out
    listed = isoguide("course", "finish", "C0001", "--stopped", "--reason", "moved away", "--by", "berg")
    assert "stopped" in listed.out
    assert "1 more have ended" in isoguide("course", "list").out
    assert "C0001" in isoguide("course", "list", "--all").out


class TestWhatStaffType:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["set-up", "C0001", "--by", "anna", "--couch", "1,2"], "--couch needs 3 numbers in mm"),
            (["set-up", "C0001", "--by", "anna", "--couch", "1,2,nan"], "--couch needs 3 numbers"),
            (["set-up", "C0001", "--by", "anna", "--couch", COUCH, "--on-marks", "x"], "--on-marks needs"),
            (["image", "C0001", ".", "--by", "anna", "--couch", COUCH, "--dose", "4.49"], "--dose needs"),
            (["image", "C0001", ".", "--by", "anna", "--couch", COUCH, "--dose", "-1:mGy"], "--dose needs"),
            (["start", "C0001", "--by", "anna", "--device", "MASK"], "--device needs KIND:LABEL"),
            (["marks", "C0001", "--couch", COUCH, "--mark", "left"], "--mark needs NAME=X,Y,Z"),
            (
                ["marks", "C0001", "--couch", COUCH, "--mark", "left=1,2,3", "--mark", "left=1,2,3"],
                "names 'left' twice",
            ),
            (["match", "C0001", "--by", "anna", "--couch", COUCH], "give either --shift"),
            (
                ["match", "C0001", "--by", "anna", "--couch", COUCH, "--engine", "--shift=1,2,3"],
                "give either --shift",
            ),
            (["match", "C0001", "--by", "anna", "--couch", COUCH, "--shift=1,2"], "--shift needs 3 numbers"),
            (
                ["match", "C0001", "--by", "anna", "--couch", COUCH, "--shift=1,2,3"],
                "'match by hand' is not possible in the state 'prepared'",
            ),
            (["approve", "C0001", "--by", "anna", "--couch", COUCH, "--action", "go"], "'no correction'"),
            (["deliver", "C0001", "--by", "anna", "--couch", COUCH], "either with --mu"),
            (["deliver", "C0001", "--by", "anna", "--couch", COUCH, "--mu", "one"], "--mu needs BEAM=MU"),
            (["deliver", "C0001", "--by", "anna", "--couch", COUCH, "--mu", "99=1"], "names beam 99"),
        ],
    )
    def test_is_refused_in_one_sentence(self, isoguide, course, arguments, sentence) -> None:
        if arguments[0] != "start":
            isoguide("fraction", "start", "C0001", "--by", "anna", *devices(course))
        ended = isoguide("fraction", *arguments)
        assert ended.code == 2
        assert sentence in ended.err
        assert ended.err.count("\n") == 1
        assert ended.out == ""


class TestRecords:
    def test_that_are_not_there_say_how_to_make_them(self, isoguide, tmp_path) -> None:
        ended = isoguide("course", "list", "--records", tmp_path / "none")
        assert ended.code == 2
        assert "isoguide db upgrade" in ended.err

    def test_are_backed_up_and_restored(self, isoguide, course, tmp_path, monkeypatch) -> None:
        made = answer(isoguide("db", "backup", tmp_path / "backups", "--json"), "backup")
        restored = isoguide("db", "restore", made["folder"], "--records", tmp_path / "again")
        assert restored.code == 0, restored.err
        monkeypatch.setenv("ISOGUIDE_RECORDS", str(tmp_path / "again"))
        assert "C0001" in isoguide("course", "list").out
        assert isoguide("audit", "verify").code == 0

    def test_that_were_changed_behind_isoguide_are_found(self, isoguide, course, place) -> None:
        import sqlite3

        head = answer(isoguide("audit", "verify", "--json"), "audit")["head"]
        with sqlite3.connect(place / "isoguide.db") as database:
            database.execute("UPDATE courses SET site = 'lung'")
        database.close()
        found = isoguide("audit", "verify", "--expect", f"{head['seq']}:{head['sha256']}")
        assert found.code == 1
        assert "CHANGED" in found.out
        assert "courses" in found.out

    def test_with_an_image_file_missing_are_not_whole(self, isoguide, course, place) -> None:
        file = next(path for path in (place / "images").rglob("*") if path.is_file())
        file.unlink()
        found = isoguide("audit", "verify")
        assert found.code == 1
        assert file.name[:8] in found.out or file.parent.name in found.out

    def test_tell_who_did_what(self, isoguide, course) -> None:
        listed = isoguide("audit", "list")
        assert "add person" in listed.out
        entries = answer(isoguide("audit", "list", "--since", 3, "--json"), "audit entries")
        assert entries[0]["seq"] == 4

    def test_a_head_that_is_none_is_refused(self, isoguide, place) -> None:
        assert "--expect needs SEQ:SHA256" in isoguide("audit", "verify", "--expect", "4711").err

    def test_of_this_version_are_left_alone(self, isoguide, place) -> None:
        again = isoguide("db", "upgrade")
        assert again.code == 0
        assert "of this version" in again.out
        assert answer(isoguide("db", "upgrade", "--json"), "upgrade")["made"] is False


class TestStaff:
    def test_is_listed_and_may_end(self, isoguide, place) -> None:
        assert isoguide("staff", "end", "anna", "--by", "berg", "--reason", "left").code == 0
        listed = answer(isoguide("staff", "list", "--json"), "staff")
        assert {one["person"]["name"]: one["is_active"] for one in listed} == {"anna": False, "berg": True}
        assert "anna" in isoguide("staff", "list").out
        assert isoguide("protocol", "add", "liver", "--by", "anna").code == 2

    def test_a_role_that_does_not_exist_is_refused(self, isoguide, place) -> None:
        ended = isoguide("staff", "add", "eve", "--role", "visitor", "--by", "admin")
        assert ended.code == 2
        assert "therapist, physicist, oncologist" in ended.err

    def test_answers_as_json(self, isoguide, place) -> None:
        added = isoguide("staff", "add", "eve", "--role", "oncologist", "--by", "admin", "--json")
        assert answer(added, "person") == {"name": "eve", "role": "oncologist"}
        ended = isoguide("staff", "end", "eve", "--by", "admin", "--json")
        assert answer(ended, "person")["is_active"] is False


class TestProtocols:
    def test_that_ship_are_listed_and_told_in_sentences(self, isoguide) -> None:
        assert "spine-sbrt" in isoguide("protocol", "list").out
        assert {one["name"] for one in answer(isoguide("protocol", "list", "--json"))} >= {"liver", "breast"}
        told = isoguide("protocol", "check", "spine-sbrt")
        assert told.code == 0
        assert "10 mm" in told.out
        document = json.loads(isoguide("protocol", "check", "spine-sbrt", "--json").out)
        assert document["protocol"]["name"] == "spine-sbrt"

    def test_in_use_are_listed_with_their_hash(self, isoguide, place) -> None:
        assert "demonstration" in isoguide("protocol", "list", "--in-use").out
        (one,) = answer(isoguide("protocol", "list", "--in-use", "--json"))
        assert len(one["sha256"]) == 64
        added = answer(isoguide("protocol", "add", "liver", "--by", "berg", "--json"), "protocol")
        assert added == {"name": "liver", "version": 1}

    def test_with_an_unknown_key_are_refused_with_the_key(self, isoguide, tmp_path) -> None:
        file = tmp_path / "wrong.toml"
        file.write_text('name = "x"\nversoin = 1\n', encoding="utf-8")
        ended = isoguide("protocol", "check", file)
        assert ended.code == 2
        assert "versoin" in ended.err
        assert "version" in ended.err


def test_earlier_courses_are_taken_in_or_refused_with_a_reason(isoguide, place, tmp_path, patient) -> None:
    (tmp_path / "empty").mkdir()
    ended = isoguide("course", "import", tmp_path / "empty", "--by", "berg")
    assert ended.code == 2
    assert "holds no course that can be used" in ended.err
