"""The virtual room that a console is connected to: prepared in the background, and only for its patient."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from connected_department import COURSE, OpenRoom, station_file

from isoguide.dicom import load_daily_set, machine_isocentre
from isoguide.errors import InputError, LinkLostError, MismatchError, MissingEvidenceError, UnreadableError
from isoguide.virtual import Displacement
from isoguide.virtual.motion import Motion, Trace
from isoguide.virtual.patient_day import PatientDay
from isoguide.workflow.clinic import virtual_station
from isoguide.workflow.clinic.connected_room import NoImage, RoomLook
from isoguide.workflow.clinic.station_file import (
    ROOM_FILE,
    StationFile,
    read_station_file,
    write_station_file,
)
from isoguide.workflow.clinic.virtual_station import VirtualStation
from isoguide.workflow.scenario import ImagingSection, RoomSection


class TestPreparing:
    def test_the_room_says_that_it_is_being_prepared_until_it_is(
        self, open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch, patient_in_room
    ) -> None:
        may_go_on, has_begun = threading.Event(), threading.Event()

        def slow(_scenario: object, progress: object) -> object:
            progress(0.3, "Building a virtual patient")
            has_begun.set()
            may_go_on.wait(20.0)
            return patient_in_room

        with open_room(prepare=False) as d:
            monkeypatch.setattr(virtual_station, "virtual_patient", slow)
            d.station.start()
            assert has_begun.wait(20.0)
            words = r"being prepared \(building a virtual patient\)"
            for call in (d.station.couch, d.station.beam.status, lambda: d.station.take_image(d.folder)):
                with pytest.raises(LinkLostError, match=words):
                    call()
            with pytest.raises(LinkLostError, match=words):
                d.station.place_patient(COURSE, 1)
            assert not d.station.wait_ready(0.0)
            assert d.station.look().couch is None
            assert (d.station.preparation.share, d.station.preparation.is_ready) == (0.3, False)
            may_go_on.set()
            assert d.station.wait_ready(20.0)
            d.station.place_patient(COURSE, 1)
            assert d.station.look().couch is not None

    def test_a_room_that_cannot_be_prepared_says_why(
        self, open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: object) -> None:
            msg = "there is no such site"
            raise InputError(msg)

        with open_room(prepare=False) as d:
            monkeypatch.setattr(virtual_station, "virtual_patient", fails)
            d.station.start()
            assert not d.station.wait_ready(20.0)
            assert d.station.preparation.has_failed
            with pytest.raises(LinkLostError, match="cannot be used: there is no such site"):
                d.station.couch()

    def test_another_patient_than_the_one_of_the_course_is_refused(
        self, open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch, patient_in_room
    ) -> None:
        volume = patient_in_room.phantom.volume
        other = replace(volume, values=volume.values + np.float32(1.0))
        phantom = replace(patient_in_room.phantom, volume=other)
        stranger = replace(patient_in_room, phantom=phantom)
        with open_room(prepare=False) as d:
            monkeypatch.setattr(virtual_station, "virtual_patient", lambda *_: stranger)
            with pytest.raises(MismatchError, match="is not the one of plan 'EXAMPLE' in the records"):
                d.station.prepare()
            assert not d.station.preparation.is_ready

    def test_a_plan_that_is_not_in_the_image_store_is_refused(self, open_room: OpenRoom) -> None:
        with open_room(prepare=False) as d:
            plan = d.desk.records.course(COURSE).simulation.plan_sha256
            d.desk.store.path_of(plan).unlink()
            with pytest.raises(UnreadableError):
                d.station.prepare()


class TestPlacingThePatient:
    def test_is_only_for_its_course_and_its_fractions(self, open_room: OpenRoom) -> None:
        with open_room() as d:
            assert d.station.is_for(COURSE)
            assert d.station.is_for(COURSE, 2)
            assert not d.station.is_for(COURSE, 3)
            assert not d.station.is_for("C0002")
            for course, number in ((COURSE, 3), ("C0002", 1)):
                with pytest.raises(MismatchError, match=f"plays fractions 1 to 2 of course {COURSE}"):
                    d.station.place_patient(course, number)

    def test_nobody_lies_there_before(self, open_room: OpenRoom) -> None:
        with open_room() as d:
            with pytest.raises(LinkLostError, match="nobody lies in the virtual room"):
                d.station.couch()
            assert d.station.target() is None
            assert d.station.look() == RoomLook(d.clock.now())

    def test_lays_him_down_as_he_lies_on_that_day(self, open_room: OpenRoom) -> None:
        with open_room() as d:
            d.station.place_patient(COURSE, 2)
            # 4 mm to his left, 3 mm to his front, 2 mm to his head: head first supine +X, +Z, +Y of the room.
            sample = d.station.target()
            assert sample.position_mm == pytest.approx([4.0, 2.0, 3.0], abs=1e-6)
            assert sample.at == d.clock.now()
            assert sample.source == "simulated: the truth of the virtual room"
            assert d.station.target().number == sample.number + 1
            d.station.drive_couch(replace(d.station.couch().pose, lateral_mm=-4.0))
            # The play of the drives, 0.2 mm, is what the couch may leave.
            assert abs(d.station.target().position_mm[0]) < 0.25

    def test_where_the_patient_is_is_told_for_an_hour_when_he_moves(self, open_room: OpenRoom) -> None:
        with open_room() as d:
            d.station.place_patient(COURSE, 1)
            day = PatientDay(1, Displacement(np.zeros(3), np.eye(3)))
            d.station._room.truth.day = _Moving(day)
            assert d.station.target() is None


class _Moving:
    """The day of a patient whose truth has run out."""

    def __init__(self, day: PatientDay) -> None:
        self.day = day

    def moment(self, seconds: float) -> object:
        Motion((), Trace(1.0, np.zeros((3, 1)))).trace.at(seconds + 3600.0)


class TestItsImages:
    def test_are_dicom_files_of_the_patient_of_the_course_and_of_now(
        self, open_room: OpenRoom, tmp_path: Path
    ) -> None:
        with open_room() as d:
            d.station.place_patient(COURSE, 1)
            asked_at = d.clock.now()
            folder = d.station.take_image(tmp_path / "image")
            daily = load_daily_set(folder)
            key = d.desk.records.course(COURSE).simulation.patient
            assert (daily.image.patient.patient_id, daily.image.patient.birth_date) == (
                key.patient_id,
                key.birth_date,
            )
            taken_at = daily.image.acquired_at.astimezone()
            assert asked_at <= taken_at <= d.clock.now()
            assert machine_isocentre(daily).xyz_mm == pytest.approx([1.3, -2.1, 0.7], abs=1e-3)

    def test_have_another_identifier_each_time_also_of_the_same_day_after_a_restart(
        self, open_room: OpenRoom, tmp_path: Path
    ) -> None:
        with open_room() as d:
            uids = []
            for n in range(2):
                d.station.place_patient(COURSE, 1)
                folder = d.station.take_image(tmp_path / f"image-{n}")
                uids.append(load_daily_set(folder).image.series_instance_uid)
            assert uids[0] != uids[1]

    def test_are_of_radiographs_where_the_scenario_takes_them(self, open_room: OpenRoom) -> None:
        stereo = station_file(room=RoomSection(imaging=ImagingSection(model="stereo pair")))
        with open_room(file=stereo) as d:
            assert d.station.image_said.radiographs.source_from_gantry_deg == 0.0
        with pytest.raises(Exception, match="takes no image"):
            NoImage().acquire()


def test_a_look_does_not_wait_for_a_room_that_is_busy_and_says_how_old_it_is(open_room: OpenRoom) -> None:
    with open_room() as d:
        d.station.place_patient(COURSE, 1)
        before = d.station.look()
        d.clock.wait(5.0)
        with d.station.used():
            assert d.station.look() is before
        assert (d.station.look().at - before.at).total_seconds() == pytest.approx(5.0)


def test_a_look_asks_for_the_target_ten_times_a_second_and_says_when_it_was_seen(
    open_room: OpenRoom,
) -> None:
    with open_room() as d:
        d.station.place_patient(COURSE, 1)
        seen = []
        for _ in range(4):
            look = d.station.look()
            assert (look.at - look.sighting.at).total_seconds() < 0.1
            seen.append(look.sighting.at)
            d.clock.wait(0.06)
        assert [seen[1] == seen[0], seen[2] == seen[1], seen[3] == seen[2]] == [True, False, True]
        d.station.place_patient(COURSE, 1)
        assert d.station.look().sighting.at == d.clock.now()


def test_a_couch_that_moves_lets_others_look(open_room: OpenRoom) -> None:
    with open_room() as d:
        d.station.place_patient(COURSE, 1)
        d.clock.stop_in(0.05)
        goal = replace(d.station.couch().pose, lateral_mm=50.0)
        thread = threading.Thread(target=lambda: d.station.drive_couch(goal))
        thread.start()
        d.clock.run(0.05)
        assert d.station.look().at == d.clock.now()
        d.clock.stop_in(np.inf)
        thread.join(20.0)
        assert d.station.couch().pose.lateral_mm == pytest.approx(50.0)


class TestTheFile:
    def test_says_the_same_when_it_is_read_again(self, tmp_path: Path) -> None:
        file = station_file()
        assert write_station_file(file, tmp_path) == tmp_path / ROOM_FILE
        assert read_station_file(tmp_path) == file

    def test_that_is_absent_means_that_the_folder_is_no_demonstration(self, tmp_path: Path) -> None:
        with pytest.raises(MissingEvidenceError, match="make one with isoguide demo"):
            read_station_file(tmp_path)

    @pytest.mark.parametrize(
        ("text", "words"),
        [("{", "the file"), ('{"format": 2}', "format"), ('{"format": 1, "course": "C1"}', "course")],
    )
    def test_that_is_something_else_is_refused_with_the_key(
        self, tmp_path: Path, text: str, words: str
    ) -> None:
        (tmp_path / ROOM_FILE).write_text(text, encoding="utf-8")
        with pytest.raises(UnreadableError, match=rf"not what a demonstration writes \(.*{words}"):
            read_station_file(tmp_path)

    def test_cannot_be_written_into_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(Exception, match="cannot write"):
            write_station_file(station_file(), tmp_path / "absent")

    def test_makes_a_quick_machine(self, open_room: OpenRoom) -> None:
        file = station_file()
        quick = StationFile(**{**dict(file), "gantry_deg_s": 30.0, "scan_s": 5.0})
        with open_room(file=quick) as d:
            d.station.place_patient(COURSE, 1)
            settings = d.station._room.settings
            assert settings.machine.gantry_deg_s == 30.0
            assert settings.imaging.protocol.duration_s == 5.0


def test_it_is_a_room_for_consoles(open_room: OpenRoom) -> None:
    with open_room() as d:
        assert isinstance(d.station, VirtualStation)
        assert d.station.name == "virtual room"
