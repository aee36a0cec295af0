"""A fraction in a connected room, step by step and in its own time."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from connected_department import (
    CONSOLE,
    COURSE,
    ConnectedDepartment,
    OpenRoom,
    events_of,
    planned_mu,
    recorded_mu,
    unwritable,
    with_fault,
)

from isoguide.course import ProtocolAction
from isoguide.errors import (
    ImageLostError,
    MismatchError,
    MissingEvidenceError,
)
from isoguide.geometry.correction import CouchCorrection
from isoguide.records import ConflictError
from isoguide.treatment import State
from isoguide.treatment.refusals import OrderError, OutOfOrderError, PositionError, RefusedError
from isoguide.workflow.clinic.kept_fraction import KeptFraction, kept_text
from isoguide.workflow.clinic.room_drive import RoomDrive
from isoguide.workflow.clinic.room_events import FractionChanged
from isoguide.workflow.clinic.virtual_station import VirtualStation


@pytest.fixture
def d(open_room: OpenRoom) -> Iterator[ConnectedDepartment]:
    with open_room() as department:
        yield department


class TestAWholeFraction:
    def test_brings_the_patient_to_his_place_and_delivers_the_plan_in_the_time_that_this_takes(
        self, d: ConnectedDepartment
    ) -> None:
        d.begin()
        d.drive.set_up(by="anna")
        status = d.drive.image(by="anna")
        assert status.state is State.ALIGNED
        assert status.decision.action is ProtocolAction.CORRECT
        # The patient lies 4 mm to his left, 3 mm to his front and 2 mm to his head: head first supine those
        # are +X, +Z and +Y of the room, and the couch has to undo them.
        found = status.stored.matches[-1].correction
        assert found.lateral_mm == pytest.approx(-4.0, abs=0.5)
        assert found.longitudinal_mm == pytest.approx(-2.0, abs=0.5)
        assert found.vertical_mm == pytest.approx(-3.0, abs=0.5)
        d.drive.approve(by=["anna"])
        assert d.drive.carry_out(by="anna").state is State.VERIFIED
        assert np.linalg.norm(d.station.target().position_mm) < 0.8
        began_s = d.clock.seconds
        d.beam_on(1000.0)
        status = d.drive.desk.status(COURSE)
        assert status.state is State.CLOSED
        assert status.delivered_mu == pytest.approx(status.planned_mu, abs=0.5)
        # Not faster than the plan's monitor units at four times 600 MU/min.
        assert d.clock.seconds - began_s >= status.planned_mu / 40.0
        assert d.is_off
        assert d.desk.records.verify_audit().is_intact

    def test_of_a_day_with_a_systematic_correction_drives_it_at_set_up(self, d: ConnectedDepartment) -> None:
        offline = CouchCorrection(2.0, -1.0, 0.5)
        d.desk.records.begin_fraction(COURSE, 1, by="anna", memory=kept_text(KeptFraction(offline=offline)))
        status = d.drive.set_up(by="anna")
        assert status.state is State.SET_UP
        couch = d.station.couch().pose
        assert (couch.lateral_mm, couch.longitudinal_mm, couch.vertical_mm) == pytest.approx(
            (2.0, 849.0, -119.5), abs=0.1
        )

    def test_is_told_to_whoever_listens_step_by_step(self, d: ConnectedDepartment) -> None:
        with d.events.subscribed() as subscription:
            d.irradiate(1.0)
            d.run(1000.0)
            d.drive.state()
            found: list[FractionChanged] = []
            while not found or found[-1].state != "closed":
                event = subscription.get(timeout_s=10.0)
                assert event is not None
                # That it was begun, version 1, is told or not: the room looks at the records when it likes.
                found += [event] if isinstance(event, FractionChanged) and event.version > 1 else []
        assert [one.state for one in found] == [
            "set up",
            "verified",
            "beam on",
            "delivered",
            "closed",
        ]
        assert [one.version for one in found] == [2, 3, 4, 5, 6]
        assert {(one.course_id, one.number, one.by) for one in found} == {(COURSE, 1, "anna")}


class TestAMatchByHand:
    def test_is_made_with_the_couch_as_the_room_reads_it(self, d: ConnectedDepartment) -> None:
        d.begin()
        d.drive.set_up(by="anna")
        seen = d.drive.image(by="anna").stored
        placed = np.array(seen.matches[-1].planning_from_daily)
        placed[0, 3] += 0.4
        status = d.drive.make(
            lambda desk, couch: desk.match_by_hand(COURSE, placed, by="anna", couch=couch),
            seen_version=seen.version,
        )
        assert len(status.stored.matches) == 2
        assert d.drive.state().version == status.stored.version
        d.station.drive_couch(replace(d.station.couch().pose, lateral_mm=5.0))
        with pytest.raises(PositionError, match="the couch was moved since the image"):
            d.drive.make(lambda desk, couch: desk.match_by_engine(COURSE, by="anna", couch=couch))


class TestOneStepAtATime:
    def test_is_refused_when_it_rests_on_an_earlier_version(self, d: ConnectedDepartment) -> None:
        d.begin("fraction of NAL")
        before = d.clock.seconds
        for step in (d.drive.set_up, d.drive.image, d.drive.carry_out):
            with pytest.raises(ConflictError, match="nothing was done"):
                step(by="anna", seen_version=7)
        for beam in (d.drive.beam_on, d.drive.resume):
            with pytest.raises(ConflictError, match="nothing was done"):
                beam(by="anna", session=CONSOLE, seen_version=7)
        assert d.clock.seconds == before
        assert d.drive.set_up(by="anna", seen_version=1).state is State.SET_UP

    def test_is_refused_by_somebody_who_is_not_on_the_staff(self, d: ConnectedDepartment) -> None:
        d.begin("fraction of NAL")
        for step in (d.drive.set_up, d.drive.image, d.drive.carry_out, d.drive.finish):
            with pytest.raises(MissingEvidenceError, match="eve"):
                step(by="eve")
        with pytest.raises(MissingEvidenceError, match="eve"):
            d.drive.beam_on(by="eve", session=CONSOLE)
        assert events_of(d) == []

    def test_a_second_step_is_refused_while_one_is_made(self, d: ConnectedDepartment) -> None:
        d.begin()
        d.drive.set_up(by="anna")
        d.clock.stop_in(0.1)
        thread = threading.Thread(target=lambda: d.drive.image(by="anna"))
        thread.start()
        d.clock.run(0.1)
        with pytest.raises(RefusedError, match="another step of this fraction is being made"):
            d.drive.approve(by=["anna"])
        d.clock.stop_in(np.inf)
        thread.join()
        assert d.drive.desk.status(COURSE).state is State.ALIGNED

    def test_a_room_of_another_course_is_refused(self, d: ConnectedDepartment) -> None:
        with pytest.raises(MismatchError, match="is not for course C0002"):
            RoomDrive(d.desk, d.station, "C0002")

    def test_the_desk_makes_no_step_while_the_beam_is_on(self, d: ConnectedDepartment) -> None:
        d.irradiate()
        at_desk = d.drive.desk
        with pytest.raises(RefusedError, match=r"the beam of course C0001 is on.*hold it"):
            at_desk.stop(COURSE, by="ben", reason="a word")
        for step in (d.drive.set_up, d.drive.image, d.drive.carry_out, d.drive.finish):
            with pytest.raises(RefusedError, match="the beam is on"):
                step(by="ben")
        assert events_of(d)[-1] == "turn beam on"

    def test_nothing_is_set_up_twice(self, d: ConnectedDepartment) -> None:
        d.begin()
        d.drive.set_up(by="anna")
        with pytest.raises(OutOfOrderError, match="set up to the marks"):
            d.drive.set_up(by="anna")


class TestImaging:
    def test_an_image_that_is_lost_counts_as_an_exposure_and_nothing_rests_on_the_one_before(
        self, open_room: OpenRoom
    ) -> None:
        with open_room(file=with_fault(name="image-lost", occurrence=2)) as d:
            d.begin()
            d.drive.set_up(by="anna")
            left = d.drive.image(by="anna").images_left
            d.drive.approve(by=["anna"])
            with pytest.raises(ImageLostError, match="no image came of it"):
                d.drive.image(by="anna")
            status = d.drive.desk.status(COURSE)
            assert (status.state, status.images_left) == (State.SET_UP, left - 1)
            with pytest.raises(RefusedError):
                d.drive.carry_out(by="anna")
            assert d.drive.state().reason == "the exposure was made but no image came of it"

    def test_an_image_that_cannot_be_used_counts_as_an_exposure(
        self, d: ConnectedDepartment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        d.begin()
        d.drive.set_up(by="anna")

        def nothing_written(_station: VirtualStation, folder: Path) -> Path:
            return folder

        monkeypatch.setattr(VirtualStation, "take_image", nothing_written)
        left = d.drive.desk.status(COURSE).images_left
        with pytest.raises(MissingEvidenceError):
            d.drive.image(by="anna")
        assert d.drive.desk.status(COURSE).images_left == left - 1
        assert events_of(d)[-1] == "no valid image"

    def test_an_image_of_another_patient_is_refused(self, open_room: OpenRoom) -> None:
        with open_room(file=with_fault(name="wrong-patient-image")) as d:
            d.begin()
            d.drive.set_up(by="anna")
            with pytest.raises(MismatchError, match="patient"):
                d.drive.image(by="anna")
            assert events_of(d)[-1] == "no valid image"

    def test_nobody_is_exposed_when_no_image_may_be_taken(self, d: ConnectedDepartment) -> None:
        d.begin()
        before = d.clock.seconds
        with pytest.raises(OutOfOrderError):
            d.drive.image(by="anna")
        assert d.clock.seconds == before


class TestMovingTheCouch:
    def test_an_order_is_carried_out_once(self, d: ConnectedDepartment) -> None:
        d.begin()
        d.drive.set_up(by="anna")
        d.drive.image(by="anna")
        d.drive.approve(by=["anna"])
        d.drive.carry_out(by="anna")
        couch = d.station.couch().pose
        with pytest.raises(OutOfOrderError):
            d.drive.carry_out(by="anna")
        assert d.station.couch().pose == couch

    def test_an_order_that_has_expired_moves_nothing(self, d: ConnectedDepartment) -> None:
        d.begin()
        d.drive.set_up(by="anna")
        d.drive.image(by="anna")
        d.drive.approve(by=["anna"])
        couch = d.station.couch().pose
        d.clock.wait(301.0)
        with pytest.raises(OrderError, match="expired"):
            d.drive.carry_out(by="anna")
        assert d.station.couch().pose == couch

    def test_a_couch_that_stops_short_is_not_in_place(self, open_room: OpenRoom) -> None:
        with open_room(file=with_fault(name="couch-stops-short")) as d:
            d.begin()
            d.drive.set_up(by="anna")
            d.drive.image(by="anna")
            d.drive.approve(by=["anna"])
            with pytest.raises(PositionError, match="not where it was sent"):
                d.drive.carry_out(by="anna")
            assert d.drive.desk.status(COURSE).state is State.SET_UP
            with pytest.raises(RefusedError):
                d.drive.beam_on(by="anna", session=CONSOLE)
            assert d.is_off


class TestARestart:
    def test_places_the_patient_where_the_couch_stood_and_the_fraction_goes_on(
        self, d: ConnectedDepartment
    ) -> None:
        d.begin()
        d.drive.set_up(by="anna")
        d.drive.image(by="anna")
        d.drive.approve(by=["anna"])
        d.drive.carry_out(by="anna")
        target_mm = d.station.target().position_mm
        d.beam_on(2.0)
        d.meanwhile(lambda: d.drive.hold(reason="a pause", by="anna"))
        given_mu = recorded_mu(d)
        station = VirtualStation(d.station.file, d.desk, d.clock)
        station.prepare()
        d.station = station
        with RoomDrive(d.desk, station, COURSE) as d.drive:
            assert d.drive.take_over().state is State.HELD
            assert station.target().position_mm == pytest.approx(target_mm, abs=0.05)
            assert station.look().beam.delivered_mu == pytest.approx(given_mu, abs=0.01)
            d.beam_on(1000.0, d.drive.resume)
            assert d.drive.desk.status(COURSE).state is State.CLOSED
        assert recorded_mu(d) == pytest.approx(planned_mu(d), abs=0.5)

    def test_after_the_process_was_killed_during_the_beam_ends_the_fraction_because_nobody_knows_the_dose(
        self, d: ConnectedDepartment
    ) -> None:
        d.irradiate(2.0)
        with pytest.MonkeyPatch.context() as broken:
            unwritable(broken)  # so that the records are as a killed process leaves them
            d.meanwhile(d.drive.close)
        station = VirtualStation(d.station.file, d.desk, d.clock)
        station.prepare()
        with RoomDrive(d.desk, station, COURSE) as again:
            status = again.take_over()
            assert status.state is State.STOPPED
            assert "isoguide was restarted while the beam was on" in status.reason
            assert "what it delivered is not known" in status.reason
            assert again.state().beam == "unknown"

    def test_without_a_fraction_under_way_has_nothing_to_take_over(self, d: ConnectedDepartment) -> None:
        assert d.drive.take_over() is None
        assert d.drive.state().key is None


class TestTheStateOfTheRoom:
    def test_is_sent_to_whoever_listens_as_long_as_the_room_is_open(self, d: ConnectedDepartment) -> None:
        with d.events.subscribed() as subscription:
            assert subscription.get(20.0).room == "virtual room"
            d.drive.close()
        assert d.events._looks == ()

    def test_shows_the_couch_axis_by_axis_beside_where_it_has_to_stand(self, d: ConnectedDepartment) -> None:
        d.begin()
        assert d.drive.state().expected_couch is None
        d.drive.set_up(by="anna")
        assert d.drive.state().is_couch_in_place is True
        d.station.drive_couch(replace(d.station.couch().pose, lateral_mm=2.0))
        shown = d.drive.state()
        assert shown.is_couch_in_place is False
        off = {one.axis: (one.expected, one.read) for one in shown.differences if not one.is_in_tolerance}
        assert off == {"lateral_mm": (0.0, 2.0)}

    def test_is_unknown_for_a_beam_that_does_not_answer(self, d: ConnectedDepartment) -> None:
        d.station._has_lost_count = True
        assert d.drive.state().beam == "unknown"

    def test_follows_a_step_that_was_made_at_another_desk(self, d: ConnectedDepartment) -> None:
        d.begin()
        d.drive.set_up(by="anna")
        assert d.drive.state().state == "set up"
        d.drive.desk.stop(COURSE, by="berg", reason="the patient left")
        d.clock.wait(1.1)
        shown = d.drive.state()
        assert (shown.state, shown.reason) == ("stopped", "the patient left")

    def test_counts_its_messages(self, d: ConnectedDepartment) -> None:
        assert [d.drive.state().sequence for _ in range(3)] == [1, 2, 3]
