"""The process that watches: looks, decides, and writes each decision where the treatment reads it.

It imports little and shares nothing with the treatment but memory of fixed layout, so that neither a slow
page nor a large collection of garbage delays a hold. When nobody reads it any more it ends.
"""

import contextlib
import gc
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from ctypes import Array as CArray
from ctypes import c_char
from datetime import datetime
from multiprocessing import parent_process
from multiprocessing.synchronize import Semaphore
from time import monotonic
from typing import Final

from isoguide.motion.gate import TargetGate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.sample import Sighting
from isoguide.motion.shared_records import EPOCH, Order, OrderKind, SharedRecords, WrittenDecision

PRIORITY: Final = -10
"""As "nice" counts: it uses little, but waits for nobody."""
IDLE_S: Final = 0.05
"""Time between two looks at the orders while the gate is not armed."""
FORSAKEN_S: Final = 5.0
"""When nobody has read a decision for so long, watching ends: it may cost dose."""
MOST_WAITING: Final = 512


class PushedWatch:
    """Watches by what another process pushes; a :class:`~isoguide.motion.gating.TargetWatch`.

    Parameters
    ----------
    records
        Where it is pushed to.
    """

    source = "pushed images"

    def __init__(self, records: SharedRecords) -> None:
        self._records = records
        self._frames: deque[Sighting] = deque(maxlen=MOST_WAITING)

    def start(self) -> None:
        """Begin anew: what was pushed before is left out."""
        self.fetch()
        self._frames.clear()

    def stop(self) -> None:
        """Nothing has to be ended."""

    def fetch(self) -> None:
        """Take over what was pushed, so that there is room for more.

        Raises
        ------
        GarbledMemoryError
            If it is no sighting.
        """
        self._frames.extend(self._records.take())

    def take(self, now: datetime) -> Sequence[Sighting]:  # noqa: ARG002 - what was pushed has arrived
        """Return what was pushed since the last call.

        Raises
        ------
        GarbledMemoryError
            If it is no sighting.
        """
        self.fetch()
        frames = list(self._frames)
        self._frames.clear()
        return frames


GateMaker = Callable[[PushedWatch, GateSettings], TargetGate]
"""Makes the gate inside the process: it has to be found by name there. Its watch may be the one given."""


def pushed_gate(watch: PushedWatch, settings: GateSettings) -> TargetGate:
    """Return a gate around what is pushed; the target is taken to stay where it is: for a prostate."""
    return TargetGate(watch, settings)


def run_monitor(make: GateMaker, settings: GateSettings, memory: "CArray[c_char]", pushed: Semaphore) -> None:
    """Watch until the process that reads the decisions asks for the end, or has ended itself.

    Parameters
    ----------
    make
        Makes the gate.
    settings
        What it demands.
    memory
        What :class:`~isoguide.motion.shared_records.SharedRecords` lies in.
    pushed
        Released with each frame, so that it is looked at at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever reads it decides when it ends
    _ask_for_priority()
    records = SharedRecords(memory)
    try:
        watch = PushedWatch(records)
        gate = make(watch, settings)
        gate.warm_up()
        monitor = _Monitor(records, gate, watch)
    except Exception as error:  # noqa: BLE001 - it has to be told to the other process, whatever it is
        reason = f"monitoring could not begin: {type(error).__name__} {error}"
        failed = GateDecision(EPOCH, GateState.STOPPED, reason)
        records.write_decision(WrittenDecision(failed, monotonic(), 0.0, -1))
        return
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        while monitor.step():
            pushed.acquire(timeout=monitor.wait_s)
            while pushed.acquire(block=False):
                pass
    finally:
        gate.end()


def _ask_for_priority() -> None:
    """Ask to be served before others; where that is refused, or unknown, it goes without."""
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)


class _Monitor:
    """One look after another."""

    def __init__(self, records: SharedRecords, gate: TargetGate, watch: PushedWatch) -> None:
        self._records, self._gate, self._watch = records, gate, watch
        self._obeyed = 0
        self._armed: Order | None = None
        self._permit_until_s = 0.0
        self._parent = parent_process()
        self._write(GateDecision(EPOCH, GateState.STOPPED, "the gate is not armed"), monotonic())

    @property
    def wait_s(self) -> float:
        """How long to wait for a frame."""
        return IDLE_S if self._armed is None else self._gate.period_s / self._armed.speed

    def step(self) -> bool:
        """Obey, look, and write; whether there is to be another step."""
        if self._parent is not None and not self._parent.is_alive():
            return False
        if self._records.newest_order() != self._obeyed and not self._obey():
            return False
        if self._armed is None:
            self._watch.fetch()
            return True
        started_s = monotonic()
        now = self._armed.room_time_at(started_s)
        decision = self._gate.look(now)
        lapsed = self._why_lapsed(decision, started_s)
        if lapsed:
            decision = self._gate.withhold(now, lapsed)
        self._write(decision, started_s)
        return True

    def _obey(self) -> bool:
        order, self._obeyed = self._records.read_order(), self._records.newest_order()
        if order.kind is OrderKind.QUIT:
            return False
        self._permit_until_s = 0.0
        now_s = monotonic()
        if order.kind is OrderKind.END:
            self._armed = None
            self._gate.end()
        else:
            gc.collect()
            self._armed = order
            try:
                self._gate.arm()
            except Exception:  # noqa: BLE001 - the gate keeps the reason, and the next look tells it
                self._armed = None
        self._write(self._gate.look(order.room_time_at(now_s)), now_s)
        return True

    def _why_lapsed(self, decision: GateDecision, started_s: float) -> str:
        """Why a decision must not let beam pass: nobody reads, or the permission before it ran out."""
        now_s = monotonic()
        unread_s = now_s - self._records.beat_s
        settings = self._gate.settings
        speed = self._armed.speed if self._armed else 1.0
        if unread_s > FORSAKEN_S:
            self._gate.end()
            return f"nobody has read the monitor for {unread_s:.1f} s"
        if unread_s * speed > settings.stale_s:
            return f"nobody has read the monitor for {unread_s:.1f} s"
        if decision.permits_beam and 0.0 < self._permit_until_s <= now_s:
            return f"the monitor took {now_s - started_s:.2f} s for a look"
        return ""

    def _write(self, decision: GateDecision, started_s: float) -> None:
        speed = self._armed.speed if self._armed else 1.0
        permit_s = self._gate.permit_s / speed if decision.permits_beam else 0.0
        self._permit_until_s = started_s + permit_s if permit_s else 0.0
        self._records.write_decision(
            WrittenDecision(decision, monotonic(), self._permit_until_s, self._obeyed)
        )
