"""Counting guesses: under many threads, with many names, and with a clock that goes back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from signed_in_client import SetClock

from isoguide.service import rate_limit
from isoguide.service.rate_limit import GuessLimit, TokenBucket
from isoguide.service.refusals import TooManyError


def test_a_thousand_guesses_at_once_are_five() -> None:
    limit = GuessLimit(5, SetClock())

    def guess(_number: int) -> bool:
        try:
            limit.take("anna")
        except TooManyError:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(guess, range(1000))) == 5


def test_the_fifth_guess_says_what_it_costs_and_the_wait_names_its_rest_rounded_up() -> None:
    clock = SetClock()
    limit = GuessLimit(5, clock)
    assert [limit.take("anna") for _ in range(5)] == [timedelta()] * 4 + [timedelta(seconds=2)]
    clock.wait(milliseconds=600)
    with pytest.raises(TooManyError, match="try again in 2 s") as refused:
        limit.take("anna")
    assert refused.value.retry_after_s == pytest.approx(1.4)


def test_a_right_guess_costs_the_others_of_its_computer_nothing() -> None:
    limit = GuessLimit(2, SetClock())
    for _ in range(10):
        assert limit.take("192.0.2.7") == timedelta()
        limit.give_back("192.0.2.7")
    limit.give_back("192.0.2.8")
    assert limit.take("192.0.2.8") == timedelta()


def test_the_memory_of_names_has_an_end_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MOST_KEYS", 3)
    limit = GuessLimit(1, SetClock())
    for name in ("anna", "ben", "carl", "dora"):
        limit.take(name)
    limit.take("anna")
    with pytest.raises(TooManyError):
        limit.take("dora")


def test_a_clock_that_goes_back_gives_no_requests() -> None:
    clock = SetClock()
    bucket = TokenBucket(clock(), tokens=1.0)
    bucket.take(clock())
    clock.wait(hours=-1)
    with pytest.raises(TooManyError):
        bucket.take(clock())
