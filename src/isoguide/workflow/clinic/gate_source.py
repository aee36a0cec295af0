"""Where the gates of a connected room come from: the usual one decides in a process of its own.

The process is begun when a patient is set up, so that arming the gate takes no time, and waits between the
deliveries. A thread hands it the frames; whoever watches the beam only reads what it decided last.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from isoguide.errors import DeviceError
from isoguide.motion.gate import predicting_gate
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import Gate, GateDecision, GateState, TargetWatch
from isoguide.motion.monitor_loop import GateMaker
from isoguide.motion.monitor_process import MonitoredGate
from isoguide.treatment.words import in_words

HANDED_EVERY_S: Final = 0.01
"""Time between two questions to what watches the target: so long a frame waits at most."""
FIRST_LOOK_S: Final = 5.0
"""So long a machine may take to come on after the gate is armed: nobody asks for permissions until then, and
a process that nobody reads would close the gate."""
ENDS_S: Final = 1.0
"""A thread that hands frames over ends within this, or waits for a device and hands over nothing more."""


class GateSource(Protocol):
    """Makes the gates of one room."""

    def prepare(self, settings: GateSettings) -> None:
        """Make ready for a gate in the background; harmless when that is done. Never raises."""
        ...

    def gate(self, watch: TargetWatch, settings: GateSettings) -> Gate:
        """Return a gate around what watches the target."""
        ...

    def close(self) -> None:
        """End what was made ready."""
        ...


class MonitorProcess:
    """The gates of one room, which decide in a process of their own.

    Parameters
    ----------
    now
        The time of the room, aware.
    speed
        Seconds of the room in a second of a person.
    make
        Makes the gate in the process, which finds it by name.
    """

    def __init__(
        self, now: Callable[[], datetime], speed: float = 1.0, make: GateMaker = predicting_gate
    ) -> None:
        self._now, self._speed, self._make = now, speed, make
        self._lock = threading.Lock()
        self._monitored: MonitoredGate | None = None

    def prepare(self, settings: GateSettings) -> None:
        """Begin the process in the background."""
        threading.Thread(target=self._begin, args=(settings,), name="isoguide-monitor", daemon=True).start()

    def gate(self, watch: TargetWatch, settings: GateSettings) -> Gate:
        """Return a gate around what watches the target; the one before it has to have ended.

        Raises
        ------
        DeviceError
            If the process does not begin.
        """
        return HandedGate(watch, self._ready(settings), self._now)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._monitored is not None:
                self._monitored.close()
                self._monitored = None

    def _begin(self, settings: GateSettings) -> None:
        with suppress(DeviceError):  # whoever turns the beam on is told why
            self._ready(settings)

    def _ready(self, settings: GateSettings) -> MonitoredGate:
        with self._lock:
            monitored = self._monitored
            if monitored is None or monitored.settings != settings:
                if monitored is not None:
                    monitored.close()
                monitored = MonitoredGate(settings, now=self._now, make=self._make, speed=self._speed)
                self._monitored = monitored
            monitored.start()
            return monitored


class HandedGate:
    """A gate in a process of its own, to which a thread hands what is seen of the target.

    Parameters
    ----------
    watch
        What watches the target.
    monitored
        The gate.
    now
        The time of the room, aware.
    """

    def __init__(self, watch: TargetWatch, monitored: MonitoredGate, now: Callable[[], datetime]) -> None:
        self._watch, self._monitored, self._now = watch, monitored, now
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure = ""
        self._is_asked = False

    @property
    def period_s(self) -> float:
        """How often it wants to be asked."""
        return self._monitored.period_s

    @property
    def permit_s(self) -> float:
        """How long a permission lasts without another one."""
        return self._monitored.permit_s

    def arm(self) -> None:
        """Watch, and let the process decide.

        Raises
        ------
        IsoguideError
            If what watches the target cannot, or the process does not answer.
        """
        self._end_thread()
        self._watch.start()
        self._monitored.arm()
        self._failure, self._is_asked, self._ends = "", False, threading.Event()
        self._thread = threading.Thread(
            target=self._hand_over, args=(self._ends,), name="isoguide-frames", daemon=True
        )
        self._thread.start()

    def look(self, now: datetime) -> GateDecision:
        """Return what the process decided; "stopped" once the target cannot be watched."""
        self._is_asked = True
        decision = self._monitored.look(now)
        if not self._failure:
            return decision
        return replace(decision, at=now, state=GateState.STOPPED, reason=self._failure, proposal_mm=None)

    def end(self) -> None:
        """Stop watching; the process waits for the next delivery."""
        self._end_thread()
        try:
            self._monitored.end()
        finally:
            self._watch.stop()

    def _end_thread(self) -> None:
        self._ends.set()
        if self._thread is not None:
            self._thread.join(ENDS_S)
            self._thread = None

    def _hand_over(self, ends: threading.Event) -> None:
        first_look_s = time.monotonic() + FIRST_LOOK_S
        try:
            while not ends.wait(HANDED_EVERY_S):
                if not self._is_asked and time.monotonic() < first_look_s:
                    self._monitored.look(self._now())  # read, and passed on to no machine
                for sighting in self._watch.take(self._now()):
                    if not ends.is_set():
                        self._monitored.push(sighting)
        except Exception as error:  # noqa: BLE001 - whatever it was, the target is watched no more
            if not ends.is_set():
                self._failure = in_words(error)
