"""When the gate of the virtual machine lets radiation pass: permissions, their ends and their delays.

Times are seconds of the room. Opening takes the time in which the dose rate comes up, closing that in which
it goes down; a permission that is not renewed ends by itself.
"""

from dataclasses import dataclass

from isoguide.virtual.device import DeviceLink
from isoguide.virtual.room_settings import BeamSettings


@dataclass(slots=True)
class Opening:
    """Radiation may pass from ``opens_s`` until ``delay_s`` after the end of its permission, ``until_s``."""

    opens_s: float
    until_s: float
    delay_s: float

    @property
    def closes_s(self) -> float:
        """Second from which nothing passes."""
        return self.until_s + self.delay_s

    def is_open(self, at_s: float) -> bool:
        """Tell whether radiation may pass."""
        return self.opens_s <= at_s < self.closes_s


class BeamGate:
    """Openings in order. Each has its own delays, drawn when it is first permitted.

    A closing that was ordered happens: a permission after it opens anew, with the delay of an opening.

    Parameters
    ----------
    link, settings
        Of the beam.
    """

    def __init__(self, link: DeviceLink, settings: BeamSettings) -> None:
        self._link, self._settings = link, settings
        self._openings: list[Opening] = []

    def shut(self) -> None:
        """Forget every permission: nothing passes."""
        self._openings.clear()

    def permit(self, seconds: float) -> None:
        """Let radiation pass for so long from now, in place of the permission before."""
        now_s = self._link.clock.seconds
        if self._openings and now_s < self._openings[-1].until_s:
            self._openings[-1].until_s = now_s + seconds
            return
        on_s, off_s = (
            self._link.draw_s(delay)
            for delay in (self._settings.gate_on_delay, self._settings.gate_off_delay)
        )
        self._openings.append(Opening(now_s + on_s, now_s + seconds, off_s))

    def withhold(self) -> None:
        """Let radiation pass no longer, but for the delay; what has not begun does not begin."""
        now_s = self._link.clock.seconds
        self._openings = [one for one in self._openings if one.opens_s <= now_s]
        for one in self._openings:
            one.until_s = min(one.until_s, now_s)

    def passes(self, at_s: float) -> bool:
        """Tell whether radiation may pass at a second that is not before those asked for earlier."""
        return any(one.is_open(at_s) for one in self._openings)

    def first_after(self, at_s: float) -> Opening | None:
        """Return what is open at a second or opens next; what closed before is forgotten."""
        self._openings = [one for one in self._openings if one.closes_s > at_s]
        possible = [one for one in self._openings if one.closes_s > one.opens_s]
        return min(possible, key=lambda one: one.opens_s, default=None)
