"""The clocks of the virtual room: virtual, real, and of one day."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from isoguide.errors import InputError
from isoguide.virtual.clock import DayClock, RealTimeClock, VirtualClock

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Wall:
    """The time of a person, which passes while somebody sleeps, a little less than was asked for."""

    def __init__(self) -> None:
        self.at_s, self.slept_s = 1234.5, []

    def __call__(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.at_s += max(0.9 * seconds, 0.001)


def real(speed: float = 1.0) -> tuple[RealTimeClock, Wall]:
    wall = Wall()
    return RealTimeClock(MORNING, speed=speed, monotonic=wall, sleep=wall.sleep), wall


class TestRealTime:
    def test_passes_by_itself(self) -> None:
        clock, wall = real()
        wall.at_s += 2.5
        assert clock.seconds == pytest.approx(2.5)
        assert clock.now() == MORNING + timedelta(seconds=2.5)
        assert clock.at(1.0) == MORNING + timedelta(seconds=1)

    def test_a_wait_ends_when_the_time_has_passed_and_not_before(self) -> None:
        clock, wall = real()
        clock.wait(10.0)
        assert clock.seconds >= 10.0
        assert wall.slept_s[0] == pytest.approx(10.0)
        assert clock.seconds < 10.1

    def test_twice_as_fast_a_person_waits_half_as_long(self) -> None:
        clock, wall = real(speed=2.0)
        began_s = wall.at_s
        clock.wait(10.0)
        assert wall.at_s - began_s == pytest.approx(5.0, abs=0.01)

    def test_no_wait_sleeps_not_at_all(self) -> None:
        clock, wall = real()
        clock.wait(0.0)
        assert wall.slept_s == []

    def test_really_passes(self) -> None:
        clock = RealTimeClock(MORNING)
        first = clock.now()
        clock.wait(0.001)
        assert clock.now() - first >= timedelta(microseconds=999)

    @pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
    def test_does_not_stand_or_go_backwards(self, speed: float) -> None:
        with pytest.raises(InputError, match="the speed of the clock has to be a positive number"):
            RealTimeClock(MORNING, speed=speed)

    def test_needs_a_time_zone(self) -> None:
        with pytest.raises(InputError, match="time zone"):
            RealTimeClock(MORNING.replace(tzinfo=None))


@pytest.mark.parametrize("seconds", [-0.1, float("nan"), float("inf")])
def test_no_clock_waits_for_a_time_that_cannot_be(seconds: float) -> None:
    clock, _ = real()
    lock = threading.Lock()
    lock.acquire()
    for one in (clock, VirtualClock(MORNING), DayClock(VirtualClock(MORNING), lock)):
        with pytest.raises(InputError, match="zero or more"):
            one.wait(seconds)


class TestADay:
    def test_begins_with_second_0_and_has_the_time_of_the_clock_behind_it(self) -> None:
        clock, lock = VirtualClock(MORNING), threading.Lock()
        clock.wait(100.0)
        day = DayClock(clock, lock)
        assert (day.seconds, day.now()) == (0.0, MORNING + timedelta(seconds=100))
        with lock:
            day.wait(5.0)
        assert (day.seconds, clock.seconds) == (5.0, 105.0)
        assert day.now() == clock.now() == day.at(5.0)

    def test_lets_others_look_at_the_room_while_a_device_works(self) -> None:
        lock = threading.Lock()
        was_free = []

        class Working(VirtualClock):
            def wait(self, seconds: float) -> None:
                was_free.append(not lock.locked())
                super().wait(seconds)

        day = DayClock(Working(MORNING), lock)
        with lock:
            day.wait(1.0)
            assert lock.locked()
        assert was_free == [True]
