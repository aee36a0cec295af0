"""What was read or computed for pictures, kept as long as there is room; each made once, whoever asks."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field, fields, is_dataclass
from threading import Lock
from typing import TypeVar, cast

import numpy as np

from isoguide.errors import InputError

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    value: object
    size_bytes: int


@dataclass(eq=False)
class PictureCache:
    """Values by key, those used last kept while all together stay below a limit; for any number of threads.

    When several threads ask for what is not there, the first makes it and the others wait for it. What could
    not be made is not kept: who asks again tries again.

    Parameters
    ----------
    limit_bytes
        Room for all values together. The value that was made last is kept even where it takes more.

    Raises
    ------
    InputError
        If the limit is not positive.
    """

    limit_bytes: int
    _values: "OrderedDict[Hashable, Future[_Kept]]" = field(default_factory=OrderedDict, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def __post_init__(self) -> None:
        if self.limit_bytes <= 0:
            msg = f"the room for pictures must be positive, not {self.limit_bytes} bytes"
            raise InputError(msg)

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Return the value of a key; ``make`` is called, by one thread at a time, where there is none.

        A key has to say everything that the value rests on. ``make`` may ask for other keys.
        """
        with self._lock:
            future = self._values.get(key)
            is_mine = future is None
            if future is None:
                future = self._values[key] = Future()
            self._values.move_to_end(key)
        if is_mine:
            self._make(key, future, make)
        return cast("_T", future.result().value)

    def known(self, key: Hashable, kind: type[_T]) -> _T | None:
        """Return the value of a key if it is there and of a kind; nothing is made or waited for."""
        with self._lock:
            future = self._values.get(key)
            if future is None or not future.done() or future.exception() is not None:
                return None
            self._values.move_to_end(key)
        value = future.result().value
        return value if isinstance(value, kind) else None

    def keep(self, key: Hashable, value: object) -> None:
        """Put a value under a key, in the place of one that is there."""
        future: Future[_Kept] = Future()
        future.set_result(_Kept(value, array_bytes(value)))
        with self._lock:
            self._values[key] = future
            self._values.move_to_end(key)
        self._drop_oldest(key)

    @property
    def size_bytes(self) -> int:
        """What all values take that are made."""
        with self._lock:
            return sum(_size(future) for future in self._values.values())

    def _make(self, key: Hashable, future: "Future[_Kept]", make: Callable[[], object]) -> None:
        try:
            value = make()
            made = _Kept(value, array_bytes(value))
        except BaseException as error:  # noqa: BLE001 - whoever waits has to hear of it, whatever it was
            with self._lock:
                self._values.pop(key, None)
            future.set_exception(error)
            return
        future.set_result(made)
        self._drop_oldest(key)

    def _drop_oldest(self, newest: Hashable) -> None:
        with self._lock:
            total = sum(_size(future) for future in self._values.values())
            for key in list(self._values):
                if total <= self.limit_bytes:
                    return
                if key != newest and self._values[key].done():
                    total -= _size(self._values.pop(key))


def _size(future: "Future[_Kept]") -> int:
    """Bytes of a value; 0 while it is being made, or when it could not be made."""
    return future.result().size_bytes if future.done() and future.exception() is None else 0


def array_bytes(value: object) -> int:
    """Return the bytes of all arrays and buffers in a value, its data classes and its tuples, each once."""
    seen: dict[int, int] = {}
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = 0
        if isinstance(one, np.ndarray | memoryview):
            seen[id(one)] = one.nbytes
        elif isinstance(one, bytes):
            seen[id(one)] = len(one)
        elif isinstance(one, tuple | list):
            waiting += one
        elif is_dataclass(one):
            waiting += [getattr(one, part.name) for part in fields(one)]
    return sum(seen.values())
