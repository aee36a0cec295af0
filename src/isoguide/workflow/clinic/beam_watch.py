"""The thread that watches one beam of a connected room, from the order to the end.

It depends on no page and no listener. The console that turned the beam on has to say that it is there;
whoever asks for a hold is heard at the next look; whatever fails holds the beam.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from isoguide.errors import DeviceError
from isoguide.treatment import Fraction, State
from isoguide.treatment.fraction import Monitor
from isoguide.treatment.words import in_words
from isoguide.workflow.clinic.beam_gate import BeamGate
from isoguide.workflow.clinic.delivery_sink import DeliverySink

CONSOLE_S: Final = 1.0
"""Longest time without a word of the console that turned the beam on."""
CONSOLE_SILENT: Final = "the console that watches the beam does not answer"
SHUT_DOWN: Final = "isoguide was shut down while the beam was on"


@dataclass(frozen=True, slots=True)
class BeamOrder:
    """Who turns the beam on, and at which console (its session)."""

    by: str
    session: str


@dataclass(frozen=True, slots=True)
class _Ask:
    reason: str
    by: str
    is_stop: bool = False


class BeamWatch:
    """One beam: turned on, watched, held or delivered, and closed.

    Parameters
    ----------
    fraction
        In the connected room.
    sink
        Its sink, which is told who ends the beam.
    order
        Who turns it on.
    turn_on
        Turns the beam on, or resumes it; what it raises is handed on by :meth:`start`.
    monitors
        Of the protocol, and whatever else may hold.
    gate
        Of this delivery, for who looks; ``turn_on`` gives it to the fraction. None where nothing gates it.
    """

    def __init__(
        self,
        fraction: Fraction,
        sink: DeliverySink,
        order: BeamOrder,
        *,
        turn_on: Callable[[], State],
        monitors: Sequence[Monitor] = (),
        gate: BeamGate | None = None,
    ) -> None:
        self.fraction, self.order, self.gate = fraction, order, gate
        self._sink, self._turn_on = sink, turn_on
        self._monitors = (self._asked, self._shut_down, self._console, *monitors)
        self._ask: _Ask | None = None
        self._is_shut_down = False
        self._heard = False
        self._heard_at: datetime | None = None
        self._refusal: BaseException | None = None
        self._is_turned_on, self._has_ended = threading.Event(), threading.Event()
        # No daemon: a process that ends waits for it, and with no console left it holds the beam.
        self._thread = threading.Thread(target=self._run, name="isoguide-beam", daemon=False)

    @property
    def is_running(self) -> bool:
        """True until the beam has ended and that was written down, if it could be."""
        return not self._has_ended.is_set()

    def start(self) -> None:
        """Turn the beam on and watch it; returns when it is on, or has ended at once.

        Raises
        ------
        IsoguideError
            As the step of the fraction: there was no beam.
        """
        self._thread.start()
        self._is_turned_on.wait()
        if self._refusal is not None:
            self._has_ended.wait()
            raise self._refusal

    def heard(self, session: str) -> bool:
        """Note that a console is there; False when it is not the one that turned the beam on."""
        if session != self.order.session:
            return False
        self._heard = True
        return True

    def ask_hold(self, reason: str, by: str) -> None:
        """Ask for a hold, which is heard at the next look; what was asked first counts."""
        if self._ask is None:
            self._ask = _Ask(reason.strip() or "no reason was given", by)

    def ask_stop(self, reason: str, by: str) -> None:
        """Ask to hold the beam and end the fraction."""
        self._ask = _Ask(reason.strip() or "no reason was given", by, is_stop=True)

    def shut_down(self) -> None:
        """Hold the beam because this process ends; going on needs a new image then."""
        self._is_shut_down = True

    def wait_ended(self, timeout_s: float | None = None) -> bool:
        """Wait until the beam has ended; False when it has not in time."""
        return self._has_ended.wait(timeout_s)

    def _run(self) -> None:
        try:
            state = self._turned_on()
            if state is State.BEAM_ON:
                state = self.fraction.watch(monitors=self._monitors)
            self._finish(state)
        except BaseException as error:  # noqa: BLE001 - handed to the caller, or the beam is off and said why
            self._refusal = error
        finally:
            if self.fraction.state is State.BEAM_ON or self.fraction.beam_may_be_on:
                refusal = self._refusal
                self.fraction.stop(
                    in_words(refusal) if refusal is not None else "nobody watches the beam any more"
                )
            if self.gate is not None:
                self.gate.recording.end()
            self._has_ended.set()
            self._is_turned_on.set()

    def _turned_on(self) -> State:
        state = self._turn_on()
        self._heard = True
        self._is_turned_on.set()
        return state

    def _finish(self, state: State) -> None:
        if state is State.DELIVERED:
            state = self.fraction.close()
        ask = self._ask
        if ask is not None and ask.is_stop and not state.is_final:
            self._said_by(ask)
            self.fraction.stop(ask.reason)

    def _said_by(self, ask: _Ask) -> None:
        self._sink.ended_by = "OPERATOR"
        self._sink.recorder.by = ask.by.strip() or self.order.by

    def _asked(self, _now: datetime) -> str | None:
        ask = self._ask
        if ask is None:
            return None
        self._said_by(ask)
        return ask.reason

    def _shut_down(self, _now: datetime) -> str | None:
        if self._is_shut_down:
            raise DeviceError(SHUT_DOWN)
        return None

    def _console(self, now: datetime) -> str | None:
        if self._heard or self._heard_at is None:
            self._heard, self._heard_at = False, now
        silent_s = (now - self._heard_at) / timedelta(seconds=1)
        return CONSOLE_SILENT if silent_s > CONSOLE_S else None
