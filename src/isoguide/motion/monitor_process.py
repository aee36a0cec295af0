"""A gate in a process of its own: what is read here lets beam pass only while it is fresh.

The handle of a dead man: every decision bears until when beam may pass, on the monotonic clock of the
computer, and nothing but the next decision prolongs it. A process that is frozen, killed, slow or confused
therefore ends in a hold without doing anything for it. ``time.monotonic`` is one clock for all processes of
a computer on Linux (``CLOCK_MONOTONIC``), macOS (``mach_absolute_time``) and Windows (time since the start);
that it is here is checked each time that a process begins.
"""

import multiprocessing
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Self

from isoguide.errors import DeviceError, InputError
from isoguide.motion.gate_settings import GateSettings
from isoguide.motion.gating import GateDecision, GateState
from isoguide.motion.monitor_loop import GateMaker, pushed_gate, run_monitor
from isoguide.motion.sample import Sighting
from isoguide.motion.shared_records import Order, OrderKind, SharedRecords, WrittenDecision

START_S: Final = 180.0
"""Longest time until the process has imported and warmed up; after an installation it compiles."""
ANSWER_S: Final = 5.0
"""Longest time until an order is obeyed."""
QUIT_S: Final = 2.0
POLL_S: Final = 0.002
BINDINGS: Final = 20
BOUND_TO_S: Final = 0.002
"""How well the clocks of both processes are bound together; on a busy computer it takes some attempts."""


class MonitoredGate:
    """The gate in its own process; a :class:`~isoguide.motion.gating.Gate`.

    It also closes by itself, and then says so: when the process does not answer, has ended, or writes what
    is no decision, and when the clocks of both disagree. All of these need :meth:`arm` again. One thread
    looks, arms and ends; one, the same or another, pushes.

    Parameters
    ----------
    settings
        What the gate demands.
    make
        Makes the gate in the other process; it is found by name there.
    now
        The time of the room, aware.
    speed
        Seconds of the room in a second of a person; more than 1 to practise quickly.

    Raises
    ------
    InputError
        If the speed is not a positive number.
    """

    def __init__(
        self,
        settings: GateSettings,
        *,
        now: Callable[[], datetime],
        make: GateMaker = pushed_gate,
        speed: float = 1.0,
    ) -> None:
        if not 0.0 < speed < float("inf"):
            msg = f"the speed of the room has to be a positive number, not {speed}"
            raise InputError(msg)
        self.settings = settings
        self._make, self._now, self._speed = make, now, speed
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._order: Order | None = None
        self._order_number = 0
        self._fault, self._is_broken = "the gate is not armed", False
        self._last: GateDecision | None = None
        self._lost_holds = 0

    @property
    def period_s(self) -> float:
        """How often it wants to be asked."""
        return self.settings.period_s

    @property
    def permit_s(self) -> float:
        """How long a permission lasts without another one."""
        return self.settings.permit_s

    @property
    def process_id(self) -> int | None:
        """Of the process that watches, while there is one."""
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Begin the process, so that arming takes no time later; harmless while it runs.

        Raises
        ------
        DeviceError
            If it does not begin.
        """
        if self._process is not None and self._process.is_alive():
            return
        self.close()
        memory = self._context.RawArray("c", SharedRecords.size())
        self._records = SharedRecords(memory)
        self._pushed = self._context.Semaphore(0)
        began_s = time.monotonic()
        self._process = self._context.Process(
            target=run_monitor,
            args=(self._make, self.settings, memory, self._pushed),
            daemon=True,
            name="isoguide monitor",
        )
        try:
            self._process.start()
            self._wait_until(self._records.has_decision, START_S, "begin")
            self._require_ours(self._records.read_decision(), began_s)
        except Exception as error:
            self._kill()
            if isinstance(error, DeviceError):
                raise
            msg = f"the monitor's process cannot begin: {error}"
            raise DeviceError(msg) from error

    def arm(self) -> None:
        """Begin, or begin anew, in whatever state: nothing that was pushed before counts.

        Raises
        ------
        DeviceError
            If the process does not begin or answer, or what watches the target cannot.
        """
        if self._is_broken:
            self._kill()
        self.start()
        self._records.beat_s = time.monotonic()
        try:
            written = self._obeyed(OrderKind.ARM)
        except DeviceError:
            self._kill()
            raise
        if written.decision.state is GateState.STOPPED:
            self._fault = written.decision.reason
            raise DeviceError(written.decision.reason)
        self._fault, self._last = "", written.decision

    def push(self, sighting: Sighting) -> None:
        """Hand a frame to the process, for its :class:`~isoguide.motion.monitor_loop.PushedWatch`.

        It never waits. A frame that finds no room, because the process takes none, closes the gate.
        """
        if self._process is None:
            return
        if self._records.push(sighting):
            self._pushed.release()
        elif self._order is not None:
            self._fail("the monitor takes no more images")

    def look(self, now: datetime) -> GateDecision:
        """Read the newest decision; it never raises."""
        if not self._fault:
            try:
                return self._read(now)
            except Exception as error:  # noqa: BLE001 - whatever fails here is a reason not to treat
                self._fail(str(error) if isinstance(error, DeviceError) else f"monitoring failed: {error!r}")
        return self._own(now, GateState.STOPPED, self._fault)

    def end(self) -> None:
        """Stop watching; harmless when that has ended. The process waits to be armed again."""
        armed, self._order = self._order is not None, None
        self._fault = self._fault or "monitoring has ended"
        if self._is_broken:
            self._kill()
        elif armed:
            try:
                self._obeyed(OrderKind.END)
            except DeviceError:
                self._kill()
        self._order = None

    def close(self) -> None:
        """End the process; harmless when it has ended."""
        self._fault = self._fault or "monitoring has ended"
        process = self._process
        if process is not None and process.is_alive():
            self._records.write_order(self._order_now(OrderKind.QUIT))
            self._pushed.release()
            process.join(QUIT_S)
        self._kill()

    def _kill(self) -> None:
        process, self._process, self._order, self._is_broken = self._process, None, None, False
        if process is not None and process.pid is not None:
            process.kill()
            process.join()
            process.close()

    @staticmethod
    def _require_ours(first: WrittenDecision, began_s: float) -> None:
        """Refuse a process that could not begin, or whose clock is another."""
        if first.order < 0:
            raise DeviceError(first.decision.reason)
        if not began_s <= first.written_s <= time.monotonic():
            msg = "the monitor's process has another monotonic clock: this computer cannot watch"
            raise DeviceError(msg)

    def _read(self, now: datetime) -> GateDecision:
        self._records.beat_s = time.monotonic()
        written = self._records.read_decision()
        read_s = time.monotonic()
        self._require_alive()
        silent_s = (read_s - written.written_s) * self._speed
        if silent_s > self.settings.stale_s:
            msg = f"the monitor has been silent for {silent_s:.2f} s"
            raise DeviceError(msg)
        if written.order != self._order_number or silent_s < -self.settings.clock_skew_s:
            msg = "the monitor answers something that it was not asked"
            raise DeviceError(msg)
        order = self._order
        off_s = 0.0 if order is None else (now - order.room_time_at(read_s)).total_seconds()
        if abs(off_s) > self.settings.stale_s:
            msg = f"the clock of the room is {off_s:.2f} s off the monitor's"
            raise DeviceError(msg)
        self._last = written.decision
        if written.decision.permits_beam and read_s >= written.permit_until_s:
            return self._own(now, GateState.HOLD, f"the monitor has not answered for {silent_s:.2f} s")
        return written.decision

    def _require_alive(self) -> None:
        if self._process is None or not self._process.is_alive():
            code = None if self._process is None else self._process.exitcode
            msg = f"the monitor's process has ended (exit code {code})"
            raise DeviceError(msg)

    def _fail(self, reason: str) -> None:
        if self._last is not None and self._last.permits_beam:
            self._lost_holds += 1
        self._fault, self._is_broken = self._fault or reason, True

    def _own(self, now: datetime, state: GateState, reason: str) -> GateDecision:
        """Return a decision of this side, with what is known of the last frame."""
        last = self._last
        if last is None:
            return GateDecision(now, state, reason)
        newest = last.sighting
        latency_s = None if newest is None else (now - newest.at).total_seconds()
        holds = last.holds + self._lost_holds
        return GateDecision(now, state, reason, sighting=newest, latency_s=latency_s, holds=holds)

    def _obeyed(self, kind: OrderKind) -> WrittenDecision:
        """Give an order and return the first decision after it."""
        self._order = self._order_now(kind)
        self._order_number = number = self._records.write_order(self._order)
        self._pushed.release()
        self._wait_until(lambda: self._records.read_decision().order == number, ANSWER_S, "answer")
        return self._records.read_decision()

    def _order_now(self, kind: OrderKind) -> Order:
        """Bind the time of the room to the monotonic clock; again if this was interrupted meanwhile."""
        for _ in range(BINDINGS):
            before_s = time.monotonic()
            room_time = self._now()
            after_s = time.monotonic()
            if after_s - before_s <= BOUND_TO_S:
                break
        return Order(kind, room_time, 0.5 * (before_s + after_s), self._speed)

    def _wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        over_s = time.monotonic() + seconds
        while True:
            alive = self._process is not None and self._process.is_alive()
            if condition():
                return
            if not alive:
                self._require_alive()
            if time.monotonic() > over_s:
                msg = f"the monitor's process does not {what} within {seconds:g} s"
                raise DeviceError(msg)
            time.sleep(POLL_S)
