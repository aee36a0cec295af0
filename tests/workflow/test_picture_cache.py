"""The cache of pictures: made once, bounded, and never a value of another key."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import numpy as np
import pytest

from isoguide.errors import InputError, UnreadableError
from isoguide.workflow.clinic.pictures.picture_cache import PictureCache, array_bytes


def test_two_users_who_open_the_same_fraction_read_it_once() -> None:
    cache, may_go_on, began = PictureCache(1000), Event(), Event()
    made = []

    def make() -> str:
        began.set()
        assert may_go_on.wait(10.0)
        made.append(1)
        return "volume"

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(cache.get, "key", make) for _ in range(4)]
        assert began.wait(10.0)
        may_go_on.set()
        assert {one.result() for one in waiting} == {"volume"}
    assert made == [1]


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = PictureCache(250)
    made = []

    def ask(name: str) -> None:
        def make() -> bytes:
            made.append(name)
            return bytes(100)

        cache.get(name, make)

    for name in ("a", "b", "a", "c", "a", "b"):
        ask(name)
    assert made == ["a", "b", "c", "b"]
    assert cache.size_bytes <= 250


def test_a_value_larger_than_all_room_is_still_given() -> None:
    cache = PictureCache(10)
    assert len(cache.get("large", lambda: bytes(100))) == 100


def test_what_could_not_be_read_is_tried_again() -> None:
    cache = PictureCache(10)

    def damaged() -> str:
        msg = "the image is missing"
        raise UnreadableError(msg)

    with pytest.raises(UnreadableError, match="missing"):
        cache.get("key", damaged)
    assert cache.get("key", lambda: "restored") == "restored"


def test_a_value_may_rest_on_another() -> None:
    cache = PictureCache(10)
    assert cache.get("outer", lambda: cache.get("inner", lambda: 1) + 1) == 2


def test_no_room_is_refused() -> None:
    with pytest.raises(InputError, match="must be positive"):
        PictureCache(0)


@dataclass(frozen=True)
class Holder:
    first: np.ndarray
    both: tuple[np.ndarray, bytes]


def test_arrays_are_counted_once() -> None:
    array = np.zeros(8)
    assert array_bytes(Holder(array, (array, b"12"))) == 64 + 2
    assert array_bytes([memoryview(b"123")]) == 3
