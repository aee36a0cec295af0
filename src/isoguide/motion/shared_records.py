"""Sightings and decisions as records of fixed length in memory that two processes share.

Each record bears its number and a checksum: one that is half written, old or overwritten is never taken for
another. One process writes a kind of record, one reads it, and neither ever waits for the other.
"""

import ctypes
import math
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final

import numpy as np

from isoguide.errors import DeviceError
from isoguide.geometry.frames import Array
from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.sample import Sighting, TargetSample, Unseen

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SOURCE_BYTES, WORDS_BYTES, REASON_BYTES = 96, 320, 480
"""Longer texts are cut."""
STATES: Final = tuple(GateState)
ATTEMPTS: Final = 20
"""How often a record that is being overwritten is read again."""

_SIGHTING: Final = struct.Struct(f"=Bqqd3d9dB3d{SOURCE_BYTES}s{WORDS_BYTES}s")
_DECISION: Final = struct.Struct(f"=qddqBd3dd3dq{REASON_BYTES}s{_SIGHTING.size}s")
_ORDER: Final = struct.Struct("=qqdd")
_FRAME: Final = struct.Struct("=qI")
_NO_PLACE: Final = (math.nan,) * 3


class GarbledMemoryError(DeviceError):
    """What stands in the shared memory is no record of ours."""


class OrderKind(IntEnum):
    """What the process that reads decisions may want of the one that makes them."""

    NONE = 0
    ARM = 1
    END = 2
    QUIT = 3


@dataclass(frozen=True, slots=True)
class Order:
    """An order, and how the time of the room follows from the monotonic clock of the computer."""

    kind: OrderKind
    room_time: datetime
    monotonic_s: float
    speed: float

    def room_time_at(self, monotonic_s: float) -> datetime:
        """Return the time of the room, aware, at a monotonic time."""
        return self.room_time + timedelta(seconds=self.speed * (monotonic_s - self.monotonic_s))


@dataclass(frozen=True, slots=True)
class WrittenDecision:
    """A decision with what only the two processes have to know: monotonic seconds, and the order it obeys."""

    decision: GateDecision
    written_s: float
    permit_until_s: float
    order: int


class _Slots:
    """A few records that are written in turn; the newest one has the number in ``head``."""

    def __init__(self, memory: "ctypes.Array[ctypes.c_char]", head_at: int, at: int, shape: tuple[int, int]):
        self.count, self.size = shape
        self._head = ctypes.c_int64.from_buffer(memory, head_at)
        self._view = memoryview(memory).cast("B")[at : at + self.count * self._stride]

    @property
    def _stride(self) -> int:
        return _FRAME.size + self.size

    @property
    def newest(self) -> int:
        """Number of the newest record, 0 before the first."""
        return int(self._head.value)

    def write(self, record: bytes) -> None:
        number = self.newest + 1
        start = number % self.count * self._stride
        self._view[start : start + self._stride] = _FRAME.pack(number, _checksum(number, record)) + record
        self._head.value = number

    def read(self, number: int) -> bytes | None:
        """Return a record; None if it is not whole, or another one."""
        start = number % self.count * self._stride
        whole = bytes(self._view[start : start + self._stride])
        found, checksum = _FRAME.unpack_from(whole)
        record = whole[_FRAME.size :]
        return record if found == number and checksum == _checksum(number, record) else None

    def read_newest(self) -> bytes:
        for _ in range(ATTEMPTS):
            record = self.read(self.newest)
            if record is not None:
                return record
        msg = "the memory that the monitor shares is garbled"
        raise GarbledMemoryError(msg)


class SharedRecords:
    """All that the two processes share, over memory of :meth:`size` bytes.

    Parameters
    ----------
    memory
        From :func:`multiprocessing.RawArray`, of zeros at first.
    """

    FRAMES: Final = 128
    _HEADS: Final = 40

    def __init__(self, memory: "ctypes.Array[ctypes.c_char]") -> None:
        self._beat = ctypes.c_double.from_buffer(memory, 0)
        self._taken = ctypes.c_int64.from_buffer(memory, 8)
        at = self._HEADS
        self._orders = _Slots(memory, 16, at, (4, _ORDER.size))
        at += 4 * (_FRAME.size + _ORDER.size)
        self._decisions = _Slots(memory, 24, at, (4, _DECISION.size))
        at += 4 * (_FRAME.size + _DECISION.size)
        self._frames = _Slots(memory, 32, at, (self.FRAMES, _SIGHTING.size))

    @classmethod
    def size(cls) -> int:
        """Bytes of memory that are needed."""
        records = 4 * _ORDER.size + 4 * _DECISION.size + cls.FRAMES * _SIGHTING.size
        return cls._HEADS + records + (8 + cls.FRAMES) * _FRAME.size

    @property
    def beat_s(self) -> float:
        """When decisions were read last, monotonic seconds."""
        return float(self._beat.value)

    @beat_s.setter
    def beat_s(self, monotonic_s: float) -> None:
        self._beat.value = monotonic_s

    def write_order(self, order: Order) -> int:
        """Give an order, and return its number."""
        self._orders.write(
            _ORDER.pack(order.kind, _microseconds(order.room_time), order.monotonic_s, order.speed)
        )
        return self._orders.newest

    def newest_order(self) -> int:
        """Return the number of the last order, 0 before the first."""
        return self._orders.newest

    def read_order(self) -> Order:
        """Return the last order.

        Raises
        ------
        GarbledMemoryError
            If there is none.
        """
        kind, microseconds, monotonic_s, speed = _ORDER.unpack(self._orders.read_newest())
        return Order(OrderKind(kind), _time(microseconds), monotonic_s, speed)

    def write_decision(self, written: WrittenDecision) -> None:
        """Hand a decision to the other process."""
        self._decisions.write(_pack_decision(written))

    def has_decision(self) -> bool:
        """Whether there is one already."""
        return self._decisions.newest != 0

    def read_decision(self) -> WrittenDecision:
        """Return the last decision.

        Raises
        ------
        GarbledMemoryError
            If there is none, or it cannot be one.
        """
        return _unpack_decision(self._decisions.read_newest())

    def push(self, sighting: Sighting) -> bool:
        """Hand over a frame; False if those before were not taken, and this one neither."""
        if self._frames.newest - int(self._taken.value) >= self.FRAMES:
            return False
        self._frames.write(_pack_sighting(sighting))
        return True

    def take(self) -> list[Sighting]:
        """Return the frames that were handed over since the last call.

        Raises
        ------
        GarbledMemoryError
            If one of them is none.
        """
        first, newest = int(self._taken.value) + 1, self._frames.newest
        if not 0 <= newest - first + 1 <= self.FRAMES:
            msg = "the memory in which images are handed to the monitor is garbled"
            raise GarbledMemoryError(msg)
        found = []
        for number in range(first, newest + 1):
            record = self._frames.read(number)
            if record is None:
                msg = f"image {number} was garbled on its way to the monitor"
                raise GarbledMemoryError(msg)
            sighting = _unpack_sighting(record)
            if sighting is not None:
                found.append(sighting)
        self._taken.value = newest
        return found


def _checksum(number: int, record: bytes) -> int:
    return zlib.crc32(record, number & 0xFFFFFFFF)


def _microseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _time(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _cut(text: str, size: int) -> bytes:
    """Text in so many bytes, without half a letter at its end."""
    return text.encode()[:size].decode(errors="ignore").encode()


def _text(record: bytes) -> str:
    return record.rstrip(b"\0").decode()


def _pack_sighting(sighting: Sighting | None) -> bytes:
    if sighting is None:
        return bytes(_SIGHTING.size)
    moment = (_microseconds(sighting.at), sighting.number)
    source = _cut(sighting.source, SOURCE_BYTES)
    if isinstance(sighting, Unseen):
        words = _cut(sighting.reason, WORDS_BYTES)
        return _SIGHTING.pack(2, *moment, 0.0, *[0.0] * 12, 0, *_NO_PLACE, source, words)
    rotation = sighting.rotation_deg
    return _SIGHTING.pack(
        1,
        *moment,
        sighting.quality,
        *sighting.position_mm,
        *sighting.covariance_mm2.ravel(),
        rotation is not None,
        *(_NO_PLACE if rotation is None else rotation),
        source,
        _cut(sighting.words, WORDS_BYTES),
    )


def _unpack_sighting(record: bytes) -> Sighting | None:
    kind, microseconds, number, quality, *rest = _SIGHTING.unpack(record)
    if kind == 0:
        return None
    at, source, words = _time(microseconds), _text(rest[16]), _text(rest[17])
    if kind == 2:
        return Unseen(at, number, source, words)
    position_mm, covariance = np.array(rest[:3]), np.array(rest[3:12]).reshape(3, 3)
    rotation = np.array(rest[13:16]) if rest[12] else None
    return TargetSample(position_mm, covariance, at, number, source, quality, words, rotation)


def _pack_decision(written: WrittenDecision) -> bytes:
    decision = written.decision
    return _DECISION.pack(
        written.order,
        written.written_s,
        written.permit_until_s,
        _microseconds(decision.at),
        STATES.index(decision.state),
        math.nan if decision.probability is None else decision.probability,
        *(_NO_PLACE if decision.position_mm is None else decision.position_mm),
        math.nan if decision.latency_s is None else decision.latency_s,
        *(_NO_PLACE if decision.proposal_mm is None else decision.proposal_mm),
        decision.holds,
        _cut(decision.reason, REASON_BYTES),
        _pack_sighting(decision.sighting),
    )


def _unpack_decision(record: bytes) -> WrittenDecision:
    order, written_s, permit_until_s, microseconds, state, *rest = _DECISION.unpack(record)
    decision = GateDecision(
        _time(microseconds),
        STATES[state],
        _text(rest[9]),
        _number(rest[0]),
        _place(rest[1:4]),
        _unpack_sighting(rest[10]),
        _number(rest[4]),
        _place(rest[5:8]),
        rest[8],
    )
    return WrittenDecision(decision, written_s, permit_until_s, order)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _place(values: list[float]) -> Array | None:
    return None if math.isnan(values[0]) else np.array(values)
