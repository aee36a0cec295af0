"""Work cut into fixed pieces: everything is done once, and the pieces do not depend on the machine."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from isoguide.kernels import chunks
from isoguide.kernels.chunks import CHUNKS, run_chunked


def pieces_of(count):
    called = []
    run_chunked(lambda start, stop: called.append((start, stop)), count)
    return sorted(called)


@pytest.mark.parametrize("count", [1, 5, CHUNKS, CHUNKS + 1, 1000])
def test_every_item_is_worked_on_exactly_once(count):
    assert [item for start, stop in pieces_of(count) for item in range(start, stop)] == list(range(count))


def test_no_item_means_no_call():
    assert pieces_of(0) == []


def test_the_pieces_are_the_same_with_one_worker(monkeypatch):
    usual = pieces_of(100)
    with ThreadPoolExecutor(1) as alone:
        monkeypatch.setattr(chunks, "_pool", lambda: alone)
        assert pieces_of(100) == usual
    assert len(usual) == CHUNKS


def test_an_error_in_a_piece_reaches_the_caller():
    def fail(start, stop):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_chunked(fail, 3)


def test_a_system_that_does_not_tell_its_affinity_is_asked_for_its_cores(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    with chunks._pool.__wrapped__() as pool:
        assert pool._max_workers == CHUNKS
