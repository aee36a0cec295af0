"""Frames of whatever watches: each with the time of its exposure, none early, and every fault as it says."""

from datetime import timedelta

import numpy as np
import pytest
from room_parts import link

from isoguide.errors import InputError, LinkLostError
from isoguide.motion.sample import TargetSample, Unseen
from isoguide.virtual.faults import Fault
from isoguide.virtual.room_settings import Latency
from isoguide.virtual.watch_frames import WatchingDevice


class Eye(WatchingDevice[float]):
    """Sees a target that goes 1 mm in a second along the couch; 99 is a picture without a marker."""

    prepared = 0

    def _prepare(self) -> None:
        self.prepared += 1
        self._clock.wait(5.0)

    def _picture(self, at_s):
        return at_s

    def _seen(self, picture, at, number):
        if picture == -1.0:
            raise InputError("the frames contradict each other")
        if picture == 99.0:
            return Unseen(at, number, self.source, "no marker")
        position_mm = np.array([0.0, picture, 0.0])
        return TargetSample(position_mm, np.eye(3), at, number, self.source, 1.0, "a test")

    def _without_marker(self, picture):
        return 99.0

    def _saturated(self, picture):
        return -1.0


def eye_with(*faults: Fault, delay_s: float = 0.12, per_s: float = 10.0) -> tuple[Eye, object]:
    hung = link("monitor", faults)
    eye = Eye(hung, per_s, Latency(delay_s), "an eye")
    eye.start()
    return eye, hung.clock


def looked(eye: Eye, clock, seconds: float, every_s: float = 0.05) -> list[tuple[float, object]]:
    """Ask as a gate does; returns when something was said, and what."""
    began_s, said = clock.seconds, []
    for _ in range(round(seconds / every_s)):
        clock.wait(every_s)
        said += [(clock.seconds - began_s, one) for one in eye.take(clock.now())]
    return said


def age_s(at_s: float, clock, one) -> float:
    return 5.0 + at_s - (one.at - clock.at(0.0)).total_seconds()


def test_it_prepares_first_and_that_may_take_its_time():
    eye, clock = eye_with()
    assert eye.prepared == 1
    assert clock.seconds == pytest.approx(5.0)


def test_every_frame_says_when_it_was_exposed_and_arrives_after_its_delay():
    eye, clock = eye_with()
    said = looked(eye, clock, 3.0)
    assert len(said) == 29  # 10 in a second; the last two are under way
    for arrived_s, one in said:
        assert 0.12 - 1e-6 <= age_s(arrived_s, clock, one) <= 0.15 + 1e-6
        exposed_s = (one.at - clock.at(0.0)).total_seconds()
        assert one.position_mm[1] == pytest.approx(exposed_s, abs=1e-5)
    assert [one.number for _, one in said] == list(range(1, 30))
    assert {one.source for _, one in said} == {"an eye"}


def test_it_says_nothing_before_it_watches_and_after_it_has_stopped():
    hung = link("monitor")
    eye = Eye(hung, 10.0, Latency(), "an eye")
    hung.clock.wait(1.0)
    assert eye.take(hung.clock.now()) == []
    eye.start()
    assert looked(eye, hung.clock, 1.0)
    eye.stop()
    eye.stop()
    assert looked(eye, hung.clock, 1.0) == []


def test_started_anew_it_forgets_what_was_under_way_and_counts_on():
    eye, clock = eye_with(delay_s=1.0)
    looked(eye, clock, 0.5)
    newest = eye._number
    eye.start()
    said = looked(eye, clock, 1.5)
    assert min(one.number for _, one in said) == newest + 1
    assert all((one.at - clock.at(0.0)).total_seconds() >= 10.0 for _, one in said)


class TestFaults:
    def test_a_lost_frame_is_missing_by_its_number(self) -> None:
        eye, clock = eye_with(Fault("frames-lost", occurrence=5, times=2))
        numbers = [one.number for _, one in looked(eye, clock, 1.5)]
        assert numbers == [1, 2, 3, 4, *range(7, 15)]

    def test_a_late_frame_arrives_late_with_the_time_of_its_exposure(self) -> None:
        eye, clock = eye_with(Fault("frames-late", occurrence=5, size=0.7))
        said = looked(eye, clock, 2.0)
        (arrived_s,) = (at_s for at_s, one in said if one.number == 5)
        (late,) = (one for _, one in said if one.number == 5)
        assert age_s(arrived_s, clock, late) == pytest.approx(0.82, abs=0.051)

    def test_frames_out_of_order_arrive_so(self) -> None:
        eye, clock = eye_with(Fault("frames-out-of-order", occurrence=5))
        assert [one.number for _, one in looked(eye, clock, 1.0)][3:7] == [4, 6, 5, 7]

    def test_a_repeated_frame_is_the_same_again(self) -> None:
        eye, clock = eye_with(Fault("frames-repeated", occurrence=5, times=2))
        said = [one for _, one in looked(eye, clock, 1.0)]
        assert said[4] is said[3]
        assert said[5] is said[3]
        assert said[6].number == 7

    def test_a_frozen_picture_has_a_new_number_and_time(self) -> None:
        eye, clock = eye_with(Fault("frames-frozen", occurrence=5, times=2))
        said = [one for _, one in looked(eye, clock, 1.0)]
        assert [one.number for one in said] == list(range(1, 10))
        assert said[4].position_mm[1] == said[5].position_mm[1] == said[3].position_mm[1]
        assert said[5].at - said[3].at == timedelta(seconds=0.2)

    @pytest.mark.parametrize(("size", "off_s"), [(None, 1.0), (-0.4, -0.4)])
    def test_a_clock_that_is_off_states_other_times(self, size, off_s) -> None:
        eye, clock = eye_with(Fault("clock-off", times=None, size=size))
        for _, one in looked(eye, clock, 0.5):
            true_s = one.position_mm[1]
            assert (one.at - clock.at(0.0)).total_seconds() - true_s == pytest.approx(off_s, abs=1e-5)

    @pytest.mark.parametrize(("size", "count"), [(None, 3), (2.0, 5)])
    def test_a_slow_device_makes_few_frames(self, size, count) -> None:
        eye, clock = eye_with(Fault("frames-slow", times=None, size=size), delay_s=0.0)
        assert len(looked(eye, clock, 2.4)) == count

    def test_a_vanished_marker_is_not_seen(self) -> None:
        eye, clock = eye_with(Fault("marker-vanished", occurrence=3))
        said = [one for _, one in looked(eye, clock, 1.0)]
        assert said[2] == Unseen(said[2].at, 3, "an eye", "no marker")

    def test_a_picture_of_which_nothing_can_be_made_is_a_frame_without_the_target(self) -> None:
        eye, clock = eye_with(Fault("picture-saturated", occurrence=3))
        said = [one for _, one in looked(eye, clock, 1.0)]
        assert said[2].reason == "the frames contradict each other"

    def test_markers_that_are_swapped_change_nothing_where_there_is_one(self) -> None:
        eye, clock = eye_with(Fault("markers-swapped", times=None))
        assert all(isinstance(one, TargetSample) for _, one in looked(eye, clock, 1.0))

    def test_a_broken_link_says_nothing(self) -> None:
        eye, clock = eye_with(Fault("link-broken", device="monitor", occurrence=4))
        with pytest.raises(LinkLostError, match="the monitor does not answer"):
            looked(eye, clock, 1.0)
        with pytest.raises(LinkLostError):
            eye_with(Fault("link-broken", device="monitor"))
